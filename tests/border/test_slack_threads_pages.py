"""Slack gives short pages with a cursor: an answer or our own message on a further page is found, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx2
import pytest

from adapters.providers.slack.clarification import SlackClarificationChannel
from adapters.providers.slack.client import SlackClient
from factory_core.config import FactoryConfig
from factory_core.dispatch.events import ReplyReceived
from factory_core.errors import Retryable, Terminal
from tests.core.world import config_of

from .people import BOT, OURS, THEIRS, message

pytestmark = pytest.mark.pure

T = TypeVar("T")
CHANNEL, ROOT, KEY = "C1", "1796040000.000100", "linear:uuid-1:b:7"
CONFIG = config_of(slack={"channel": CHANNEL, "botUserId": BOT})
ENOUGH = 40  # pages that no look of a test should need


def ours(n: int, key: str = "", **fields: Any) -> dict[str, Any]:
    ts = f"{1796040000 + n}.000100"
    metadata = {"metadata": {"event_payload": {"key": key}}} if key else {}
    return {"user": BOT, "bot_id": "B1", "text": f"note {n}", "ts": ts, "thread_ts": ROOT, **metadata, **fields}


def theirs(n: int, text: str = "in cents", **fields: Any) -> dict[str, Any]:
    return message(text, f"{1796040000 + n}.000100", thread_ts=ROOT, **fields)


class PagedSlack:
    """A thread, and a channel's history, `size` messages a page. `broken`: pages that are answered otherwise."""

    def __init__(self, *messages: dict[str, Any], size: int = 15) -> None:
        self.messages, self.size = messages, size
        self.broken: dict[int, httpx2.Response] = {}
        self.posted: list[str] = []
        self.pages = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        given = dict(parse_qsl(request.content.decode()))
        if request.url.path == "/api/chat.postMessage":
            self.posted.append(given["text"])
            return httpx2.Response(200, json={"ok": True, "channel": CHANNEL, "ts": "1796099999.000100"})
        assert request.url.path in ("/api/conversations.replies", "/api/conversations.history")
        self.pages += 1
        assert self.pages < 2 * ENOUGH, "the look has no end"
        at = int(given.get("cursor", "0=").rstrip("="))
        if at // self.size in self.broken:
            return self.broken.pop(at // self.size)
        more = at + self.size < len(self.messages)
        answer = {"ok": True, "messages": self.messages[at : at + self.size], "has_more": more}
        cursor = f"{at + self.size}=" if more else ""
        return httpx2.Response(200, json={**answer, "response_metadata": {"next_cursor": cursor}})


def over(
    slack: PagedSlack, use: Callable[[SlackClarificationChannel], Awaitable[T]], config: FactoryConfig = CONFIG
) -> T:
    async def story() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(slack)) as http:
            return await use(SlackClarificationChannel(SlackClient(http, "xoxb-1"), config))

    return asyncio.run(story())


def replies(slack: PagedSlack, config: FactoryConfig = CONFIG) -> tuple[ReplyReceived, ...]:
    return over(slack, lambda channel: channel.replies(f"{CHANNEL}:{ROOT}"), config)


def remind(slack: PagedSlack) -> list[str]:
    """What was posted."""
    over(slack, lambda channel: channel.reply(f"{CHANNEL}:{ROOT}", "Still waiting", KEY))
    return slack.posted


def ask(slack: PagedSlack) -> str:
    return over(slack, lambda channel: channel.open_thread("ACME-1", "Which?", KEY)).thread_id


LONG = [ours(0), *(ours(n) for n in range(1, 40))]


@pytest.mark.parametrize("size", [1, 7, 15, 1000])
def test_answers_on_every_page_are_found_oldest_first(size: int) -> None:
    thread = PagedSlack(ours(0), theirs(1, "one"), *(ours(n) for n in range(2, 30)), theirs(31, "two"), size=size)
    assert [found.reply.text for found in replies(thread)] == ["one", "two"]


@pytest.mark.parametrize("size", [7, 15, 1000])
def test_what_we_posted_is_found_on_a_further_page_and_not_posted_again(size: int) -> None:
    assert remind(PagedSlack(*LONG, ours(41, KEY), size=size)) == []
    assert remind(PagedSlack(*LONG, size=size)) == ["Still waiting"]


@pytest.mark.parametrize("size", [7, 15, 1000])
def test_a_question_under_newer_messages_is_found_on_a_further_page_and_not_asked_again(size: int) -> None:
    asked = ours(0, KEY)
    history = PagedSlack(*(theirs(n) for n in range(50, 1, -1)), asked, size=size)
    assert (ask(history), history.posted) == (f"{CHANNEL}:{asked['ts']}", [])


def test_a_look_ends_where_it_finds() -> None:
    """Slack allows few such reads a minute: a message on the first page costs one."""
    thread = PagedSlack(ours(0), ours(1, KEY), *LONG)
    assert (remind(thread), thread.pages) == ([], 1)


def test_a_first_question_in_a_busy_channel_costs_no_walk_through_its_history() -> None:
    history = PagedSlack(*(theirs(n) for n in range(1_000)))
    assert ask(history) and len(history.posted) == 1
    assert history.pages <= 14


LIMITED = httpx2.Response(429, headers={"retry-after": "30"}, json={"ok": False, "error": "ratelimited"})


@pytest.mark.parametrize(
    "failure",
    [
        LIMITED,
        httpx2.Response(503),
        httpx2.Response(200, json={"ok": False, "error": "invalid_cursor"}),
        httpx2.Response(200, json={"ok": False, "error": "internal_error"}),
        httpx2.Response(200, json={"ok": True}),
        httpx2.Response(200, content=b"<html>"),
    ],
)
@pytest.mark.parametrize("use", [replies, remind, ask])
def test_a_page_that_fails_half_way_is_read_again_and_never_taken_for_the_end(
    use: Callable[[PagedSlack], object], failure: httpx2.Response
) -> None:
    """Nothing is posted over it, and a part of the answers is not taken for all."""
    thread = PagedSlack(*LONG, ours(41, KEY), theirs(42))
    thread.broken = {1: failure}
    with pytest.raises(Retryable):
        use(thread)
    assert thread.posted == []
    use(thread)
    assert thread.posted == []


def test_a_thread_that_is_gone_is_gone() -> None:
    """Refused at once: trying again would change nothing."""
    thread = PagedSlack(*LONG)
    thread.broken = {0: httpx2.Response(200, json={"ok": False, "error": "thread_not_found"})}
    with pytest.raises(Terminal):
        replies(thread)


def test_pages_without_an_end_are_left_in_the_end() -> None:
    """A sender that repeats its cursor keeps nobody for ever."""

    class Endless(PagedSlack):
        def __call__(self, request: httpx2.Request) -> httpx2.Response:
            self.pages += 1
            cursor = {"response_metadata": {"next_cursor": "same="}}
            return httpx2.Response(200, json={"ok": True, "messages": [theirs(1)], **cursor})

    endless = Endless()
    assert len(replies(endless)) == endless.pages < 100


@pytest.mark.parametrize(
    ("root", "said", "organisation", "outsider"),
    [
        ({"team": OURS}, {"user_team": THEIRS, "source_team": THEIRS, "team": THEIRS}, "", True),
        ({"bot_profile": {"team_id": OURS}}, {"team": THEIRS}, "", True),
        ({"team": OURS}, {"team": OURS, "user_team": OURS, "source_team": OURS}, "", False),
        ({}, {"user_team": THEIRS}, "", True),
        ({}, {"user_team": OURS}, OURS, False),
        ({}, {"team": THEIRS}, OURS, True),
        ({}, {}, "", False),
        ({"team": OURS}, {"user_profile": {"is_ultra_restricted": True}}, "", True),
    ],
)
def test_a_thread_read_again_tells_outsiders_as_its_webhooks_do(
    root: dict[str, Any], said: dict[str, Any], organisation: str, outsider: bool
) -> None:
    """Our workspace is the one that the root, which we wrote, was posted from."""
    config = config_of(slack={"channel": CHANNEL, "botUserId": BOT, "organisation": organisation})
    (found,) = replies(PagedSlack(ours(0, **root), theirs(1, **said)), config)
    assert found.reply.outsider is outsider


def test_an_author_whom_a_shared_thread_does_not_place_is_an_outsider() -> None:
    """A message with a file may name no workspace; that others write here, the rest of the thread shows."""
    thread = PagedSlack(ours(0, team=OURS), theirs(1, team=THEIRS), theirs(2), theirs(3, team=OURS))
    assert [found.reply.outsider for found in replies(thread)] == [True, True, False]


def test_a_thread_read_again_names_what_came_without_words() -> None:
    (found,) = replies(PagedSlack(ours(0), theirs(1, "", subtype="file_share", files=[{"name": "cart.png"}])))
    assert (found.reply.text, found.reply.attachments) == ("", ("cart.png",))
