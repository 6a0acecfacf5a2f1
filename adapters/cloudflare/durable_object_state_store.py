"""StateStore in a Durable Object: SQLite's, and what a record waits for arms the alarm in the same transaction."""

from __future__ import annotations

from datetime import datetime

from factory_core.dispatch.records import Batch, ClarificationRecord, InFlightRecord
from factory_core.ports import Clock

from ..record_sql import moment_of, select_earliest
from ..sqlite_state_store import SqliteStateStore
from .object_database import ObjectDatabase


class DurableObjectStateStore(SqliteStateStore):
    """One tenant's object. A record that was claimed is to be performed at once, by whoever the alarm calls."""

    def __init__(self, database: ObjectDatabase, tenant: str, clock: Clock) -> None:
        super().__init__(database, tenant, clock)
        self._object = database

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        self._object.wakes(self._clock() if record.lease.holder else record.wake_at)
        return await super().put_in_flight(record, batch=batch, clarification=clarification)

    async def earliest(self, after: datetime) -> datetime | None:
        """The first moment after that one at which somebody must look again."""
        [(moment,)] = await self._object.read(select_earliest(self._tenant, after))
        return None if moment is None else moment_of(moment)
