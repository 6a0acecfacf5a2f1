"""Slack beyond one tidy channel: short pages, files, messages that nobody wrote, strangers, and ids that change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.stand import Served, served

CHANNEL = "C0SANDBOX"


async def call(stage: Served, method: str, **arguments: Any) -> Any:
    return (await stage.client.post(f"/slack/api/{method}", json=arguments)).json()


async def question(stage: Served, channel: str = CHANNEL) -> str:
    ts: str = (await call(stage, "chat.postMessage", channel=channel, text="Which?"))["ts"]
    return ts


async def last(stage: Served) -> Any:
    await stage.time.settle()
    return stage.receiver.bodies()[-1]


@pytest.mark.parametrize("method", ["conversations.replies", "conversations.history"])
def test_pages_may_be_shorter_than_asked_for(method: str) -> None:
    """The cursor leads on, and is not to be read; the last page has none."""

    async def run() -> None:
        async with served() as stage:
            ts = await question(stage)
            in_thread = {"thread_ts": ts} if method == "conversations.replies" else {}
            for number in range(6):
                await stage.command("slack/replies", channel=CHANNEL, text=str(number), **in_thread)
            await stage.command("slack/pages", size=3)
            asked = {"channel": CHANNEL, "limit": 100, **({"ts": ts} if in_thread else {})}
            sizes, said, cursor = [], [], ""
            while True:
                page = await call(stage, method, **asked, cursor=cursor)
                sizes.append(len(page["messages"]))
                said += [message["text"] for message in page["messages"]]
                cursor = page["response_metadata"]["next_cursor"]
                assert page["has_more"] is bool(cursor) and not cursor.isdigit()
                if not cursor:
                    break
            whole = ["Which?", "0", "1", "2", "3", "4", "5"]
            assert (sizes, said) == ([3, 3, 1], whole if in_thread else whole[::-1])
            assert await call(stage, method, **asked, cursor="nonsense") == {"ok": False, "error": "invalid_cursor"}

    asyncio.run(run())


@pytest.mark.parametrize("text", ["", "Look"])
def test_a_file_comes_with_or_without_words(text: str) -> None:
    """`file_share`, the file's name in it, in the event and in the thread."""

    async def run() -> None:
        async with served() as stage:
            ts = await question(stage)
            await stage.command("slack/replies", channel=CHANNEL, text=text, thread_ts=ts, files=["cart.png"])
            event = (await last(stage))["event"]
            assert (event["subtype"], event["text"], event["thread_ts"]) == ("file_share", text, ts)
            assert [(file["name"], file["mimetype"]) for file in event["files"]] == [("cart.png", "image/png")]
            thread = await call(stage, "conversations.replies", channel=CHANNEL, ts=ts)
            assert thread["messages"][1]["files"][0]["name"] == "cart.png"

    asyncio.run(run())


def test_an_edit_and_a_deletion_are_events_of_their_own() -> None:
    """Hidden, with a `ts` of their own and what was there before; of a root with replies a tombstone stays."""

    async def run() -> None:
        async with served() as stage:
            ts = await question(stage)
            reply = await stage.command("slack/replies", channel=CHANNEL, text="Ten", thread_ts=ts)
            await stage.command("slack/edits", channel=CHANNEL, ts=reply["ts"], text="Eleven")
            edited = (await last(stage))["event"]
            assert (edited["subtype"], edited["hidden"]) == ("message_changed", True)
            assert (edited["message"]["text"], edited["previous_message"]["text"]) == ("Eleven", "Ten")
            assert edited["message"]["ts"] == reply["ts"] != edited["ts"]
            await stage.command("slack/deletions", channel=CHANNEL, ts=ts)
            gone = (await last(stage))["event"]["message"]
            assert (gone["subtype"], gone["user"], gone["ts"]) == ("tombstone", "USLACKBOT", ts)
            await stage.command("slack/deletions", channel=CHANNEL, ts=reply["ts"])
            deleted = (await last(stage))["event"]
            assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", reply["ts"])
            thread = await call(stage, "conversations.replies", channel=CHANNEL, ts=ts)
            assert [message["text"] for message in thread["messages"]] == ["This message was deleted."]

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["channel_join", "huddle_thread", "bot_message", "channel_topic"])
def test_a_notice_is_a_message_that_no_person_wrote(kind: str) -> None:
    """Its subtype says what it is, also inside a thread."""

    async def run() -> None:
        async with served() as stage:
            ts = await question(stage)
            await stage.command("slack/notices", channel=CHANNEL, kind=kind, text="x", thread_ts=ts)
            event = (await last(stage))["event"]
            assert (event["subtype"], event["thread_ts"]) == (kind, ts)
            assert ("bot_id" in event, "room" in event) == (kind == "bot_message", kind == "huddle_thread")

    asyncio.run(run())


def test_a_reply_may_be_sent_to_the_channel_as_well() -> None:
    """One message of the thread that carries its root, and that the history shows too."""

    async def run() -> None:
        async with served() as stage:
            ts = await question(stage)
            order = {"channel": CHANNEL, "text": "Ten", "thread_ts": ts, "broadcast": True}
            reply = await stage.command("slack/replies", **order)
            event = (await last(stage))["event"]
            assert (event["subtype"], event["root"]["ts"]) == ("thread_broadcast", ts)
            history = await call(stage, "conversations.history", channel=CHANNEL)
            assert [message["ts"] for message in history["messages"]] == [reply["ts"], ts]

    asyncio.run(run())


def test_a_private_channel_that_is_shared_gets_another_id() -> None:
    """The event names both; the old id is nothing any more, and the thread lives on under the new one."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("slack/channels", id="G0PRIVATE", name="secret", private=True)
            ts = await question(stage, "G0PRIVATE")
            assert (await last(stage))["event"]["channel_type"] == "group"
            await stage.command("slack/channel-ids", channel="G0PRIVATE", new="C0SHARED")
            event = (await last(stage))["event"]
            assert (event["type"], event["old_channel_id"], event["new_channel_id"]) == (
                "channel_id_changed", "G0PRIVATE", "C0SHARED",
            )  # fmt: skip
            old = await call(stage, "conversations.replies", channel="G0PRIVATE", ts=ts)
            new = await call(stage, "conversations.replies", channel="C0SHARED", ts=ts)
            assert (old, new["messages"][0]["ts"]) == ({"ok": False, "error": "channel_not_found"}, ts)
            await stage.command("slack/replies", channel="C0SHARED", text="Ten", thread_ts=ts)
            told = await last(stage)
            assert (told["event"]["channel"], told["is_ext_shared_channel"]) == ("C0SHARED", True)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("user", "in_event", "in_profile"),
    [
        ({"team": "T0OTHER"}, {"user_team": "T0OTHER", "source_team": "T0OTHER"}, {"team_id": "T0OTHER"}),
        ({"guest": "single"}, {}, {"team_id": "T0SANDBOX", "is_restricted": True, "is_ultra_restricted": True}),
        ({"guest": "multi"}, {}, {"is_restricted": True, "is_ultra_restricted": False}),
        ({}, {}, {"is_restricted": False, "is_ultra_restricted": False}),
    ],
)
def test_a_stranger_is_told_by_team_and_a_guest_by_profile(
    user: dict[str, str], in_event: dict[str, str], in_profile: dict[str, Any]
) -> None:
    """Somebody who is here by Slack Connect has their own team in the event; a guest looks like anybody there."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("slack/users", id="U0EVE", name="Eve", **user)
            ts = await question(stage)
            await stage.command("slack/replies", channel=CHANNEL, text="Ten", thread_ts=ts, user="U0EVE")
            told = await last(stage)
            named = {name: told["event"][name] for name in ("user_team", "source_team") if name in told["event"]}
            assert (told["team_id"], named) == ("T0SANDBOX", in_event)
            shown = (await call(stage, "users.info", user="U0EVE"))["user"]
            assert {name: shown[name] for name in in_profile} == in_profile

    asyncio.run(run())


def test_a_second_workspace_signs_with_the_same_secret() -> None:
    """Its events name its team, its token sees its own channel only: the same id and `ts` are another thread there."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("workspaces", vendor="slack", name="T0GLOBEX", token="xoxb-theirs")
            ts = await question(stage)
            await stage.command("slack/replies", workspace="T0GLOBEX", channel=CHANNEL, text="Hello", user="U0EVE")
            assert (await last(stage))["team_id"] == "T0GLOBEX"
            ours = await call(stage, "conversations.history", channel=CHANNEL)
            stage.client.headers["authorization"] = "Bearer xoxb-theirs"
            theirs = await call(stage, "conversations.history", channel=CHANNEL)
            who = await call(stage, "auth.test")
            assert [[m["text"] for m in page["messages"]] for page in (ours, theirs)] == [["Which?"], ["Hello"]]
            assert (who["team_id"], who["user_id"] != stage.sandbox.slack.bot_user) == ("T0GLOBEX", True)
            (there,) = (await call(stage, "conversations.replies", channel=CHANNEL, ts=ts))["messages"]
            assert (there["ts"], there["text"]) == (ts, "Hello")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "error"), [({"archived": True}, "is_archived"), ({"member": False}, "not_in_channel")]
)
def test_nothing_is_posted_where_the_bot_cannot(settings: dict[str, bool], error: str) -> None:
    """An archived channel, and one that it was not invited to."""

    async def run() -> None:
        async with served() as stage:
            answer = await stage.client.patch(f"/_/slack/channels/{CHANNEL}", json=settings)
            assert answer.status_code == 200
            assert await call(stage, "chat.postMessage", channel=CHANNEL, text="x") == {"ok": False, "error": error}

    asyncio.run(run())
