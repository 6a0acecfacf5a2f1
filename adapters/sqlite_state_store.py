"""StateStore in any SQLite: a file on this machine, the storage of a Durable Object. The SQL is record_sql's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.ports import Clock

from . import record_sql as sql
from .damage import Damage


class Database(Protocol):
    """Where the statements are executed. Both raise StoreUnavailable."""

    async def read(self, statement: sql.Statement) -> Sequence[Sequence[Any]]:
        """The rows, as of the last change."""
        ...

    async def write(self, change: sql.Change) -> None:
        """All of it or nothing, and durable; raise VersionConflict when somebody else saved first."""
        ...


class Counts(NamedTuple):
    """How many items there are in each state, and since when the oldest of them is; and what is due.

    `unreadable`: items whose record is damaged.
    """

    states: dict[str, tuple[int, datetime | None]]
    unreadable: int
    due: int
    due_since: datetime | None


class SqliteStateStore:
    """One tenant's part of the database. Tenants that share a SqliteFile share its commits."""

    def __init__(self, database: Database, tenant: str, clock: Clock) -> None:
        self._database, self._tenant, self._clock = database, tenant, clock

    async def get_in_flight(self, name: str) -> InFlightRecord | None:
        rows = await self._database.read(sql.select_in_flight(self._tenant, name))
        rows = rows or await self._database.read(sql.select_by_alias(self._tenant, name))
        return sql.decode(InFlightRecord, rows[0][0]) if rows else None

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        saved = sql.successor(record)
        change = sql.put_in_flight(self._tenant, saved) + sql.put_aliases(self._tenant, record)
        if batch is not None:
            change += sql.put_batch(self._tenant, sql.successor(batch))
        if clarification is not None:
            change += self._put_clarification(sql.successor(clarification))
        await self._database.write(change)
        return saved

    async def delete_in_flight(self, work_item_id: str, version: int | None = None) -> None:
        await self._database.write(sql.delete_in_flight(self._tenant, work_item_id, version))

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        after, more, damage = "", True, Damage()
        while more:
            await asyncio.sleep(0)  # a long list keeps nobody else waiting
            rows = await self._database.read(sql.select_page(self._tenant, after))
            for after, body in rows:
                if record := damage.read(after, partial(sql.decode, InFlightRecord, body)):
                    yield record
            more = len(rows) == sql.PAGE
        damage.tell()

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        rows = await self._database.read(sql.select_clarification(self._tenant, thread_id, self._clock()))
        return sql.decode(ClarificationRecord, rows[0][0]) if rows else None

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord:
        saved = sql.successor(record)
        await self._database.write(self._put_clarification(saved))
        return saved

    async def delete_waiting_clarification(self, thread_id: str) -> None:
        await self._database.write(sql.delete_clarification(self._tenant, thread_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        rows = await self._database.read(sql.select_due(self._tenant, now, limit))
        return [work_item_id for (work_item_id,) in rows]

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        rows = await self._database.read(sql.select_in_state(self._tenant, state, after, limit))
        return [work_item_id for (work_item_id,) in rows]

    async def counts(self) -> Counts:
        """Read out of indexes: no record is decoded, however many there are."""
        rows = await self._database.read(sql.select_states(self._tenant))
        ((due, since),) = await self._database.read(sql.select_overdue(self._tenant, self._clock()))
        states = {
            state: (number, datetime.fromisoformat(oldest) if oldest else None)
            for state, number, oldest in rows
            if state is not None
        }
        unreadable = sum(number for state, number, _ in rows if state is None)
        return Counts(states, unreadable, due, None if since is None else sql.EPOCH + timedelta(microseconds=since))

    async def get_batch(self) -> Batch:
        rows = await self._database.read(sql.select_batch(self._tenant))
        return sql.decode(Batch, rows[0][0]) if rows else Batch()

    async def put_batch(self, batch: Batch) -> Batch:
        saved = sql.successor(batch)
        await self._database.write(sql.put_batch(self._tenant, saved))
        return saved

    def _put_clarification(self, saved: ClarificationRecord) -> sql.Change:
        now = self._clock()
        return (*sql.sweep_clarifications(self._tenant, now), *sql.put_clarification(self._tenant, saved, now))
