"""An item is the vendor's own id; every other name only leads to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.providers.github.webhook import GithubWebhook
from factory_core.dispatch.events import ItemChanged, PullRequestChanged, StopRequested
from factory_core.dispatch.pull_request import item_mark
from factory_core.dispatch.records import InFlightRecord, State, Summary
from factory_core.work_item import Source
from tests.core.world import World, run, ticket

from .vendors import github_request, linear_request, linear_webhook, signed_slack, slack_webhook

pytestmark = pytest.mark.pure

UUID = "28b8ecd1-008e-4aa3-8f5c-6cc6f4de3a18"
WORDS = "Rename `total` to `amount` in shop/cart.py; a test must say that amount is shown, and nothing else changes."


def moved(key: str, uuid: str = UUID) -> dict[str, Any]:
    """How comments and sessions name an issue: by today's key and the id."""
    return {"issueId": uuid, "issue": {"id": uuid, "identifier": key, "title": "Cart"}}


def comment(key: str, uuid: str = UUID, **more: Any) -> dict[str, Any]:
    data = {"id": f"c-{key}", "body": WORDS, "userId": "maya", "user": {"id": "maya", "name": "Maya"}}
    return {
        "type": "Comment",
        "action": "create",
        "organizationId": "o-1",
        "data": {**data, **moved(key, uuid)},
        **more,
    }


def session(key: str, uuid: str = UUID) -> dict[str, Any]:
    made = {"id": "s-1", "creatorId": "maya", **moved(key, uuid)}
    return {"type": "AgentSessionEvent", "action": "created", "organizationId": "o-1", "agentSession": made}


def stopped(key: str) -> dict[str, Any]:
    pressed = {"id": "a-1", "signal": "stop", "userId": "maya", "user": {"id": "maya", "name": "Maya"}}
    return {**session(key), "action": "prompted", "agentActivity": pressed}


def issue(key: str, former: tuple[str, ...] = (), uuid: str = UUID, title: str = "Cart") -> dict[str, Any]:
    data = {
        "id": uuid, "identifier": key, "previousIdentifiers": list(former), "title": title, "description": "wrong",
        "updatedAt": "2026-11-21T03:00:00.000Z", "labels": [], "team": {"key": key.partition("-")[0]},
        "state": {"id": "s", "name": "Ready for Agent", "type": "unstarted"}, "project": {"name": "Shop"},
    }  # fmt: skip
    return {"type": "Issue", "action": "update", "organizationId": "o-1", "data": data}


class MovingWorld(World):
    """A world whose tracker is Linear: events come as Linear signs them, and its items have Linear's ids."""

    async def linear(self, document: dict[str, Any]) -> None:
        await self.hear(*linear_webhook(self.config).events_in(linear_request(document, self.now)).events)

    async def appears(self, document: dict[str, Any], **changes: Any) -> None:
        """Linear shows the issue, and says so."""
        (event,) = linear_webhook(self.config).events_in(linear_request(document, self.now)).events
        assert isinstance(event, ItemChanged) and event.item is not None
        item = event.item.model_copy(update=changes)
        self.tracker.items = {key: known for key, known in self.tracker.items.items() if known.id != item.id}
        self.tracker.items[item.id] = item
        await self.hear(event)

    async def records(self) -> list[InFlightRecord]:
        return [record async for record in self.store.list_in_flight()]


def test_a_ticket_that_moves_between_teams_stays_one_item() -> None:
    """Its comment, its session and its stop reach the record that was begun under another key."""

    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-142"))
        await world.appears(issue("PLAT-7", ("ACME-142",)))
        await world.linear(comment("PLAT-7"))
        (record,) = await world.records()
        assert (record.work_item_id, record.key, len(record.answers)) == (f"linear:{UUID}", "PLAT-7", 1)
        await world.linear(session("PLAT-7"))
        assert len(world.fleet.orders) == 1
        await world.linear(stopped("OPS-3"))  # moved once more, and nothing told us of it
        (record,) = await world.records()
        assert record.state is State.CANCELLED and not world.fleet.live

    run(story())


@pytest.mark.parametrize("name", [f"linear:{UUID}", "ACME-142", "PLAT-7", "session:s-1"])
def test_people_find_an_item_by_every_name_that_it_ever_had(name: str) -> None:
    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-142"))
        await world.linear(session("ACME-142"))
        await world.appears(issue("PLAT-7", ("ACME-142",)))
        found = await world.store.get_in_flight(name)
        assert found is not None and found.work_item_id == f"linear:{UUID}"

    run(story())


def test_the_words_of_another_organisation_reach_nobody() -> None:
    """Its issue has our ticket's key and another id: no answer, no second record, no agent."""

    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-1"))
        before = await world.records()
        await world.linear(comment("ACME-1", "00000000-0000-4000-8000-000000000001", organizationId="o-2"))
        assert await world.records() == before

    run(story())


def test_a_key_that_is_given_anew_makes_another_item() -> None:
    """A team was deleted and made again: its first ticket is not the one that we knew by that key."""

    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-1"))
        other = "11111111-1111-4111-8111-111111111111"
        await world.appears(issue("ACME-1", uuid=other, title="Another cart"))
        assert {record.work_item_id for record in await world.records()} == {f"linear:{UUID}", f"linear:{other}"}
        await world.linear(comment("ACME-1"))
        counts = {record.work_item_id: len(record.answers) for record in await world.records()}
        assert counts == {f"linear:{UUID}": 1, f"linear:{other}": 0}

    run(story())


def test_a_record_of_an_older_release_is_found_by_its_key_and_learns_its_identity() -> None:
    """Then its key was its id, and nothing else of it was known."""

    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-1"))
        (record,) = await world.records()
        await world.store.delete_in_flight(record.work_item_id)
        assert record.item is not None
        old = record.item.model_copy(update={"identity": "", "former_keys": ()})
        await world.store.put_in_flight(record.but(work_item_id="ACME-1", aliases=(), item=old, version=0, outbox=()))
        await world.appears(issue("ACME-1", title="Rename the total"))
        (record,) = await world.records()
        assert record.work_item_id == "ACME-1" and record.aliases == (f"linear:{UUID}",)
        await world.linear(comment("PLAT-7"))
        (record,) = await world.records()
        assert len(record.answers) == 1

    run(story())


def test_a_hint_that_knows_only_todays_key_starts_no_second_agent() -> None:
    """A relay's old path names the key alone. The first read of the ticket shows that it is known under its own id."""

    async def story() -> None:
        world = World()
        item = ticket("ACME-142", id=f"linear:{UUID}", source=Source(provider="linear", external_id=UUID))
        world.tracker.items[item.id] = item
        await world.hear(ItemChanged(id="e1", work_item_id="ACME-142", identity=item.id, at=world.now, item=item))
        world.tracker.items[item.id] = item.model_copy(update={"key": "PLAT-7"})
        await world.hear(ItemChanged(id="e2", work_item_id="PLAT-7", at=world.now))
        assert len(world.fleet.orders) == 1
        assert (await world.record("PLAT-7")).state is State.NEW

    run(story())


def test_an_old_key_that_an_item_has_again_leads_to_it() -> None:
    """It moved away and came back, and meanwhile another issue had that key."""

    async def story() -> None:
        world = MovingWorld()
        other = "11111111-1111-4111-8111-111111111111"
        await world.appears(issue("ACME-1"))
        await world.appears(issue("PLAT-7", ("ACME-1",)))
        await world.appears(issue("ACME-1", uuid=other))
        await world.appears(issue("OPS-2", ("ACME-1",), uuid=other))
        await world.appears(issue("ACME-1", ("PLAT-7",)))
        found = await world.store.get_in_flight("ACME-1")
        assert found is not None and found.work_item_id == f"linear:{UUID}"

    run(story())


def test_a_pull_request_of_another_repository_with_our_name_is_never_merged() -> None:
    """Ours was deleted, and somebody made another one under its name: its pull request has our number."""

    async def story() -> None:
        world = World(merge={"policy": "on-green"})
        await world.add(ticket())
        await world.agent_ends()
        world.target.change(1, repository_id="7")
        await world.hear(world.pull())
        world.target.green(1)
        world.target.change(1, repository_id="8")
        await world.hear(world.pull())
        assert world.target.merges == [] and await world.state() is State.BLOCKED

    run(story())


@pytest.mark.parametrize("key", ["42", "2ENG-7", "acme/shop#12", "ÄRGER-1", "A" * 60 + "-1", "PROJ_X-9"])
@pytest.mark.parametrize("place", ["7", "acme/shop"])
def test_events_of_the_code_host_find_an_item_of_any_key(key: str, place: str) -> None:
    """By the pull request and by its branch; no pattern reads keys out of names."""

    async def story() -> None:
        world = World()
        await world.add(ticket("linear:u1").model_copy(update={"key": key}))
        await world.agent_ends()
        number, branch = 1, (await world.record("linear:u1")).branch
        world.target.change(number, repository_id="7" if place == "7" else "")
        await world.hear(PullRequestChanged(id="e1", work_item_id="linear:u1", at=world.now))
        world.target.green(number)
        webhook = GithubWebhook(["s"], world.config)
        repository = {"id": 7, "full_name": "acme/renamed" if place == "7" else "acme/shop"}
        suite = {"action": "completed", "check_suite": {"head_branch": branch}, "repository": repository}
        await world.hear(*webhook.events_in(github_request("check_suite", suite, world.now, "s")).events)
        assert await world.state("linear:u1") is State.DONE

    run(story())


def test_a_mark_that_was_copied_into_another_pull_request_leads_nowhere() -> None:
    """The item is found by the pull request that the comment is on, whatever its body says."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        before = await world.record()
        issue = {"number": 66, "pull_request": {"url": "x"}, "body": f"Copied: {item_mark(before.work_item_id)}"}
        said = {"id": 1, "body": "/factory merge it", "user": {"login": "mallory", "type": "User"}}
        repository = {"id": 7, "full_name": "acme/shop"}
        payload = {"action": "created", "issue": issue, "comment": said, "repository": repository}
        (hint,) = (
            GithubWebhook(["s"], world.config)
            .events_in(github_request("issue_comment", payload, world.now, "s"))
            .events
        )
        await world.hear(hint)
        assert await world.record() == before

    run(story())


def test_a_repository_that_is_renamed_is_said_once_with_what_to_change() -> None:
    world = World()
    webhook = GithubWebhook(["s"], world.config)
    renamed = {
        "action": "renamed", "changes": {"repository": {"name": {"from": "shop"}}},
        "repository": {"id": 7, "full_name": "acme/store"},
    }  # fmt: skip
    inbound = webhook.events_in(github_request("repository", renamed, world.now, "s"))
    assert inbound.events == ()
    assert inbound.notice == "repository acme/shop is acme/store now; name it so in the configuration"
    other = {**renamed, "repository": {"id": 9, "full_name": "somebody/else"}}
    assert webhook.events_in(github_request("repository", other, world.now, "s")).notice == ""


def test_a_channel_whose_id_changes_keeps_its_threads() -> None:
    """What is said under the new id is an answer, and what we say next goes there, too."""

    async def story() -> None:
        world = World()
        await world.add(ticket(title="Cart", description="wrong"))
        asked = (await world.record()).clarification
        assert asked is not None
        old, _, root = asked.thread_id.partition(":")
        told = {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": "C9", "event_ts": "1.0"}
        webhook = slack_webhook(world.config)
        inbound = webhook.events_in(signed_slack({"event": told}, world.now))
        assert inbound.notice == f"channel {old} is C9 now; set slack.channel to it"
        await world.hear(*inbound.events)
        asked = (await world.record()).clarification
        assert asked is not None and asked.thread_id == f"C9:{root}"
        await world.hear(*inbound.events)  # Slack repeats what it believes unheard
        await world.hear(world.reply(WORDS, thread=f"C9:{root}"))
        assert len((await world.record()).answers) == 1

    run(story())


@pytest.mark.parametrize("provider", ["linear", "slack"])
@pytest.mark.parametrize("learned", [False, True])
def test_a_foreign_organisation_is_refused_though_its_signature_is_right(
    provider: str, learned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One app's secret signs for every workspace that installed it: 200, for the sender is not to try again."""

    async def story() -> None:
        world = World(**({} if learned else {provider: {"organisation": "ours"}}))
        world.factory.intake._webhooks = {"linear": linear_webhook(world.config), "slack": slack_webhook(world.config)}  # type: ignore[assignment]
        if learned:
            world.factory.intake.organisations[provider] = "ours"
        for organisation, stored in (("theirs", 0), ("ours", 1)):
            document = {**issue("ACME-1"), "organizationId": organisation}
            message = {
                "team_id": organisation,
                "event": {
                    "type": "message",
                    "channel": "C1",
                    "user": "U1",
                    "text": "x",
                    "ts": "2.0",
                    "thread_ts": "1.0",
                },
            }
            request = linear_request(document, world.now) if provider == "linear" else signed_slack(message, world.now)
            response = await world.factory.intake.handle_webhook(provider, request)
            assert response.status == 200
            assert len(world.store._in_flight) + len(world.store._clarifications) == stored, json.loads(response.body)

    run(story())
    assert any("theirs" in line.getMessage() for line in caplog.records if line.levelname == "WARNING")


def test_an_order_to_stop_reaches_the_item_by_its_session_alone() -> None:
    async def story() -> None:
        world = MovingWorld()
        await world.appears(issue("ACME-1"))
        await world.linear(session("ACME-1"))
        await world.hear(StopRequested(id="x", work_item_id="", aliases=("session:s-1",), at=world.now, by="Maya"))
        assert (await world.record("ACME-1")).state is State.CANCELLED

    run(story())


def test_the_summary_of_a_record_that_was_stored_without_an_identity_is_read() -> None:
    assert Summary.model_validate({"key": "ACME-1", "title": "Cart"}).identity == ""
