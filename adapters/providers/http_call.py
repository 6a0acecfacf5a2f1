"""One HTTP call with a deadline, for every client. What may pass is raised as VendorUnavailable."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import Problem, Terminal, VendorUnavailable
from factory_core.payload import object_in
from factory_core.performing.rate_limits import RateLimit, RateLimits
from factory_core.ports import Clock
from factory_core.text.redaction import Redact, redacted

PATIENCE = 5.0  # seconds that a check of a connection may take
LONGEST_PAUSE = 30 * 86_400.0  # seconds; a longer pause is a fault of the header, and may be no date any more
DEADLINE = httpx2.Timeout(20.0, connect=5.0)
AT_ONCE = 8  # requests to one vendor: what waited for it does not come upon it all at once
PROVIDER = "factory.provider"  # the extension of a request that names the vendor it was sent to
SCOPE = "factory.scope"  # the extension that names what of it the vendor counts by itself, see RateLimit
LIMIT = "factory.limit"  # the extension that reads the rate limit of a response


def _now() -> datetime:
    return datetime.now(UTC)


class RedactingClient(httpx2.AsyncClient):
    """The body of what is sent with it holds no secret, whoever wrote it; the headers hold those that are meant.

    Of the requests that send() makes, a few to each vendor are under way at once, and none that a rate limit covers.
    """

    def __init__(self, redact: Redact, *, clock: Clock = _now, **more: Any) -> None:
        super().__init__(**more)
        self._redact, self._limits = redact, RateLimits(clock)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        vendor = str(request.extensions.get(PROVIDER, ""))
        if not vendor:
            return await super().send(request, **how)
        credential = request.headers.get("authorization", "")
        async with self._turns[vendor]:
            self._limits.check(vendor, credential, request.extensions.get(SCOPE, ""))
            response = await super().send(request, **how)
            limit: RateLimit | None = request.extensions[LIMIT](response)
            if limit:
                self._limits.note(vendor, credential, limit)
            return response

    def build_request(self, method: str, url: httpx2.URL | str, **parts: Any) -> httpx2.Request:
        """`content` is text in UTF-8."""
        for name in ("json", "data"):
            parts[name] = redacted(parts.get(name), self._redact)
        content = parts.get("content")
        if isinstance(content, bytes):
            text = content.decode(errors="surrogateescape")
            parts["content"] = redacted(text, self._redact).encode(errors="surrogateescape")
        return super().build_request(method, url, **parts)


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds from a Retry-After header; its date form is not used in practice and counts as absent."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdigit() else None


async def send(
    http: httpx2.AsyncClient,
    vendor: str,
    request: httpx2.Request,
    *,
    delay: Callable[[httpx2.Response], float | None] = retry_after,
    limit: Callable[[httpx2.Response], RateLimit | None] = lambda response: None,
    scope: str = "",
) -> httpx2.Response:
    """Send, and return any response that the vendor's own client must read; raise VendorUnavailable for what may pass.

    No response, 5xx and 429 may pass; after a response that never came the outcome is unknown. `delay` finds the pause
    that the vendor asks for in such a response, in seconds. `limit` finds the rate limit that it tells of, which covers
    what has the same `scope`: raise VendorPaused for a request that comes before its end.
    """
    ours = {PROVIDER: vendor.casefold(), LIMIT: limit, SCOPE: scope}
    request.extensions = {**request.extensions, **ours}
    try:
        response = await http.send(request)
    except httpx2.HTTPError as error:
        raise later(vendor, f"no answer: {type(error).__name__}") from error
    if response.status_code == 429 or response.status_code >= 500:
        limited = response.status_code == 429
        raise later(vendor, f"it answered {response.status_code}", after=delay(response), limited=limited)
    return response


def limited(pause: float | None, scope: str = "") -> RateLimit | None:
    """The rate limit whose end a vendor has named, in seconds."""
    return RateLimit(min(pause, LONGEST_PAUSE), scope) if pause else None


def provider_of(response: httpx2.Response) -> str:
    """The vendor that send() asked, whatever its host and path; empty for a request of another origin."""
    return str(response.request.extensions.get(PROVIDER, ""))


def is_refusal(body: bytes) -> bool:
    """Is it a refusal that came with a 200? Slack's `ok: false`, or the `errors` of GraphQL."""
    answer = object_in(body)
    return answer is not None and (answer.get("ok") is False or bool(answer.get("errors")))


def later(vendor: str, why: str, *, after: float | None = None, limited: bool = False) -> VendorUnavailable:
    pause = None if after is None else min(after, LONGEST_PAUSE)
    what = f"{vendor} cannot be reached"
    return VendorUnavailable(vendor.casefold(), what, why=why, fix="factory check", after=pause, limited=limited)


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
