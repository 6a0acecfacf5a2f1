"""How every client meets the network: one call with a deadline, each failure translated to Retryable or Terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx2

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import Problem, Retryable, Terminal
from factory_core.intake.payload import object_in

PATIENCE = 5.0  # seconds that a check of a connection may take
LONGEST_PAUSE = 30 * 86_400.0  # seconds; a wish for more is a fault, and may be no date any more
DEADLINE = httpx2.Timeout(20.0, connect=5.0)


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds from a Retry-After header; its date form is nobody's in practice and counts as absent."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdigit() else None


async def send(
    http: httpx2.AsyncClient,
    vendor: str,
    request: httpx2.Request,
    *,
    delay: Callable[[httpx2.Response], float | None] = retry_after,
) -> httpx2.Response:
    """Send, and give back any answer that the vendor's own client must read; raise Retryable for what may pass.

    No answer, 5xx and 429 may pass; after an answer that never came the outcome is unknown. `delay` finds the vendor's
    wish for a pause in such an answer, in seconds.
    """
    try:
        response = await http.send(request)
    except httpx2.HTTPError as error:
        raise later(vendor, f"no answer: {type(error).__name__}") from error
    if response.status_code == 429 or response.status_code >= 500:
        raise later(vendor, f"it answered {response.status_code}", after=delay(response))
    return response


def says_no(body: bytes) -> bool:
    """Is it a refusal that came with a 200? Slack's `ok: false`, or the `errors` of GraphQL."""
    said = object_in(body)
    return said is not None and (said.get("ok") is False or bool(said.get("errors")))


def later(vendor: str, why: str, *, after: float | None = None) -> Retryable:
    pause = None if after is None else min(after, LONGEST_PAUSE)
    return Retryable(f"{vendor} cannot be reached", why=why, fix="factory check", after=pause)


def never(vendor: str, what: str, why: str, fix: str) -> Terminal:
    return Terminal(f"{vendor}: {what}", why=why, fix=fix)


async def judged(
    provider: str, required: tuple[str, ...], asked: Awaitable[ProviderConnection], *, connect: str
) -> ProviderConnection:
    """What a provider found out about its own connection; never raises, and never takes longer than PATIENCE.

    A problem whose fix is `connect` waits for a person's token.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await asked
    except TimeoutError:
        error, fix = f"no answer within {PATIENCE:.0f} s", "factory check"
    except Problem as problem:
        error, fix = problem.why, problem.fix
    status = ConnectionStatus.NEEDS_AUTH if fix == connect else ConnectionStatus.ERROR
    return ProviderConnection(provider=provider, status=status, required_scopes=required, error=error, fix=fix)
