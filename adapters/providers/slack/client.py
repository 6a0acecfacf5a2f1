"""The one door to Slack's Web API: a method and its arguments in, the answer out, every failure a Problem.

Failures come as HTTP 200 with `ok: false`. https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2

from adapters.providers.credential import Token, authorized
from adapters.providers.door import DEADLINE, later, never, retry_after, send
from factory_core.errors import ConnectionLost, Problem
from factory_core.intake.payload import object_in, text, truth

CONNECT = "factory connect slack"
_LOST = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
_PASSING = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_IN_SLACK = {
    "channel_not_found": "In Slack: invite the factory's app to the channel, and set slack.channel to the channel's id",
    "not_in_channel": "In Slack: invite the factory's app to the channel",
    "is_archived": "In Slack: restore the channel, or name another one as slack.channel",
    "thread_not_found": "In Slack: the question's thread was deleted; answer on the ticket instead",
    "restricted_action": "In Slack: let the factory's app post in the channel",
}


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
            return _answer(method, await send(self._http, "Slack", request))

        return await authorized("slack", self._token, call)


def _formed(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _answer(method: str, response: httpx2.Response) -> Answer:
    """What is not Slack's JSON is a proxy's word, and leaves the outcome unknown."""
    body = object_in(response.content) or {}
    ok = truth(body, "ok")
    if ok is None and response.status_code < 400:
        raise later("Slack", f"it answered {response.status_code} with something that is not Slack's")
    if not ok:
        raise _problem(method, body, response)
    listed = response.headers.get("x-oauth-scopes")
    scopes = None if listed is None else tuple(scope.strip() for scope in listed.split(",") if scope.strip())
    return Answer(body, scopes)


def _problem(method: str, body: dict[str, Any], response: httpx2.Response) -> Problem:
    error = text(body, "error")[:80] or f"it answered {response.status_code}"
    if error in _PASSING:
        return later("Slack", error, after=retry_after(response))
    if error == "missing_scope":
        return never("Slack", method, f"the token lacks the scope {text(body, 'needed') or '?'}", CONNECT)
    if error in _LOST:
        return ConnectionLost("slack", error)
    if error == "no_permission":
        return never("Slack", method, error, CONNECT)
    return never("Slack", method, error, _IN_SLACK.get(error, "factory doctor slack"))
