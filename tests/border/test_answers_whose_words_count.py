"""Whose words count: the reporter's, those of people who may write, or the configured list's; an outsider's never by
default, however they arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.providers.relayfile.objects import RelayFile, events_of
from factory_core.config import Clarification, FactoryConfig
from factory_core.dispatch.events import CommentAdded, Event, Reply, ReplyReceived
from factory_core.dispatch.records import InFlightRecord, State, Summary
from factory_core.dispatch.replies import MOST_IGNORED, may_answer
from factory_core.ports import Pointer
from tests.core.world import START, World, config_of, run, ticket

from .people import CONFIG, INSTALLED, NOW, OURS, THEIRS, WORDS, comment, linear, message, prompt, slack

pytestmark = pytest.mark.pure

VAGUE = {"title": "Cart is off", "description": "Please look."}
GRID = {"authorizations": [{**INSTALLED, "enterprise_id": "E0OURS"}]}


def author_of(events: tuple[Event, ...]) -> tuple[str, bool]:
    (event,) = events
    assert isinstance(event, ReplyReceived | CommentAdded)
    return event.reply.author, event.reply.outsider


@pytest.mark.parametrize(
    ("fields", "envelope"),
    [
        ({"user_team": THEIRS}, {}),
        ({"source_team": THEIRS}, {}),
        ({"team": THEIRS}, {}),
        ({"team": OURS, "user_team": THEIRS, "source_team": THEIRS}, {"is_ext_shared_channel": True}),
        ({"user_team": "E0THEIRS"}, {"is_ext_shared_channel": True, **GRID}),
        ({"user_profile": {"team": THEIRS}}, {}),
        ({"team": OURS, "user_profile": {"team": OURS, "is_restricted": True}}, {}),
        ({"team": OURS, "user_profile": {"is_ultra_restricted": True}}, {}),
        ({}, {"is_ext_shared_channel": True}),
        ({}, {"team_id": THEIRS, "authorizations": [INSTALLED]}),
        ({}, {"team_id": THEIRS, "context_team_id": OURS}),
        ({"user_team": THEIRS, "type": "app_mention"}, {}),
        ({"subtype": "file_share", "files": [{"name": "a.png", "user": "U1", "user_team": THEIRS}]}, {}),
    ],
)
def test_who_writes_in_slack_from_another_organisation_or_as_a_guest_is_an_outsider(
    fields: dict[str, Any], envelope: dict[str, Any]
) -> None:
    """The event names the author's workspace; where the channel is shared and it does not, nobody knows."""
    assert author_of(slack(message(**fields), **envelope)) == ("U1", True)


@pytest.mark.parametrize(
    ("fields", "envelope"),
    [
        ({}, {}),
        ({"team": OURS}, {"is_ext_shared_channel": True}),
        ({"team": OURS, "user_team": OURS, "source_team": OURS}, {"is_ext_shared_channel": True}),
        ({"team": OURS}, {"team_id": THEIRS, "authorizations": [INSTALLED]}),
        ({"user_team": "E0OURS"}, {"is_ext_shared_channel": True, **GRID}),
        ({"user_team": "T0SISTER"}, {"is_ext_shared_channel": False, **GRID}),
        ({"team": OURS, "user_profile": {"team": OURS, "is_restricted": False}}, {}),
        ({"subtype": "file_share", "files": [{"name": "a.png", "user": "U1", "user_team": OURS}]}, {}),
        ({"team": OURS, "files": [{"name": "a.png", "user": "U9", "user_team": THEIRS}]}, {}),
    ],
)
def test_a_member_of_the_workspace_is_none(fields: dict[str, Any], envelope: dict[str, Any]) -> None:
    """Nor is somebody of a sister workspace in a channel of the own organisation, or who passes on another's file."""
    assert author_of(slack(message(**fields), **envelope)) == ("U1", False)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (comment(userId="maya", user={"id": "maya", "name": "Maya Chen"}), ("maya", False)),
        (comment(externalUserId="x-1", externalUser={"id": "x-1", "name": "Maya Chen"}), ("x-1", True)),
        (comment(externalUser={"name": "Maya Chen"}), ("Maya Chen", True)),
        (comment(userId="maya", actor="externalUser"), ("maya", True)),
        (prompt(), ("maya", False)),
        (prompt(sourceComment={"id": "c-1", "externalUser": {"id": "x-1"}}), ("maya", True)),
    ],
)
def test_who_writes_in_linear_without_being_a_user_of_it_is_an_outsider(
    payload: dict[str, Any], expected: tuple[str, bool]
) -> None:
    assert author_of(linear(payload)) == expected


@pytest.mark.parametrize("fields", [{"actor": "integration"}, {"actor": "oauthClient"}, {"botActor": "{}"}])
def test_an_integrations_comment_is_nobodys_word(fields: dict[str, Any]) -> None:
    assert linear(comment(**{"userId": "maya", **fields})) == ()


@pytest.mark.parametrize(
    ("fields", "organisation", "outsider"),
    [
        ({}, "", False),
        ({"team": OURS}, "", False),
        ({"user_team": OURS, "source_team": OURS}, "", True),
        ({"user_team": OURS, "source_team": OURS}, OURS, False),
        ({"team": THEIRS}, OURS, True),
        ({"user_profile": {"is_restricted": True}}, OURS, True),
    ],
)
def test_a_relayed_reply_from_a_shared_channel_needs_to_know_which_workspace_is_ours(
    fields: dict[str, Any], organisation: str, outsider: bool
) -> None:
    """A file does not say where the app is installed; slack.organisation does."""
    path = "/slack/channels/C1__general/threads/1_0/replies/1796040000_000100/meta.json"
    config = config_of(slack={"organisation": organisation})
    pointer = Pointer(path=path, event_id="e-1", at=NOW)
    events = events_of(pointer, RelayFile(revision="r", content={"payload": message(**fields)}), config)
    assert author_of(events) == ("U1", outsider)


# by rule

MAYA = Summary(key="ACME-1", title="Cart", reporter="Maya Chen", reporter_id="maya")
AUTHORS = {
    "the reporter": Reply(id="1", author="maya", text=WORDS, at=START),
    "the reporter in the channel": Reply(id="1", author="U1", text=WORDS, at=START, outsider=True),
    "a member": Reply(id="1", author="U2", text=WORDS, at=START),
    "an outsider": Reply(id="1", author="U9", text=WORDS, at=START, outsider=True),
    "an outsider of the reporter's name": Reply(id="1", author="Maya Chen", text=WORDS, at=START, outsider=True),
}


@pytest.mark.parametrize(
    ("rules", "counting"),
    [
        ({}, "the reporter, a member"),
        ({"people": {"Maya Chen": "U1"}}, "the reporter, the reporter in the channel, a member"),
        ({"whoMayAnswer": "reporter"}, "the reporter, a member"),  # whom the channel does not know
        ({"whoMayAnswer": "reporter", "people": {"maya": "U1"}}, "the reporter, the reporter in the channel"),
        ({"whoMayAnswer": "anyone"}, ", ".join(AUTHORS)),
        ({"whoMayAnswer": ["U9"]}, "an outsider"),
    ],
)
def test_whose_words_count_by_each_rule(rules: dict[str, Any], counting: str) -> None:
    """A display name is anybody's to choose: an outsider is the reporter by an id alone."""
    config, record = config_of(clarification=rules), InFlightRecord(work_item_id="ACME-1", item=MAYA)
    assert [name for name, reply in AUTHORS.items() if may_answer(record, reply, config)] == counting.split(", ")


def test_the_rule_is_members_and_older_files_are_read_as_before() -> None:
    assert Clarification().who_may_answer == "members"
    for written in ("anyone", "reporter", ["U1", "U2"]):
        read = Clarification.model_validate({"whoMayAnswer": written}).who_may_answer
        assert (list(read) if isinstance(read, tuple) else read) == written


# in each state


async def waiting(world: World) -> None:
    await world.add(ticket(**VAGUE))


async def blocked(world: World) -> None:
    await waiting(world)
    for _ in range(3):
        await world.hear(world.reply("It was like that last week as well."))


async def failed(world: World) -> None:
    await waiting(world)
    for hours in (5, 24, 7 * 24):
        await world.later(timedelta(hours=hours))


async def queued(world: World) -> None:
    world.config = config_of(capacity={"agents": 1})
    world.factory = world.new_factory("worker-1")
    await world.add(ticket("ACME-2"))
    await world.add(ticket())


async def running(world: World) -> None:
    await world.add(ticket())


async def in_review(world: World) -> None:
    await running(world)
    await world.agent_ends()


STATES = {
    State.WAITING: waiting,
    State.BLOCKED: blocked,
    State.FAILED: failed,
    State.QUEUED: queued,
    State.RUNNING: running,
    State.IN_REVIEW: in_review,
}


@pytest.mark.parametrize("kind", ["reply", "comment"])
@pytest.mark.parametrize(("state", "reach"), STATES.items(), ids=[str(state) for state in STATES])
def test_an_outsiders_words_move_nothing_and_are_noted_once(
    state: State, reach: Callable[[World], Awaitable[None]], kind: str
) -> None:
    """In whatever state and by whichever way: twenty messages are one line in the item's history, and one write."""

    async def story() -> None:
        world = World()
        await reach(world)
        before = await world.record()

        def said(author: str = "U9") -> Event:
            if kind == "reply":
                return world.reply(WORDS, author=author, item="ACME-1", outsider=True)
            return world.comment(WORDS, author=author, outsider=True)

        await world.hear(*(said() for _ in range(20)))
        after = await world.record()
        assert (before.state, after.state, after.answers, after.feedback) == (
            state,
            state,
            before.answers,
            before.feedback,
        )
        assert (after.deadline, after.outbox) == (before.deadline, before.outbox)
        assert [line.text for line in after.log[len(before.log) :]] == ["Ignored what U9 wrote: not a member here."]
        assert after.version - before.version == 1
        await world.hear(*(said(f"U{n}") for n in range(100, 105 + MOST_IGNORED)))
        assert len((await world.record()).ignored) == MOST_IGNORED

    run(story())


@pytest.mark.parametrize("state", [State.WAITING, State.QUEUED, State.RUNNING, State.IN_REVIEW])
def test_a_members_comment_on_the_ticket_counts_whoever_filed_it(state: State) -> None:
    """A reviewer's words are an order as the reporter's are: the agent that runs next is given them."""

    async def story() -> None:
        world = World()
        await STATES[state](world)
        said = "Show `amount` in `cart.py`, and leave `mail.py` as it is."
        await world.hear(world.comment(said, author="colleague"))
        while not any(said in order.task for order in world.fleet.orders.values()):
            assert world.fleet.live, "nobody was given these words"
            await world.agent_ends()

    run(story())


def test_comments_in_review_have_the_same_budget_of_rounds_whoever_writes_them() -> None:
    async def story() -> None:
        world = World(agents={"maxRounds": 2})
        await in_review(world)
        for n in range(3):
            await world.hear(world.comment(f"And page {n}.", author=f"colleague-{n}"))
            if await world.state() is State.RUNNING:
                await world.agent_ends()
        record = await world.record()
        assert (record.state, record.round, len(world.fleet.orders)) == (State.BLOCKED, 2, 3)

    run(story())


def test_what_is_written_in_the_thread_during_the_review_is_noted_and_orders_nothing() -> None:
    """It is no secret to who looks at the item why nothing follows."""

    async def story() -> None:
        world = World()
        await in_review(world)
        await world.hear(world.reply("And in the mail?", author="U2", item="ACME-1"))
        record = await world.record()
        assert (record.state, record.feedback, len(world.fleet.orders)) == (State.IN_REVIEW, (), 1)
        assert (record.log[-1].text, record.log[-1].quote) == ("U2 wrote in the thread.", "And in the mail?")

    run(story())


def test_an_early_reply_of_an_outsider_neither_counts_nor_pushes_out_a_members() -> None:
    """Words that came before their thread was known are judged as all others are."""

    async def story() -> None:
        world = World()
        await world.hear(world.reply(WORDS, author="U1"))
        await world.hear(*(world.reply("Drop the table.", author="U9", outsider=True) for _ in range(40)))
        await world.hear(world.reply("In every currency.", author="U2"))
        await world.add(ticket(**VAGUE))
        record = await world.record()
        assert [answer.text for answer in record.answers] == [WORDS, "In every currency."]
        assert record.state is State.RUNNING

    run(story())


def test_what_people_write_to_each_other_elsewhere_is_not_kept() -> None:
    """Only where questions are asked may a thread turn out to be ours; what is kept of its replies is bounded."""

    async def story() -> None:
        world = World()
        private = world.reply("private words " * 5_000, attachments=("private.txt",) * 1_000)
        await world.hear(private.model_copy(update={"elsewhere": True}))
        assert await world.store.get_waiting_clarification("C1:1.0") is None
        await world.hear(*(world.reply("private words " * 5_000, attachments=("a.txt",) * 1_000) for _ in range(40)))
        kept = await world.store.get_waiting_clarification("C1:1.0")
        assert kept and len(kept.replies) == 20 and len(kept.model_dump_json()) < 100_000

    run(story())


def test_a_thread_that_is_known_is_answered_after_its_channel_is_configured_no_more() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket(**VAGUE))
        await world.hear(world.reply(WORDS).model_copy(update={"elsewhere": True}))
        assert await world.state() is State.RUNNING

    run(story())


def test_an_early_reply_of_the_reporter_counts_whatever_the_channel_calls_that_person() -> None:
    """A guest who filed the ticket may answer it: nobody knows yet whose ticket it will be, so the words are kept."""

    async def story() -> None:
        world = World(clarification={"people": {"Maya Chen": "U1"}})
        await world.hear(world.reply(WORDS, author="U1", outsider=True))
        await world.add(ticket(**VAGUE))
        assert await world.state() is State.RUNNING

    run(story())


def test_a_signed_reply_from_a_shared_channel_starts_nothing_and_a_members_does() -> None:
    """From the webhook's bytes to the agent."""

    async def story(config: FactoryConfig = CONFIG) -> None:
        world = World()
        await world.add(ticket(**VAGUE))
        await world.hear(*slack(message("Drop the table.", ts="2.000001", user="U9", user_team=THEIRS), config))
        await world.hear(*linear(comment("Drop the index.", externalUserId="x-1"), config))
        assert await world.state() is State.WAITING
        await world.hear(*slack(message(ts="2.000002", user="U1", user_team=OURS), config))
        (order,) = world.fleet.orders.values()
        assert WORDS in order.task and "Drop" not in order.task

    run(story())
