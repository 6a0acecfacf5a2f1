"""relayfile's API: files, the change feed, and the webhooks that did not get through."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from factory_core.errors import PlaceUnknown, Problem
from factory_core.payload import moment, number, object_in, parse, rows, text
from factory_core.performing.rate_limits import RateLimit
from factory_core.work_item import Frozen

from ..credential import Token, authorized
from ..http_call import DEADLINE, later, limited, retry_after, send
from . import refusals
from .objects import RelayFile

BUSY = 5.0  # seconds; relayfile's own default for a workspace that is busy


class FeedPage(Frozen):
    """Changes, oldest first, shaped like webhook bodies; the next call starts at `cursor`, which stays at the end."""

    changes: tuple[dict[str, Any], ...]
    cursor: str


class DeadLetter(NamedTuple):
    """One delivery of any of the workspace's subscriptions; `url` is where it was sent to."""

    id: str
    url: str
    failed_at: datetime | None


class DeadLetters(NamedTuple):
    """A page of them; the next one starts at `cursor`, empty after the last one."""

    letters: tuple[DeadLetter, ...]
    cursor: str


class RelayfileClient:
    """`token` is a JWT for this workspace, with fs:read, and webhooks:read and webhooks:replay for the dead letters."""

    def __init__(self, http: httpx2.AsyncClient, token: Token, url: str, workspace: str) -> None:
        self._http, self._token, self._root = http, token, f"{url.rstrip('/')}/v1/workspaces/{workspace}"

    async def read_file(self, path: str) -> RelayFile | None:
        """None where there is no such file, or one that holds no JSON object."""
        answer = await self.call("GET", "/fs/file", params={"path": path}, accept=(404,))
        if answer.status_code == 404:
            return None
        file = document(answer)
        content = _content(file)
        return None if content is None else RelayFile(revision=text(file, "revision"), content=content)

    async def events(self, cursor: str = "") -> FeedPage:
        """The changes after the cursor; an empty one starts with what the service still remembers."""
        answer = await self.call("GET", "/fs/events", params={"cursor": cursor} if cursor else {}, accept=(400, 410))
        if not answer.is_success:
            said = refusal(answer)
            raise PlaceUnknown(said.what, why=said.why, fix=said.fix) if cursor else said
        page = document(answer)
        changes = tuple(change for change in rows(page, "events") if isinstance(change, dict))
        last = text(changes[-1], "eventId") if changes else cursor
        return FeedPage(changes=changes, cursor=text(page, "nextCursor") or last)

    async def newest(self) -> str:
        """The cursor of the newest change: reading on from there starts now."""
        page = document(await self.call("GET", "/fs/events", params={"direction": "desc", "limit": "1"}))
        return next((text(change, "eventId") for change in rows(page, "events")), "")

    async def dead_letters(self, cursor: str = "") -> DeadLetters:
        """A page of the deliveries that relayfile has given up, from the cursor on."""
        page = document(await self.call("GET", "/webhooks/dlq", params={"cursor": cursor} if cursor else {}))
        dead = [letter for letter in rows(page, "items") if text(letter, "status") == "dead_lettered"]
        letters = (DeadLetter(text(one, "deliveryId"), text(one, "url"), moment(one, "failedAt")) for one in dead)
        return DeadLetters(tuple(letter for letter in letters if letter.id), text(page, "nextCursor"))

    async def replay(self, delivery_id: str) -> None:
        """Ask relayfile to deliver it once more."""
        await self.call("POST", f"/webhooks/dlq/{quote(delivery_id, safe='')}/replay")

    async def ask(self, method: str, path: str, *, params: dict[str, str] | None = None) -> httpx2.Response:
        """Any answer below 500 but 401 and 429, refusals included; raises ConnectionLost when no token is accepted."""

        async def call(token: str) -> httpx2.Response:
            headers = {"authorization": f"Bearer {token}", "x-correlation-id": f"factory-{uuid.uuid4()}"}
            url = self._root + path
            request = self._http.build_request(method, url, params=params, headers=headers, timeout=DEADLINE)
            answer = await send(self._http, "relayfile", request, delay=_pause, limit=_limit)
            if answer.status_code == 401:
                raise refusal(answer)
            return answer

        return await authorized("relayfile", self._token, call)

    async def call(
        self, method: str, path: str, *, params: dict[str, str] | None = None, accept: tuple[int, ...] = ()
    ) -> httpx2.Response:
        """A good answer, or one with a status from `accept`; every other is raised."""
        answer = await self.ask(method, path, params=params)
        if answer.is_success or answer.status_code in accept:
            return answer
        raise refusal(answer)


def refusal(answer: httpx2.Response) -> Problem:
    what = f"{answer.request.method} {answer.request.url.path} was answered with {answer.status_code}"
    return refusals.read(answer.status_code, object_in(answer.content)).problem(what)


def document(answer: httpx2.Response) -> Any:
    """The answer's JSON; raise Retryable for an answer that is none."""
    try:
        return parse(answer.content)
    except ValueError as error:
        raise later("relayfile", "its answer cannot be read") from error


def _content(file: object) -> dict[str, Any] | None:
    """A file's content is a string, of JSON for all that concerns us."""
    raw: str | bytes = text(file, "content")
    try:
        return object_in(base64.b64decode(raw, validate=True) if text(file, "encoding") == "base64" else raw)
    except ValueError:
        return None  # not base64 either


def _limit(answer: httpx2.Response) -> RateLimit | None:
    """The workspace's, and so that of everything that is asked of it."""
    return limited(_pause(answer)) if answer.status_code == 429 else None


def _pause(answer: httpx2.Response) -> float | None:
    """A busy workspace says when it may be asked again, in the header or in the body."""
    asked = retry_after(answer)
    if asked is not None or answer.status_code != 429:
        return asked
    return number(object_in(answer.content), "retryAfterSeconds") or BUSY
