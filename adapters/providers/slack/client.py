"""The one door to Slack's Web API: a method and its arguments in, the answer out, every failure a Problem.

Failures come as HTTP 200 with `ok: false`. https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.providers.door import DEADLINE, later, never, retry_after, send
from factory_core.errors import Problem

CONNECT = "factory connect slack"
_UNAUTHORISED = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission"}
)
_PASSING = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_IN_SLACK = {
    "channel_not_found": "In Slack: invite the factory's app to the channel, and give the channel's id as slack.channel",
    "not_in_channel": "In Slack: invite the factory's app to the channel",
    "is_archived": "In Slack: restore the channel, or name another one as slack.channel",
    "thread_not_found": "In Slack: the question's thread was deleted; answer on the ticket instead",
    "restricted_action": "In Slack: let the factory's app post in the channel",
}


class Answer(BaseModel):
    """Slack's answer; what a method adds is in `model_extra`. `needed` comes with missing_scope."""

    model_config = ConfigDict(frozen=True, extra="allow")

    ok: bool
    error: str = ""
    needed: str = ""
    scopes: tuple[str, ...] | None = None  # what the token may do, where the answer's headers say so


class SlackClient:
    """`token` is the bot token (`xoxb-…`); it is never part of a message."""

    def __init__(self, http: httpx2.AsyncClient, token: str, url: str = "https://slack.com") -> None:
        self._http, self._token, self._url = http, token, f"{url.rstrip('/')}/api"

    async def call(self, method: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Arguments go as a form, which every method takes (the reading ones take no JSON); objects in it are JSON."""
        if not self._token:
            raise never("Slack", method, "there is no token", CONNECT)
        form = {name: _formed(value) for name, value in (arguments or {}).items()}
        request = self._http.build_request(
            "POST",
            f"{self._url}/{method}",
            data=form,
            headers={"authorization": f"Bearer {self._token}"},
            timeout=DEADLINE,
        )
        response = await send(self._http, "Slack", request)
        answer = _answer(method, response)
        if not answer.ok:
            raise _problem(method, answer, response)
        return answer


def _formed(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _answer(method: str, response: httpx2.Response) -> Answer:
    """What is not Slack's JSON is a proxy's word, and leaves the outcome unknown."""
    listed = response.headers.get("x-oauth-scopes")
    try:
        answer = Answer.model_validate_json(response.content)
    except ValidationError:
        if response.status_code < 400:
            raise later("Slack", f"it answered {response.status_code} with something else than JSON") from None
        raise never("Slack", method, f"it answered {response.status_code}", "factory doctor slack") from None
    scopes = None if listed is None else tuple(scope.strip() for scope in listed.split(",") if scope.strip())
    return answer.model_copy(update={"scopes": scopes})


def _problem(method: str, answer: Answer, response: httpx2.Response) -> Problem:
    error = answer.error[:80] or "no reason given"
    if error in _PASSING:
        return later("Slack", error, after=retry_after(response))
    if error == "missing_scope":
        return never("Slack", method, f"the token lacks the scope {answer.needed or '?'}", CONNECT)
    if error in _UNAUTHORISED:
        return never("Slack", method, error, CONNECT)
    return never("Slack", method, error, _IN_SLACK.get(error, "factory doctor slack"))
