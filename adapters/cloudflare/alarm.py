"""The one alarm of a Durable Object. It is never later than the earliest moment that it was told of.

The platform calls at least once, and gives up after six retries: so whoever is called arms it again, whatever happened.
https://developers.cloudflare.com/durable-objects/api/alarms/
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ..assembly import utc_now

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Alarm:
    """`storage` is the object's `ctx.storage`. Each time that it is set is billed as a row: an earlier one stays."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._armed: int | None = None  # milliseconds
        self._planned: datetime | None = None  # when it is to ring, as far as this life of the object knows
        self._ringing = False

    async def look(self) -> None:
        """Learn what is armed. The platform lets nobody else in meanwhile."""
        self._armed = await self._storage.getAlarm()

    def at(self, moment: datetime) -> None:
        """Ring then, if not before. While it rings, whoever performs looks for what comes next by himself."""
        milliseconds = -((EPOCH - moment) // MILLISECOND)  # rounded up: not a moment too early
        if not self._ringing and (self._armed is None or milliseconds < self._armed):
            self._armed, self._planned = milliseconds, max(moment, utc_now())
            stored = self._storage.setAlarm(milliseconds)  # it is set now; until it is stored, no answer leaves
            if isinstance(stored, Coroutine):
                stored.close()  # nobody needs to wait for that

    @contextmanager
    def ringing(self) -> Iterator[datetime | None]:
        """It has rung, so nothing is armed; if this object dies now, the platform rings again.

        Gives when it was to ring; None where nobody knows.
        """
        planned, self._planned = self._planned, None
        self._armed, self._ringing = None, True
        try:
            yield planned
        finally:
            self._ringing = False
