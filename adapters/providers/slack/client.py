"""Slack's Web API: a method and its arguments in, the answer out; what it refuses becomes a Problem by the table in
refusals. Failures come as HTTP 200 with `ok: false`. https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx2

from factory_core.payload import object_in, truth
from factory_core.performing.rate_limits import RateLimit

from ..credential import Token, authorized
from ..http_call import DEADLINE, later, limited, retry_after, send
from . import refusals


class Answer(NamedTuple):
    """What Slack answered, read with `intake.payload`; and what the token may do, where the headers say so."""

    body: dict[str, Any]
    scopes: tuple[str, ...] | None


class SlackClient:
    """`token` is the bot token (`xoxb-…`), or where today's is found; it is never part of a message."""

    def __init__(self, http: httpx2.AsyncClient, token: Token, url: str = "https://slack.com") -> None:
        self._http, self._token, self._url = http, token, f"{url.rstrip('/')}/api"

    async def call(self, method: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Arguments go as a form, which every method takes (the reading ones take no JSON); objects in it are JSON."""
        form = {name: _formed(value) for name, value in (arguments or {}).items()}

        async def call(token: str) -> Answer:
            request = self._http.build_request(
                "POST",
                f"{self._url}/{method}",
                data=form,
                headers={"authorization": f"Bearer {token}"},
                timeout=DEADLINE,
            )
            return _answer(method, await send(self._http, "Slack", request, limit=_limit(method), scope=method))

        return await authorized("slack", self._token, call)


def _formed(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _limit(method: str) -> Callable[[httpx2.Response], RateLimit | None]:
    """Each method of a workspace has a limit of its own. https://docs.slack.dev/apis/web-api/rate-limits"""

    def limit(response: httpx2.Response) -> RateLimit | None:
        body, pause = object_in(response.content) or {}, retry_after(response)
        if response.status_code == 429:
            return limited(pause, method)
        return None if truth(body, "ok") else refusals.read(response.status_code, body, pause).limit(method)

    return limit


def _answer(method: str, response: httpx2.Response) -> Answer:
    """What is not Slack's JSON is a proxy's word, and leaves the outcome unknown."""
    body = object_in(response.content) or {}
    ok = truth(body, "ok")
    if ok is None and response.status_code < 400:
        raise later("Slack", f"it answered {response.status_code} with something that is not Slack's")
    if not ok:
        raise refusals.read(response.status_code, body, retry_after(response)).problem(method)
    listed = response.headers.get("x-oauth-scopes")
    scopes = None if listed is None else tuple(scope.strip() for scope in listed.split(",") if scope.strip())
    return Answer(body, scopes)
