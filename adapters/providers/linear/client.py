"""The one door to Linear's API: stored GraphQL operations in, data out, every failure a Problem.

https://linear.app/developers/graphql · https://linear.app/developers/rate-limiting
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from adapters.providers.credential import Token, authorized
from adapters.providers.door import DEADLINE, later, never, retry_after, send
from factory_core.errors import ConnectionLost, Problem
from factory_core.intake.payload import parse_as
from factory_core.ports import Clock

from .pages import Node

CONNECT = "factory connect linear"
_UNAUTHORISED = frozenset({"AUTHENTICATION_ERROR", "UNAUTHENTICATED"})
_PASSING = frozenset({"INTERNAL_SERVER_ERROR", "LOCK_TIMEOUT"})
_MISSING = re.compile(r"entity not found|could not find", re.IGNORECASE)
_DUPLICATE = re.compile(r"conflict on insert|already exists|duplicate", re.IGNORECASE)
_LONGEST_WAIT = 3600.0  # seconds; Linear's limits are counted by the hour

M = TypeVar("M", bound=Node)


class Extensions(Node):
    code: str | None = None
    user_presentable_message: str | None = None


class GraphqlError(Node):
    message: str | None = None
    extensions: Extensions | None = None

    @property
    def code(self) -> str:
        return (self.extensions.code if self.extensions else None) or ""

    @property
    def words(self) -> str:
        shown = self.extensions.user_presentable_message if self.extensions else None
        return f"{self.message or self.code} {shown or ''}".strip()


class Answer(Node):
    data: dict[str, Any] | None = None
    errors: tuple[GraphqlError, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


class LinearClient:
    """`token` is a personal key (`lin_api_…`) or an OAuth access token, or where today's is found; it is never part of
    a message."""

    def __init__(
        self, http: httpx2.AsyncClient, token: Token, url: str = "https://api.linear.app", clock: Clock = _now
    ) -> None:
        self._http, self._token, self._url, self.clock = http, token, f"{url.rstrip('/')}/graphql", clock

    async def post(self, operation: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's `data`."""
        return self._data(operation, await self._exchange(operation, variables))

    async def find(self, operation: str, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        """As post; None when what is asked for does not exist."""
        answer = await self._exchange(operation, variables)
        if any(_MISSING.search(error.words) for error in answer.errors):
            return None
        return self._data(operation, answer)

    async def create(self, operation: str, given: Mapping[str, Any]) -> None:
        """Create something under an id of our own; that it is there already is success.

        Linear then says `conflict on insert of Comment` (INPUT_ERROR), "Entity Comment with id … already exists".
        """
        answer = await self._exchange(operation, {"input": given})
        if not any(_DUPLICATE.search(error.words) for error in answer.errors):
            self._data(operation, answer)

    async def _exchange(self, operation: str, variables: Mapping[str, Any]) -> Answer:
        async def call(token: str) -> Answer:
            request = self._http.build_request(
                "POST",
                self._url,
                json={"query": _document(operation), "operationName": operation, "variables": dict(variables)},
                headers={"authorization": token if token.startswith("lin_api_") else f"Bearer {token}"},
                timeout=DEADLINE,
            )
            response = await send(self._http, "Linear", request, delay=self._delay)
            answer = _answer(operation, response)
            if any(error.code == "RATELIMITED" for error in answer.errors):
                raise later("Linear", "its rate limit is used up", after=self._delay(response))
            if any(error.code in _UNAUTHORISED for error in answer.errors):
                raise ConnectionLost("linear", answer.errors[0].words[:300])
            return answer

        return await authorized("linear", self._token, call)

    def _data(self, operation: str, answer: Answer) -> dict[str, Any]:
        if answer.errors or answer.data is None:
            raise _problem(operation, answer)
        if any(isinstance(part, dict) and part.get("success") is False for part in answer.data.values()):
            raise never("Linear", operation, "it answered success: false", "factory doctor linear")
        return answer.data

    def _delay(self, response: httpx2.Response) -> float | None:
        """Seconds until the used-up limit is full again; the headers say it in UTC epoch milliseconds."""
        headers, now = response.headers, self.clock().timestamp()
        resets: dict[str, float] = {}
        for kind in ("requests", "complexity", "endpoint-requests"):
            reset = headers.get(f"x-ratelimit-{kind}-reset", "")
            if re.fullmatch(r"[0-9]{1,16}", reset):
                resets[kind] = int(reset) / 1000 - now
        used_up = [left for kind, left in resets.items() if headers.get(f"x-ratelimit-{kind}-remaining") == "0"]
        waits = used_up or list(resets.values())
        return min(max(1.0, *waits), _LONGEST_WAIT) if waits else retry_after(response)


def shaped(model: type[M], data: Mapping[str, Any]) -> M:
    """The answer as the type that the caller reads; a shape that Linear never promised may be its own bad moment."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise later("Linear", f"its answer lacks {error.errors()[0]['loc']}") from None


@cache
def _document(operation: str) -> str:
    return (files(__package__) / "operations" / f"{operation}.graphql").read_text("utf-8")


def _answer(operation: str, response: httpx2.Response) -> Answer:
    """401 and 403 are told by their status; whatever else is no GraphQL is a proxy's, and its outcome unknown."""
    status = response.status_code
    if status == 401:
        raise ConnectionLost("linear", "it answered 401: the token is not accepted")
    if status == 403:
        raise never("Linear", operation, "it answered 403: the token is not permitted to do that", CONNECT)
    try:
        answer = parse_as(Answer, response.content)
    except ValidationError:
        answer = Answer()
    if status >= 400 and not answer.errors:
        raise never("Linear", operation, f"it answered {status}", "factory doctor linear")
    if answer.data is None and not answer.errors:
        raise later("Linear", f"it answered {status} with something else than GraphQL")
    return answer


def _problem(operation: str, answer: Answer) -> Problem:
    codes = {error.code for error in answer.errors}
    why = "; ".join(error.words for error in answer.errors)[:300]
    if "FORBIDDEN" in codes:
        return never("Linear", operation, why, CONNECT)
    if codes & _PASSING:
        return later("Linear", why)
    return never("Linear", operation, why, "factory doctor linear")
