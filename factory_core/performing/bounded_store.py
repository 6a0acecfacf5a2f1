"""The store as a process reads it: without moments that only a wrong clock can have set (see dispatch/moments)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from ..config import FactoryConfig
from ..dispatch.batch import Batch
from ..dispatch.moments import bounded, bounded_batch
from ..dispatch.records import ClarificationRecord, InFlightRecord, State
from ..errors import UnreadableRecord
from ..ports import Clock, DamageReport, StateStore


class BoundedStore:
    """A StateStore. What was corrected is stored with the next change; `take_far` names the records that no moment will
    bring to one, since the store's index has them where the wrong clock put them."""

    def __init__(self, store: StateStore, config: FactoryConfig, clock: Clock) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._far: dict[str, None] = {}

    def take_far(self) -> list[str]:
        """The records that were read and corrected since the last call."""
        far, self._far = list(self._far), {}
        return far

    async def get_in_flight(self, name: str) -> InFlightRecord | None:
        record = await self._store.get_in_flight(name)
        return self._bounded(record) if record else None

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        return await self._store.put_in_flight(record, batch=batch, clarification=clarification)

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        await self._store.delete_in_flight(work_item_id, version, leaving)

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        async for record in self._store.list_in_flight():
            yield self._bounded(record)

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        return await self._store.get_waiting_clarification(thread_id)

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord:
        return await self._store.put_waiting_clarification(record)

    async def delete_waiting_clarification(self, thread_id: str) -> None:
        await self._store.delete_waiting_clarification(thread_id)

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        return await self._store.due(now, limit)

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        return await self._store.in_state(state, after, limit)

    async def damage(self) -> UnreadableRecord | None:
        return await self._store.damage() if isinstance(self._store, DamageReport) else None

    async def get_batch(self) -> Batch:
        return bounded_batch(await self._store.get_batch(), self._clock(), self._config)

    async def put_batch(self, batch: Batch) -> Batch:
        return await self._store.put_batch(batch)

    def _bounded(self, record: InFlightRecord) -> InFlightRecord:
        near = bounded(record, self._clock(), self._config)
        if near is not record:
            self._far[record.work_item_id] = None
        return near
