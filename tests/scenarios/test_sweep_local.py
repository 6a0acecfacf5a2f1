"""The search for missed events, with a real server and the vendors' own shapes: what was never delivered is done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from adapters.providers.github.settings import GithubSettings
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.items import LinearWorkItemProvider
from adapters.providers.linear.settings import LinearSettings
from adapters.providers.relayfile.client import RelayfileClient
from adapters.providers.relayfile.reader import RelayfileReader
from adapters.providers.slack.clarification import SlackClarificationChannel
from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.settings import SlackSettings
from adapters.providers.slack.webhook import SlackWebhook
from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.dispatch.records import State
from factory_core.http import HttpRequest
from factory_core.work_item import ItemState
from tests.sandbox.stand import HOOK, SECRET, START, JumpingTime, Receiver, push_branch, sandbox_and_client

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import world
from .server_process import Home, Server, config_of, factory, running, until

OFTEN = {"sweep": {"every": "0.5s"}}


def test_an_item_of_which_no_webhook_ever_arrives_ends_done(tmp_path: Path) -> None:
    """The ticket and the answer are found in Linear and Slack, the checks by the item's own look; each thing once."""
    with world() as here, factory(here, tmp_path, runner={"reviewCheckEvery": "1s"}, **OFTEN) as (home, _):
        for vendor in ("linear", "slack", "github"):
            here.fault(vendor, "drop", times=10_000)
        key = here.ticket("Cart", VAGUE)
        here.reply(home.asked(key), ANSWER)
        home.rests(key)
        assert counted(here, home, key) == DONE_VAGUE
        assert not [delivery for delivery in here.state()["deliveries"] if delivery["accepted"]]


def test_what_github_could_not_deliver_is_asked_for_again(tmp_path: Path) -> None:
    """Its webhooks were refused for want of the right secret; once that is mended, the old ones are sent again."""
    with world() as here:
        home = Home(tmp_path, config_of(here, github={"hookId": "1"}, **OFTEN))
        home.give_tokens(here)
        with running(Server(home)) as server:
            server.subscribe(here)
            here.call(here.sandbox.webhooks.subscribe, "github", server.hook("github"), "a secret of long ago")
            key = here.ticket("Cart total is named wrongly", CLEAR)
            home.in_state(key, State.IN_REVIEW)
            until(lambda: "check_run" in [d["event"] for d in here.state()["deliveries"] if d["attempts"]])
            server.subscribe(here)
            home.rests(key)
            assert counted(here, home, key) == DONE_CLEAR
            until(lambda: any(d["accepted"] for d in _sent_again(here.state()["deliveries"])))


def _sent_again(deliveries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """GitHub's, for it never does so by itself. One that was asked for before the secret was right failed once more."""
    return [delivery for delivery in deliveries if delivery["vendor"] == "github" and len(delivery["attempts"]) > 1]


def config(**changes: object) -> FactoryConfig:
    document = {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github", "relay": "relayfile",
        "repositories": {"acme/shop": {}}, "slack": {"channel": "C0SANDBOX", "url": "http://127.0.0.1/slack"},
        "linear": {"url": "http://127.0.0.1/linear", "team": "DEMO"},
        "github": {"url": "http://127.0.0.1/github", "hookId": "1"},
    }  # fmt: skip
    return config_model().model_validate({**document, **changes})


def test_ready_items_come_page_by_page_and_nothing_else_does() -> None:
    """Five ready issues among others, two a page; what did not change since is left out."""

    async def run() -> None:
        time = JumpingTime()
        async with sandbox_and_client(time=time) as (sandbox, http):
            tracker = LinearWorkItemProvider(
                LinearClient(http, "a-token", config().section("linear", LinearSettings).url), config()
            )
            sandbox.linear.create_issue("Old", state="Ready for Agent")
            time.at += timedelta(days=3)
            for number in range(5):
                sandbox.linear.create_issue(f"Ready {number}", project="Shop", state="Ready for Agent")
                sandbox.linear.create_issue(f"Not {number}", project="Shop", state="Backlog")
            found, cursor = list[str](), ""
            for size in (2, 2, 1):
                page = await tracker.ready_items(START + timedelta(days=1), cursor, 2)
                cursor = page.cursor
                assert len(page.items) == size and bool(cursor) is (size == 2)
                found += [item.title for item in page.items]
            assert sorted(found) == [f"Ready {number}" for number in range(5)]
            (first,) = (await tracker.ready_items(START - timedelta(days=1), "", 50)).items[-1:]
            assert first == await tracker.read_item(first.id)

    asyncio.run(run())


def test_what_the_factory_put_in_progress_is_told_from_what_people_did() -> None:
    """By who made the newest move; a person who moved it there, or away and back, keeps it."""

    async def run() -> None:
        time = JumpingTime()
        async with sandbox_and_client(time=time) as (sandbox, http):
            tracker = LinearWorkItemProvider(
                LinearClient(http, "a-token", config().section("linear", LinearSettings).url), config()
            )
            for title in ("Ours", "Taken back", "A person's", "Put back by a person", "Fresh"):
                key = sandbox.linear.create_issue(title, state="Ready for Agent")["key"]
                sandbox.linear.change_issue(key, title=f"{title}, renamed")
                time.at += timedelta(hours=3) if title == "Fresh" else timedelta(0)
                if title != "A person's":
                    item = await tracker.read_item(key)
                    assert item is not None
                    await tracker.set_state(item, ItemState.DISPATCHED)
                if title in ("Taken back", "Put back by a person"):
                    sandbox.linear.change_issue(key, state="Backlog")
                if title in ("A person's", "Put back by a person"):
                    sandbox.linear.change_issue(key, state="In Progress")
                sandbox.linear.change_issue(key, priority=2)
            page = await tracker.begun_items(time.at - timedelta(hours=1), "", 2)
            rest = await tracker.begun_items(time.at - timedelta(hours=1), page.cursor, 2)
            found = [item.title for item in (*page.items, *rest.items)]
            assert found == ["Ours, renamed"] and rest.cursor == ""

    asyncio.run(run())


def test_a_thread_shows_what_the_webhook_would_have_said() -> None:
    """People's replies under the same ids, without ours; so one of the two ways is enough, and both are no harm."""

    async def run() -> None:
        receiver, time = Receiver(), JumpingTime()
        async with sandbox_and_client(receiver, time) as (sandbox, http):
            sandbox.webhooks.subscribe("slack", HOOK + "slack", SECRET)
            channel = SlackClarificationChannel(
                SlackClient(http, "a-token", config().section("slack", SlackSettings).url), config()
            )
            thread = await channel.open_thread("DEMO-1", "How many percent?", "DEMO-1:1")
            await channel.reply(thread.thread_id, "Still waiting", "DEMO-1:2")
            root = thread.thread_id.partition(":")[2]
            sandbox.slack.reply("C0SANDBOX", "Five & a half", thread_ts=root)
            sandbox.slack.reply("C0SANDBOX", "Elsewhere")
            await sandbox.webhooks.idle()
            requests = (HttpRequest(headers=dict(r.headers), body=r.content, received_at=time.at) for r in receiver.got)
            told = [e for r in requests for e in SlackWebhook((SECRET,), config()).events_in(r).events]
            assert list(await channel.replies(thread.thread_id)) == told and len(told) == 1

    asyncio.run(run())


def test_failed_deliveries_are_asked_for_once_they_failed_and_not_when_they_arrived() -> None:
    """One was refused, one got no answer, the others went through: two are sent again, then none."""

    async def run() -> None:
        receiver = Receiver(200, 500, 0)
        async with sandbox_and_client(receiver) as (sandbox, http):
            sandbox.webhooks.subscribe("github", HOOK + "github", SECRET)
            target = GithubOutputTarget(
                GithubClient(http, "a-token", config().section("github", GithubSettings).url), config()
            )
            await push_branch(sandbox.github.repository("acme/shop").path, "factory/DEMO-1-x", "a.py", "A = 1\n")
            await target.open_pull_request("acme/shop", "factory/DEMO-1-x", "main", "DEMO-1", "Words")
            await sandbox.webhooks.idle()
            assert await target.redeliver_failed(START - timedelta(days=3), "", 20) == (2, "")
            await sandbox.webhooks.idle()
            assert await target.redeliver_failed(START - timedelta(days=3), "", 20) == (0, "")
            assert all(delivery["accepted"] for delivery in sandbox.state()["deliveries"])

    asyncio.run(run())


def test_relayfiles_dead_letters_and_feed_are_read() -> None:
    """Letters are replayed until they arrive; the feed goes on from the cursor, and tells issues and replies."""

    async def run() -> None:
        receiver = Receiver(*[500] * 7)
        async with sandbox_and_client(receiver) as (sandbox, http):
            relay = RelayfileReader(
                RelayfileClient(http, "a-token", "http://127.0.0.1/relayfile", "ws"),
                config(tenant="acme"),
                lambda: START,
            )
            sandbox.webhooks.subscribe("relayfile", HOOK + "relayfile", SECRET, ("/slack/**",))
            assert await relay.changes("", START) == ()
            question = sandbox.slack.post("C0SANDBOX", "How many?", "U0FACTORY")
            await sandbox.webhooks.idle()
            (begin,) = await relay.changes("", START)
            assert (begin.events, begin.pointers) == ((), ())
            sandbox.linear.create_issue("Ready", state="Ready for Agent")
            sandbox.slack.reply("C0SANDBOX", "Five", thread_ts=question["ts"])
            await sandbox.webhooks.idle()
            changes = await relay.changes(begin.cursor, START)
            assert {event.work_item_id for change in changes for event in change.events} == {"DEMO-1"}
            (pointer,) = (pointer for change in changes for pointer in change.pointers)
            (reply,) = await relay.read(pointer)
            assert reply.thread_id == f"C0SANDBOX:{question['ts']}"  # type: ignore[attr-defined]
            assert await relay.changes(changes[-1].cursor, START) == ()
            assert await relay.redeliver_failed(START, "", 20) == (2, "")
            await sandbox.webhooks.idle()
            assert (await relay.redeliver_failed(START, "", 20)).asked == 1  # one replay was refused, too
            await sandbox.webhooks.idle()

    asyncio.run(run())
