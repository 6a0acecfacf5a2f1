"""The rate limits that this process knows of: while one lasts, what it covers is answered at once, without a call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from ..errors import VendorPaused
from ..ports import Clock


class RateLimit(NamedTuple):
    """A vendor's wish not to be asked for so many seconds.

    `scope`: what the vendor counts by itself, such as one method; empty for everything that the credential may ask.
    """

    seconds: float
    scope: str = ""


class RateLimits:
    """Of one process, by vendor and credential. A process learns of a limit by one call of its own.

    A clock that is put back ends a limit early, and the next call learns of it anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spans: dict[tuple[str, str, str], tuple[datetime, datetime]] = {}

    def note(self, provider: str, credential: str, limit: RateLimit) -> None:
        """The vendor has just asked for this pause; of two the longer one counts."""
        now = self._clock()
        until = now + timedelta(seconds=limit.seconds)
        key = (provider, credential, limit.scope)
        self._spans = {known: span for known, span in self._spans.items() if _lasts(span, now)}
        if key not in self._spans or self._spans[key][1] < until:
            self._spans[key] = now, until

    def check(self, provider: str, credential: str, scope: str = "") -> None:
        """Raise VendorPaused for a call that a limit covers."""
        now = self._clock()
        spans = (self._spans.get((provider, credential, one)) for one in ("", scope))
        until = max((span[1] for span in spans if span and _lasts(span, now)), default=now)
        if until > now:
            raise VendorPaused(provider, until, after=(until - now).total_seconds())


def _lasts(span: tuple[datetime, datetime], now: datetime) -> bool:
    return span[0] <= now < span[1]
