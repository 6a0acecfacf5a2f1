"""relayfile's API: files, feed, dead letters, and what each refusal means."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from relayfile_samples import CANONICAL, TOKEN, file_answer, issue, with_client

from adapters.providers import http_call
from adapters.providers.relayfile.client import DeadLetter, DeadLetters, FeedPage, RelayfileClient
from adapters.providers.relayfile.connection import check_connection
from adapters.providers.relayfile.objects import RelayFile
from factory_core.connections import ConnectionStatus
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal

pytestmark = pytest.mark.pure

BUSY = {"code": "workspace_busy", "message": "busy", "reason": "router_inflight_limit"}


def answering(response: Any) -> Any:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if isinstance(response, Exception):
            raise response
        assert isinstance(response, httpx2.Response)
        return response

    return answer


def file_of(response: Any) -> RelayFile | None:
    return with_client(answering(response), lambda client: client.read_file(CANONICAL))


def test_a_file_is_its_parsed_content_and_its_revision() -> None:
    """Plain and base64 content are read alike; the request names path, token and a correlation id of legal length."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return file_answer(issue())

    expected = RelayFile(revision="rev_88", content=issue())
    assert with_client(answer, lambda client: client.read_file(CANONICAL)) == expected
    coded = base64.b64encode(json.dumps(issue()).encode()).decode()
    assert file_of(file_answer(coded, encoding="base64")) == expected
    assert (seen[0].url.path, seen[0].url.params["path"]) == ("/v1/workspaces/ws_acme/fs/file", CANONICAL)
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert 8 <= len(seen[0].headers["x-correlation-id"]) <= 128


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(404, json={"code": "not_found"}),
        file_answer("# Notes"),
        file_answer("[1]"),
        file_answer("[" * 99_999),
        file_answer("%%%", encoding="base64"),
        httpx2.Response(200, json={"revision": "rev_1"}),
    ],
)
def test_what_is_gone_or_holds_no_object_is_none(response: httpx2.Response) -> None:
    """There is nothing to learn from a missing file, nor from one in another format."""
    assert file_of(response) is None


@pytest.mark.parametrize(
    ("response", "after"),
    [
        (httpx2.Response(429, json={**BUSY, "retryAfterSeconds": 9}, headers={"retry-after": "7"}), 7.0),
        (httpx2.Response(429, json={**BUSY, "retryAfterSeconds": 9}), 9.0),
        (httpx2.Response(429, json={**BUSY, "retryAfterSeconds": 10**400}), http_call.LONGEST_PAUSE),
        (httpx2.Response(429, json=BUSY), 5.0),
        (httpx2.Response(429, text="slow down"), 5.0),
        (httpx2.Response(500), None),
        (httpx2.Response(503, headers={"retry-after": "3"}), 3.0),
        (httpx2.Response(503, headers={"retry-after": "9" * 15}), http_call.LONGEST_PAUSE),
        (httpx2.Response(200, text="<html>"), None),
        (httpx2.ReadTimeout("slow"), None),
        (httpx2.ConnectError("down"), None),
    ],
)
def test_what_may_pass_is_retried_when_relayfile_says(response: Any, after: float | None) -> None:
    """A busy workspace, faults and silence are Retryable, with the service's own delay where it gave one."""
    with pytest.raises(Retryable) as caught:
        file_of(response)
    assert caught.value.after == after


@pytest.mark.parametrize(
    ("response", "why", "fix"),
    [
        (httpx2.Response(403, json={"code": "forbidden"}), "scopes", "factory connect relayfile"),
        (httpx2.Response(400, json={"code": "bad_request", "message": "path"}), "bad_request path", "factory doctor"),
        (httpx2.Response(410, text="gone"), "no reason", "factory doctor relayfile"),
    ],
)
def test_what_will_never_work_says_whose_move_it_is(response: Any, why: str, fix: str) -> None:
    """Refusals are Terminal with a person's next step, and name no token."""
    with pytest.raises(Terminal) as caught:
        file_of(response)
    assert why in caught.value.why
    assert caught.value.fix.startswith(fix)
    assert TOKEN not in json.dumps(caught.value.document())


def test_the_feed_is_read_from_where_one_stopped() -> None:
    """The cursor moves to the last change seen and stays there when there is nothing new."""
    feed = [{"eventId": f"evt_{n}", "path": CANONICAL, "type": "file.updated"} for n in (1, 2, 3)]

    def answer(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params.get("cursor", "evt_0").removeprefix("evt_"))
        part = feed[start : start + 2]
        following = part[-1]["eventId"] if start + 2 < len(feed) else None
        return httpx2.Response(200, json={"events": part, "nextCursor": following})

    async def use(client: RelayfileClient) -> list[FeedPage]:
        pages = [await client.events()]
        for _ in range(2):
            pages.append(await client.events(pages[-1].cursor))
        return pages

    assert with_client(answer, use) == [
        FeedPage(changes=tuple(feed[:2]), cursor="evt_2"),
        FeedPage(changes=tuple(feed[2:]), cursor="evt_3"),
        FeedPage(changes=(), cursor="evt_3"),
    ]


def test_dead_letters_are_listed_and_replayed() -> None:
    """Page by page; what is already queued again is left alone; a replay is one POST."""
    letters = [("whdel_1", "dead_lettered"), ("whdel_2", "queued"), ("whdel_3", "dead_lettered")]
    about = {"url": "https://factory.test/hooks/acme/relayfile", "failedAt": "2026-06-15T00:00:00.000Z"}
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode().partition('?')[0]}")
        if request.method == "POST":
            return httpx2.Response(202, json={"status": "queued"})
        start = int(request.url.params.get("cursor", "0"))
        items = [{**about, "deliveryId": name, "status": status} for name, status in letters[start : start + 2]]
        return httpx2.Response(200, json={"items": items, "nextCursor": "2" if start == 0 else None})

    first, third = (
        DeadLetter(name, about["url"], datetime(2026, 6, 15, tzinfo=UTC)) for name in ("whdel_1", "whdel_3")
    )
    assert with_client(answer, lambda client: client.dead_letters()) == DeadLetters((first,), "2")
    assert with_client(answer, lambda client: client.dead_letters("2")) == DeadLetters((third,), "")
    with_client(answer, lambda client: client.replay("whdel_1/../x"))
    assert asked[-1] == "POST /v1/workspaces/ws_acme/webhooks/dlq/whdel_1%2F..%2Fx/replay"


@pytest.mark.parametrize(
    ("response", "words", "fix"),
    [
        (httpx2.Response(200, json={"events": []}), "connected", ""),
        (httpx2.Response(403, json={}), "missing-scopes: fs:read", "factory connect relayfile"),
    ],
)
def test_the_check_tells_what_is_missing(response: Any, words: str, fix: str) -> None:
    """A good token is connected; one without the scope names it."""
    found = with_client(answering(response), check_connection)
    assert (found.provider, found.words, found.fix) == ("relayfile", words, fix)


def test_a_token_that_ended_is_the_connections_matter() -> None:
    """The connection is lost; it is retried until a token works again."""
    with pytest.raises(ConnectionLost) as caught:
        file_of(httpx2.Response(401))
    assert (caught.value.provider, caught.value.fix) == ("relayfile", "factory connect relayfile")


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (httpx2.Response(401, json={}), ConnectionStatus.NEEDS_AUTH),
        (httpx2.Response(404, text="no such workspace"), ConnectionStatus.ERROR),
        (httpx2.Response(429, json=BUSY), ConnectionStatus.ERROR),
        (httpx2.Response(502), ConnectionStatus.ERROR),
        (httpx2.ConnectTimeout("nobody there"), ConnectionStatus.ERROR),
    ],
)
def test_the_check_never_raises(response: Any, status: ConnectionStatus) -> None:
    """Whatever is wrong is in the answer, with a fix."""
    found = with_client(answering(response), check_connection)
    assert found.status is status
    assert found.error
    assert Problem("x", why="y", fix=found.fix)


def test_a_hanging_relayfile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check ends on time even when no answer ever comes."""
    monkeypatch.setattr(http_call, "PATIENCE", 0.01)

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert with_client(hang, check_connection).status is ConnectionStatus.ERROR
