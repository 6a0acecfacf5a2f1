"""The imitated Slack: threads, history, metadata, and failures that come as HTTP 200."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.sandbox.stand import HOOK, SECRET, Receiver, sandbox_and_client

CHANNEL = "C0SANDBOX"


async def call(client: httpx2.AsyncClient, method: str, **arguments: Any) -> Any:
    return (await client.post(f"/slack/api/{method}", json=arguments)).json()


def test_a_question_gets_its_replies_in_order() -> None:
    """The root first with its count, then people's and the bot's replies; the root alone is in the history."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            root = await call(client, "chat.postMessage", channel=CHANNEL, text="How many percent?")
            sandbox.slack.reply(CHANNEL, "Ten", root["ts"])
            await call(client, "chat.postMessage", channel=CHANNEL, text="Thanks", thread_ts=root["ts"])
            thread = await call(client, "conversations.replies", channel=CHANNEL, ts=root["ts"])
            said = [(m["text"], m["user"], "bot_id" in m) for m in thread["messages"]]
            assert said == [
                ("How many percent?", "U0FACTORY", True),
                ("Ten", "U0ADA", False),
                ("Thanks", "U0FACTORY", True),
            ]
            assert thread["messages"][0]["reply_count"] == 2
            history = await call(client, "conversations.history", channel=CHANNEL)
            assert [m["text"] for m in history["messages"]] == ["How many percent?"]

    asyncio.run(run())


def test_metadata_is_shown_only_when_asked_for() -> None:
    """A marker in the metadata can be found again, also when it came as a form."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            metadata = {"event_type": "factory", "event_payload": {"key": "DEMO-1:3"}}
            form = {"channel": CHANNEL, "text": "Hello", "metadata": json.dumps(metadata)}
            posted = (await client.post("/slack/api/chat.postMessage", data=form)).json()
            plain = await call(client, "conversations.history", channel=CHANNEL)
            full = await call(client, "conversations.history", channel=CHANNEL, include_all_metadata=True)
            assert posted["ok"] and "metadata" not in plain["messages"][0]
            assert full["messages"][0]["metadata"] == metadata

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ("conversations.replies", {"channel": CHANNEL, "ts": "1.1"}, "thread_not_found"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("conversations.history", {"channel": CHANNEL, "limit": "many"}, "invalid_arguments"),
        ("files.upload", {}, "unknown_method"),
    ],
)
def test_what_is_wrong_is_said_with_200(method: str, arguments: dict[str, str], error: str) -> None:
    """`ok: false` and Slack's word for it."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            answer = await client.post(f"/slack/api/{method}", json=arguments)
            assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})

    asyncio.run(run())


def test_the_token_says_who_we_are_and_what_we_may() -> None:
    """auth.test names the bot, its scopes stand in a header; without a token there is neither."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            known = await client.post("/slack/api/auth.test")
            unknown = await client.post("/slack/api/auth.test", headers={"authorization": ""})
            assert known.json()["user_id"] == "U0FACTORY"
            assert "chat:write" in known.headers["x-oauth-scopes"].split(",")
            assert unknown.json() == {"ok": False, "error": "not_authed"}

    asyncio.run(run())


def test_every_message_is_an_event_of_its_own() -> None:
    """A person's reply carries its thread, and no mark of a bot; the metadata stays out."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, client):
            sandbox.webhooks.subscribe("slack", HOOK + "slack", SECRET)
            root = await call(client, "chat.postMessage", channel=CHANNEL, text="Which?", metadata={"event_type": "x"})
            sandbox.slack.reply(CHANNEL, "This", root["ts"])
            await sandbox.webhooks.idle()
            ours, theirs = (json.loads(request.content) for request in receiver.got)
            assert ours["event"]["bot_id"] and "metadata" not in ours["event"]
            assert (theirs["event"]["thread_ts"], theirs["event"].get("bot_id")) == (root["ts"], None)
            assert len({ours["event_id"], theirs["event_id"]}) == 2

    asyncio.run(run())
