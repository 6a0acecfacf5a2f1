"""Effects that only change the tenant's batch: take a slot, move it to the review column, give it back."""

from __future__ import annotations

from ..config import FactoryConfig
from ..dispatch import capacity, events
from ..dispatch.batch import Batch, QueueEntry
from ..dispatch.effects import Effect, Planned
from ..dispatch.records import InFlightRecord
from ..ports import Clock, StateStore
from .drive import Finish, Outcome
from .outcomes import about, routed


class Slots:
    """Each effect is a Finish: read the batch, change it, hand it over to be saved with the record."""

    def __init__(self, config: FactoryConfig, store: StateStore, clock: Clock) -> None:
        self._config, self._store, self._clock = config, store, clock

    async def take(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        """→ SlotGranted, or SlotDenied with the limit that is in the way."""
        repository, priority = routed(record).repository, record.item.priority if record.item else 0
        entry = QueueEntry(
            work_item_id=record.work_item_id, repository=repository, priority=priority, since=self._clock()
        )

        async def finish() -> Outcome:
            batch, limits = await self._store.get_batch(), self._config.capacity
            served = capacity.take(batch, entry, limits, self._clock())
            if entry.work_item_id in served.granted:
                granted = events.SlotGranted(**about(record, planned, self._clock()), repository=repository)
                return _outcome(granted, record, batch, served)
            reason = capacity.why_waiting(served.batch, entry, limits) or "others are first in line"
            denied = events.SlotDenied(**about(record, planned, self._clock()), reason=reason)
            return _outcome(denied, record, batch, served)

        return finish

    async def move_to_review(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            served = capacity.to_review(batch, record.work_item_id, self._config.capacity, self._clock())
            return _outcome(None, record, batch, served)

        return finish

    async def release(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            served = capacity.release(batch, record.work_item_id, self._config.capacity, self._clock())
            return _outcome(None, record, batch, served)

        return finish


def _outcome(event: events.Event | None, record: InFlightRecord, before: Batch, served: capacity.Served) -> Outcome:
    others = tuple(item for item in served.granted if item != record.work_item_id)
    return Outcome(event, batch=served.batch if served.batch != before else None, granted=others)
