"""StateStore in any SQLite: a file on this machine, the storage of a Durable Object. The SQL is record_sql's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.errors import StoreUnavailable, UnreadableRecord, VersionConflict
from factory_core.ports import Clock

from .. import record_sql as sql
from ..unreadable_records import UnreadableRecords
from .rows_around_damage import rows_around_damage

SWEEP_EVERY = timedelta(days=1)
KNOWN_STATES = frozenset(State)


@runtime_checkable
class Damageable(Protocol):
    """A database in which a part can be damaged while the rest is well."""

    async def damage(self) -> UnreadableRecord | None: ...


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

    `unreadable`: items whose record is damaged, or in a state that only a newer release knows.
    """

    states: dict[str, tuple[int, datetime | None]]
    unreadable: int
    due: int
    due_since: datetime | None


def _moment(stored: object) -> datetime | None:
    """None for what is no moment: one damaged record hides no figure of the others."""
    try:
        found = datetime.fromisoformat(str(stored))
    except ValueError:
        return None
    return found if found.tzinfo else None


async def due_in(database: Database, table: str, tenant: str, due: sql.Statement) -> list[str]:
    """The names that `due` selects, with the tenant, a moment and a limit as its values: by the table itself where its
    index is damaged."""
    try:
        return [name for (name,) in await database.read(due)]
    except UnreadableRecord:
        _, moment, limit = due.values
        assert isinstance(moment, int) and isinstance(limit, int)
        rows = [row async for row in rows_around_damage(database.read, table) if row.tenant == tenant]
        come = sorted((row.wake_at, row.name) for row in rows if row.wake_at is not None and row.wake_at <= moment)
        return [name for _, name in come[:limit]]


class SqliteStateStore:
    """One tenant's part of the database. Tenants that share a SqliteFile share its commits."""

    def __init__(self, database: Database, tenant: str, clock: Clock) -> None:
        self._database, self._tenant, self._clock = database, tenant, clock
        self._swept_at: datetime | None = None

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

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        await self._database.write(sql.delete_in_flight(self._tenant, work_item_id, version, leaving))

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        after, more, damage = "", True, UnreadableRecords()
        while more:
            await asyncio.sleep(0)  # a long list keeps nobody else waiting
            try:
                rows = await self._database.read(sql.select_page(self._tenant, after))
            except UnreadableRecord as problem:
                async for record in self._list_around_damage(after, damage, problem):
                    yield record
                break
            for after, body in rows:
                if known := damage.read(after, partial(sql.decode, InFlightRecord, body)):
                    yield known
            more = len(rows) == sql.PAGE
        damage.raise_if_any()

    async def _list_around_damage(
        self, after: str, damage: UnreadableRecords, problem: UnreadableRecord
    ) -> AsyncIterator[InFlightRecord]:
        """Those whose ids follow `after`, in the order in which they were made; `damage` gets the names of the rest."""
        left = await self._names(after)
        async for row in rows_around_damage(self._database.read, "in_flight"):
            if row.tenant == self._tenant and row.name > after:
                left.discard(row.name)
                if record := damage.read(row.name, partial(sql.decode, InFlightRecord, row.body)):
                    yield record
        for name in left or {"a part of the store's file"}:
            damage.add(name, problem)

    async def _names(self, after: str) -> set[str]:
        """As far as the index can be read."""
        names = set[str]()
        with suppress(UnreadableRecord):
            while rows := await self._database.read(sql.select_names(self._tenant, after)):
                names.update(name for (name,) in rows)
                after = rows[-1][0]
        return names

    async def damage(self) -> UnreadableRecord | None:
        return await self._database.damage() if isinstance(self._database, Damageable) else None

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
        await self._sweep()
        return await due_in(self._database, "in_flight", self._tenant, sql.select_due(self._tenant, now, limit))

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        try:
            rows = await self._database.read(sql.select_in_state(self._tenant, state, after, limit))
            return [work_item_id for (work_item_id,) in rows]
        except UnreadableRecord:  # without the index
            found = list[str]()
            with suppress(UnreadableRecord):
                async for record in self.list_in_flight():
                    found += [record.work_item_id] if record.state is state and record.work_item_id > after else []
            return sorted(found)[:limit]

    async def counts(self) -> Counts:
        """Read out of indexes: no record is decoded, however many there are."""
        rows = await self._database.read(sql.select_states(self._tenant))
        ((due, since),) = await self._database.read(sql.select_overdue(self._tenant, self._clock()))
        states = {state: (number, _moment(oldest)) for state, number, oldest in rows if state in KNOWN_STATES}
        unreadable = sum(number for state, number, _ in rows if state not in KNOWN_STATES)
        return Counts(states, unreadable, due, None if since is None else sql.EPOCH + timedelta(microseconds=since))

    async def get_batch(self) -> Batch:
        rows = await self._database.read(sql.select_batch(self._tenant))
        return sql.decode(Batch, rows[0][0]) if rows else Batch()

    async def put_batch(self, batch: Batch) -> Batch:
        saved = sql.successor(batch)
        await self._database.write(sql.put_batch(self._tenant, saved))
        return saved

    async def _sweep(self) -> None:
        """Threads past their deadline go once a day at the latest, also where no other is stored. One that cannot be
        deleted now goes another day."""
        now = self._clock()
        if self._swept_at is None or abs(now - self._swept_at) >= SWEEP_EVERY:
            self._swept_at = now
            with suppress(StoreUnavailable, VersionConflict):
                await self._database.write(sql.sweep_clarifications(self._tenant, now))

    def _put_clarification(self, saved: ClarificationRecord) -> sql.Change:
        now = self._clock()
        return (*sql.sweep_clarifications(self._tenant, now), *sql.put_clarification(self._tenant, saved, now))
