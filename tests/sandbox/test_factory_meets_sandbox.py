"""The factory's own clients and parsers against the imitation: two independent readings of the vendors agree."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx2
import pytest

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from adapters.providers.github.settings import GithubSettings
from adapters.providers.github.webhook import GithubWebhook
from adapters.providers.linear.clarification import LinearClarificationChannel
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.items import LinearWorkItemProvider
from adapters.providers.linear.settings import LinearSettings
from adapters.providers.linear.webhook import LinearWebhook
from adapters.providers.relayfile.webhook import RelayfileWebhook
from adapters.providers.slack.clarification import SlackClarificationChannel
from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.settings import SlackSettings
from adapters.providers.slack.webhook import SlackWebhook
from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.dispatch.events import Event, ReplyReceived
from factory_core.errors import Retryable
from factory_core.http import HttpRequest
from factory_core.work_item import ItemState
from factory_sandbox.samples import names, sample
from tests.sandbox.stand import HOOK, SECRET, Receiver, push_branch, sandbox_and_client

SAID_NOTHING = {"slack.url_verification", "github.ping", "github.pull_request.opened"}


def config() -> FactoryConfig:
    document = {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
        "repositories": {"acme/shop": {}}, "slack": {"channel": "C0SANDBOX", "url": "http://127.0.0.1/slack"},
        "linear": {"url": "http://127.0.0.1/linear"}, "github": {"url": "http://127.0.0.1/github"},
    }  # fmt: skip
    return read_config(document, file="test", model=config_model())


def test_the_tracker_reads_moves_and_comments_once() -> None:
    """A comment repeated under its key stays one, also when the first answer was lost."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, http):
            sandbox.linear.create_issue("Add a total", labels=("bug",), project="Shop", state="Ready for Agent")
            items = LinearWorkItemProvider(
                LinearClient(http, "a-token", config().section("linear", LinearSettings).url), config()
            )
            item = await items.read_item("DEMO-1")
            assert item is not None
            assert (item.key, item.state, item.labels, item.project) == ("DEMO-1", ItemState.READY, ("bug",), "Shop")
            await items.set_state(item, ItemState.DONE)
            sandbox.faults.add("linear", "drop-after", "commentCreate")
            with pytest.raises((Retryable, ConnectionResetError)):
                await items.post_comment(item.source.external_id, "Done.", "DEMO-1:1")
            await items.post_comment(item.source.external_id, "Done.", "DEMO-1:1")
            issue = sandbox.state()["linear"]["issues"]["DEMO-1"]
            assert (issue["states"], len(issue["comments"])) == (["Ready for Agent", "Done"], 1)
            assert (await items.read_item("DEMO-9"), (await items.check_connection()).status) == (None, "connected")

    asyncio.run(run())


def test_a_question_is_asked_once() -> None:
    """Slack knows no key of ours, and still the second call finds the first one's message."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, http):
            channel = SlackClarificationChannel(
                SlackClient(http, "a-token", config().section("slack", SlackSettings).url), config()
            )
            first = await channel.open_thread("DEMO-1", "How many percent?", "DEMO-1:1")
            assert await channel.open_thread("DEMO-1", "How many percent?", "DEMO-1:1") == first
            for _ in range(2):
                await channel.reply(first.thread_id, "Still waiting", "DEMO-1:2")
            assert [len(thread) for thread in sandbox.state()["slack"]["threads"].values()] == [2]
            assert (await channel.check_connection()).status == "connected"

    asyncio.run(run())


def test_a_reply_that_was_not_heard_is_found_in_its_session_under_the_same_id() -> None:
    """In Linear too: what the session shows later is the event that its webhook was; our question is no reply."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, http):
            sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
            sandbox.linear.create_issue("Add a total")
            client = LinearClient(http, "a-token", config().section("linear", LinearSettings).url)
            named = await LinearWorkItemProvider(client, config()).read_item("DEMO-1")
            assert named is not None
            channel = LinearClarificationChannel(client, config())
            thread = await channel.ask(named, "", "How many percent?", f"{named.id}:b:1")
            assert await channel.replies(thread.thread_id) == ()
            session = thread.thread_id.partition(":")[2]
            sandbox.linear.prompt(session, "Ten.")
            sandbox.linear.prompt(session, "stop", "stop")
            await sandbox.webhooks.idle()
            now = datetime.fromisoformat(sandbox.linear.clock.stamp())
            heard = [event for request in receiver.got for event in _events(request, now)]
            (reply,) = await channel.replies(thread.thread_id)
            assert [event for event in heard if isinstance(event, ReplyReceived)] == [
                reply.model_copy(
                    update={"work_item_id": "DEMO-1", "identity": named.id, "aliases": (f"session:{session}",)}
                )
            ]

    asyncio.run(run())


def _events(request: httpx2.Request, now: datetime) -> Sequence[Event]:
    headers = {key.lower(): value for key, value in request.headers.items()}
    given = HttpRequest(headers=headers, body=request.content, received_at=now)
    return LinearWebhook((SECRET,), config()).events_in(given).events


def test_a_pull_request_is_opened_read_and_merged() -> None:
    """Once opened it is found again; its checks are read; its exact head is merged, and a second merge is no error."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, http):
            output = GithubOutputTarget(
                GithubClient(http, "a-token", config().section("github", GithubSettings).url), config()
            )
            path = sandbox.github.repository("acme/shop").path
            sha = await push_branch(path, "factory/DEMO-1-x", "a.py", "A = 1\n")
            opened = await output.open_pull_request("acme/shop", "factory/DEMO-1-x", "main", "DEMO-1", "Words")
            again = await output.open_pull_request("acme/shop", "factory/DEMO-1-x", "main", "DEMO-1", "Words")
            assert (opened.number, again.number, opened.head_sha) == (1, 1, sha)
            await sandbox.webhooks.idle()
            found = await output.find_pull_request("acme/shop", "factory/DEMO-1-x")
            assert found is not None and found.checks is not None
            assert [(check.name, check.conclusion) for check in found.checks] == [("ci", "success")]
            assert (found.mergeable, found.draft, found.reviews) == (True, False, ())
            assert await output.merge(found, "0" * 40, "squash") != ""
            assert [await output.merge(found, sha, "squash") for _ in range(2)] == ["", ""]
            assert (await output.check_connection()).status == "connected"

    asyncio.run(run())


@pytest.mark.pure
@pytest.mark.parametrize("name", names())
def test_every_sample_is_accepted_and_says_something(name: str) -> None:
    """The factory's parsers verify each sample and find an event in it, but for greetings and what it did itself."""
    now = datetime.now(UTC)
    made = sample(name, {}, SECRET, now, lambda: str(uuid.uuid4()))
    parsers = {"linear": LinearWebhook, "slack": SlackWebhook, "github": GithubWebhook, "relayfile": RelayfileWebhook}
    headers = {key.lower(): value for key, value in made.headers.items()}
    request = HttpRequest(headers=headers, body=made.body, received_at=now)
    inbound = parsers[made.provider]((SECRET,), config()).events_in(request)
    known = inbound.events or inbound.pointers or inbound.notice or inbound.lost
    assert bool(known) is (name not in SAID_NOTHING)


def test_no_answer_is_a_thing_to_try_later() -> None:
    """What the sandbox refuses for a while is Retryable with the vendor's own delay."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, http):
            sandbox.faults.add("slack", "429", seconds=30)
            channel = SlackClarificationChannel(
                SlackClient(http, "a-token", config().section("slack", SlackSettings).url), config()
            )
            with pytest.raises(Retryable) as later:
                await channel.open_thread("DEMO-1", "How many percent?", "DEMO-1:1")
            assert later.value.after == 30

    asyncio.run(run())
