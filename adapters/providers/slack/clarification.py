"""Slack as the place where people are asked: one thread a question, in the configured channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import ValidationError

from adapters.providers.http_call import later
from factory_core import payload
from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.comments import thread_title
from factory_core.dispatch.events import ReplyReceived
from factory_core.dispatch.records import Summary
from factory_core.errors import Terminal
from factory_core.ports import Thread
from factory_core.work_item import WorkItem

from ..slack_messages import SPOKEN, Home, is_between_workspaces
from .client import SlackClient
from .connection import check_connection
from .settings import SlackSettings
from .text import escape, mention
from .webhook import Message, reply_of

_EVENT_TYPE = "factory"
_RECENT_ROOTS = 200  # messages of the channel, the newest first, among which a question of ours is looked for
_THREAD = 999  # messages of a thread
_MOST_PAGES = 67  # to some apps Slack gives no more than 15 messages a page


class SlackClarificationChannel:
    """Slack knows no idempotency key: ours goes into the message's metadata, and is looked for before every post.

    The port does not say whether a call is a repeat, and nothing that this process remembers would survive a crash;
    so each post costs one read more. A question and a reminder are rare enough (Slack allows 50 such reads a minute).
    A page that cannot be read ends the look with an error, and nothing is posted. What a look cannot see: a root under
    200 newer ones, a reply behind 67 pages, a post that Slack still works on.
    """

    def __init__(self, client: SlackClient, config: FactoryConfig) -> None:
        self._client, self._slack = client, config.section("slack", SlackSettings)
        self._people = config.clarification.people

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def ask(
        self,
        item: Summary | WorkItem,
        person: str,
        text: str,
        key: str,
        thread_id: str = "",
        session_id: str = "",
    ) -> Thread:
        """Nothing in the text mentions anybody; who is asked is mentioned in front of it.

        People choose their own names, so a reporter's is never taken for an id: only clarification.people gives one.
        """
        called = mention(self._people.get(person, "" if person == item.reporter else person))
        words = f"{called} {escape(text)}" if called else escape(text)
        if not thread_id:
            return await self._open(thread_title(item), words, key)
        await self._reply(thread_id, words, key)
        return Thread(thread_id, "")

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        return await self._open(title, escape(body), key)

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        await self._reply(thread_id, escape(text), key)

    async def _open(self, title: str, words: str, key: str) -> Thread:
        """`words` are escaped."""
        channel = self._slack.channel
        look = {"channel": channel, "limit": _RECENT_ROOTS}
        ts = await self._find("conversations.history", look, key, _RECENT_ROOTS)
        if ts is None:
            channel, ts = await self._post(channel, f"{escape(f'*{title}*')}\n{words}", key)
        url = f"{self._slack.url}/app_redirect?channel={channel}&message_ts={ts}"
        return Thread(f"{channel}:{ts}", url)

    async def _reply(self, thread_id: str, words: str, key: str) -> None:
        channel, ts = _place(thread_id)
        look = {"channel": channel, "ts": ts, "limit": _THREAD}
        if await self._find("conversations.replies", look, key) is None:
            await self._post(channel, words, key, thread_ts=ts)

    async def replies(self, thread_id: str) -> tuple[ReplyReceived, ...]:
        """What people wrote in the thread, as their webhooks would have said it."""
        channel, ts = _place(thread_id)
        pages = self._pages("conversations.replies", {"channel": channel, "ts": ts, "limit": _THREAD})
        rows = [row async for page in pages for row in page]
        home, us = self._home(rows, ts), self._slack.bot_user_id
        spoken = [_read(row, channel) for row in rows if payload.text(row, "subtype") in SPOKEN]
        return tuple(reply for message in spoken if message for reply in reply_of(message, {us}, home))

    def _home(self, rows: list[Any], root: str) -> Home:
        """Our workspace, from the configuration or the thread's root, which we wrote; and who else writes there."""
        ours = next((row for row in rows if payload.text(row, "ts") == root), None)
        named = payload.text(ours, "team") or payload.text(ours, "bot_profile", "team_id")
        home = Home(self._slack.organisation or named)
        shared = any(is_between_workspaces(row, home) for row in rows if isinstance(row, dict))
        return home._replace(shared=True) if shared else home

    async def _find(self, method: str, look: Mapping[str, Any], key: str, most: int | None = None) -> str | None:
        """The stamp of the message that carries our key, among the first `most`."""
        seen = 0
        async for page in self._pages(method, {**look, "include_all_metadata": True}):
            for said in page:
                if payload.text(said, "metadata", "event_payload", "key") == key:
                    return payload.text(said, "ts")
            seen += len(page)
            if most is not None and seen >= most:
                break
        return None

    async def _pages(self, method: str, look: Mapping[str, Any]) -> AsyncIterator[list[Any]]:
        """A page may be short though more follow: only an empty cursor is the end.

        https://docs.slack.dev/apis/web-api/pagination
        """
        cursor = ""
        for _ in range(_MOST_PAGES):
            body = await self._next(method, look, cursor) if cursor else (await self._client.call(method, look)).body
            yield payload.rows(body, "messages")
            cursor = payload.text(body, "response_metadata", "next_cursor")
            if not cursor:
                return

    async def _next(self, method: str, look: Mapping[str, Any], cursor: str) -> dict[str, Any]:
        """A further page. What is refused only now, as a cursor that expired, is read again from the first page on."""
        try:
            body = (await self._client.call(method, {**look, "cursor": cursor})).body
        except Terminal as problem:
            raise later("Slack", f"a further page of {method}: {problem.why}") from problem
        if not isinstance(payload.at(body, "messages"), list):
            raise later("Slack", f"a further page of {method} has no messages")
        return body

    async def _post(self, channel: str, words: str, key: str, **where: str) -> tuple[str, str]:
        arguments = {
            "channel": channel,
            "text": words,
            "metadata": {"event_type": _EVENT_TYPE, "event_payload": {"key": key}},
            "unfurl_links": False,
            "unfurl_media": False,
            **where,
        }
        body = (await self._client.call("chat.postMessage", arguments)).body
        where_it_stands = payload.text(body, "channel"), payload.text(body, "ts")
        if not all(where_it_stands):
            raise later("Slack", "its answer does not say where the message stands")
        return where_it_stands


def _place(thread_id: str) -> tuple[str, str]:
    """Channel and stamp of the thread's root."""
    channel, _, ts = thread_id.partition(":")
    if channel and ts.partition(".")[0].isdigit():
        return channel, ts
    raise Terminal(
        f"Slack: {thread_id} is no thread",
        why="the thread was opened in another channel",
        fix="In factory.config.yaml: set clarificationChannel to the channel that the question stands in",
    )


def _read(row: object, channel: str) -> Message | None:
    """A message of a thread, which does not name its channel; None for what is none."""
    try:
        return Message.model_validate({**row, "channel": channel} if isinstance(row, dict) else row)
    except ValidationError:
        return None
