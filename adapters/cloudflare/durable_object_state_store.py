"""StateStore in a Durable Object: SQLite's, with fewer rows; what a record waits for arms the alarm as it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.payload import parse
from factory_core.ports import Clock

from ..stores import record_sql as sql
from ..stores.sqlite.state_store import SqliteStateStore
from .object_database import ObjectDatabase


class DurableObjectStateStore(SqliteStateStore):
    """A tenant's only one: nobody else writes to the object, so when its records wake is remembered here.

    That takes the place of an index, which would cost a row with nearly every save, and as many rows to read, once in
    this object's life, as there are records.
    """

    def __init__(self, database: ObjectDatabase, tenant: str, clock: Clock) -> None:
        super().__init__(database, tenant, clock)
        self._object = database
        self._wakes: dict[str, int] | None = None

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        """A record that was claimed is to be performed at once, by whoever the alarm calls."""
        self._object.wakes(self._clock() if record.lease.holder else record.wake_at)
        saved = await super().put_in_flight(record, batch=batch, clarification=clarification)
        if self._wakes is not None:
            self._wakes.pop(saved.work_item_id, None)
            if saved.wake_at:
                self._wakes[saved.work_item_id] = sql.microseconds(saved.wake_at)
        return saved

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        if leaving:
            self._object.wakes(leaving.wake_at)
        await super().delete_in_flight(work_item_id, version, leaving)
        if self._wakes is not None:
            self._wakes.pop(work_item_id, None)
            if leaving and leaving.wake_at:
                self._wakes[work_item_id] = sql.microseconds(leaving.wake_at)

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        await self._sweep()
        until, wakes = sql.microseconds(now), await self._known_wakes()
        return [item for _, item in sorted((at, item) for item, at in wakes.items() if at <= until)[:limit]]

    async def earliest(self, after: datetime) -> datetime | None:
        """The first moment after that one at which a record wakes."""
        since, wakes = sql.microseconds(after), await self._known_wakes()
        first = min((at for at in wakes.values() if at > since), default=None)
        return None if first is None else sql.EPOCH + timedelta(microseconds=first)

    async def _known_wakes(self) -> dict[str, int]:
        """Read once in this object's life."""
        if self._wakes is None:
            [(wakes,)] = await self._object.read(sql.select_wakes(self._tenant))
            self._wakes = parse(wakes)
        return self._wakes

    def _put_clarification(self, saved: ClarificationRecord) -> sql.Change:
        return sql.put_clarification(self._tenant, saved, self._clock())
