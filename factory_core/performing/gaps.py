"""Where a process notes that events may have been lost, and how that is stored."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..dispatch import catch_up
from ..dispatch.batch import Batch, DeliveryGap
from ..errors import Problem, VersionConflict
from ..ports import Clock, StateStore

logger = logging.getLogger("factory.catch_up")
LATE = timedelta(minutes=5)  # a tick of a platform's clock
TRIES = 5  # to store a gap while others store the batch


class Gaps:
    """Those of this process that are not stored yet: the store itself may be what is away."""

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._noted: DeliveryGap | None = None
        self._known: dict[str, datetime] = {}
        self.begun = True  # looks may have begun of which this process has not read yet

    def note(self, cause: str, since: datetime | None = None) -> None:
        """Events may have been lost, until now. `since`: where somebody knows when that began."""
        new = DeliveryGap(since=since, until=self._clock(), cause=cause)
        if self._noted is None or self._noted.cause != cause:
            logger.info("events may have been lost: %s", cause, extra={"action": "gap"})
        self._noted = catch_up.joined(self._noted, new)

    async def note_outage(self, vendor: str, since: datetime) -> None:
        """The vendor answers again, and did not since then. What else waited for it tells nothing new."""
        known = self._known.get(vendor)
        if known is None or since > known:
            self._known[vendor] = self._clock()
            self.note(f"{vendor} did not answer", since)
            await self.save()

    async def save(self) -> None:
        """Have the looks begin. What cannot be stored now is kept for the next time."""
        gap = self._noted
        if gap is None:
            return
        for _ in range(TRIES):
            try:
                batch = await self._store.get_batch()
                begun = catch_up.begin(batch.catch_up, gap, self._clock())
                await self._store.put_batch(batch.model_copy(update={"catch_up": begun}))
            except VersionConflict:  # another process was faster; this one may have no next time
                continue
            except Problem:
                return
            self.begun = True
            if self._noted is gap:
                self._noted = None
            return


def is_silent_since(batch: Batch, every: timedelta, now: datetime) -> datetime | None:
    """When the clock was last seen to tick, if it has stood still since. Costs no write: a tick that finds nothing due
    leaves no trace, but each search for missed events does."""
    last = batch.sweep.at
    if last is None:
        return None
    if batch.catch_up:
        last = max(last, batch.catch_up.paid_until, batch.catch_up.gap.until)
    return last if now - last > every + LATE else None
