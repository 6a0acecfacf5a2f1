"""Linear's API: stored GraphQL operations in, data out; what it refuses becomes a Problem by the table in refusals.

https://linear.app/developers/graphql · https://linear.app/developers/rate-limiting
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

import httpx2
from pydantic import ValidationError

from factory_core.payload import at, object_in, text
from factory_core.performing.rate_limits import RateLimit
from factory_core.ports import Clock

from ..credential import Token, authorized
from ..http_call import DEADLINE, later, limited, retry_after, send
from ..refusal_table import Known
from . import refusals
from .pages import Node

_LIMITS = ("requests", "complexity", "endpoint-requests")
_LONGEST_WAIT = 3600.0  # seconds; Linear's limits are counted by the hour

M = TypeVar("M", bound=Node)


class Answer(NamedTuple):
    data: dict[str, Any]
    refused: Known | None = None


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
        return _data(operation, await self._exchange(operation, variables))

    async def find(self, operation: str, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        """As post; None when what is asked for does not exist."""
        answer = await self._exchange(operation, variables)
        return None if answer.refused and answer.refused.row.name == "missing" else _data(operation, answer)

    async def create(self, operation: str, given: Mapping[str, Any]) -> None:
        """Create something under an id of our own; that it is there already is success.

        Linear then says `conflict on insert of Comment` (INPUT_ERROR), "Entity Comment with id … already exists".
        """
        answer = await self._exchange(operation, {"input": given})
        if answer.refused is None or answer.refused.row.name != "duplicate":
            _data(operation, answer)

    async def _exchange(self, operation: str, variables: Mapping[str, Any]) -> Answer:
        """What may pass, and a credential that ended, are raised; every other refusal is part of the answer."""

        async def call(token: str) -> Answer:
            request = self._http.build_request(
                "POST",
                self._url,
                json={"query": _document(operation), "operationName": operation, "variables": dict(variables)},
                headers={"authorization": token if token.startswith("lin_api_") else f"Bearer {token}"},
                timeout=DEADLINE,
            )
            return self._answer(
                operation,
                await send(self._http, "Linear", request, delay=self._delay, limit=self._limit, scope=operation),
            )

        return await authorized("linear", self._token, call)

    def _answer(self, operation: str, response: httpx2.Response) -> Answer:
        document, status = object_in(response.content), response.status_code
        data = at(document, "data")
        if at(document, "errors") or status >= 400:
            known = refusals.read(status, document, self._delay(response))
            if known.row.kind in ("limit", "passing", "lost"):
                raise known.problem(operation)
            return Answer({}, known)
        if not isinstance(data, dict):  # a proxy's page: the outcome is unknown
            raise later("Linear", f"it answered {status} with something else than GraphQL")
        failed = any(isinstance(part, dict) and part.get("success") is False for part in data.values())
        return Answer(data, refusals.unsuccessful() if failed else None)

    def _limit(self, response: httpx2.Response) -> RateLimit | None:
        """Of requests and of complexity, which are the key's, or of one operation."""
        document = object_in(response.content)
        used_up = {kind for kind in _LIMITS if response.headers.get(f"x-ratelimit-{kind}-remaining") == "0"}
        of_operation = text(object_in(response.request.content), "operationName")
        scope = of_operation if used_up == {"endpoint-requests"} else ""
        if response.status_code == 429:
            return limited(self._delay(response), scope)
        is_refusal = at(document, "errors")
        return refusals.read(response.status_code, document, self._delay(response)).limit(scope) if is_refusal else None

    def _delay(self, response: httpx2.Response) -> float | None:
        """Seconds until the used-up limit is full again; the headers say it in UTC epoch milliseconds.

        Linear sends them with each response: only a refusal for the limit's sake asks for a pause by them.
        """
        status = response.status_code
        if status != 429 and refusals.read(status, object_in(response.content), None).row.kind != "limit":
            return retry_after(response)
        headers, now = response.headers, self.clock().timestamp()
        resets: dict[str, float] = {}
        for kind in _LIMITS:
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


def _data(operation: str, answer: Answer) -> dict[str, Any]:
    if answer.refused:
        raise answer.refused.problem(operation)
    return answer.data
