"""StateStore in this process's memory: for tests, simulation and the demo. It keeps JSON, as the durable stores do."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeVar

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.errors import RecordTooLarge, StoreUnavailable, VersionConflict
from factory_core.payload import to_json
from factory_core.ports import Clock

from ..record_sql import decode
from ..unreadable_records import UnreadableRecords

Stored = TypeVar("Stored", InFlightRecord, ClarificationRecord, Batch)


class Entry(NamedTuple):
    version: int
    body: str
    at: datetime | None = None  # a record's wake_at, a clarification's deadline


Shelf = dict[str, Entry]


class InMemoryStateStore:
    """One tenant's memory. Others get a turn at the edges of each call, so that what can interleave does.

    `reachable = False` makes every call raise StoreUnavailable until it is set back; `largest` is how many characters a
    record may have as JSON.
    """

    def __init__(self, clock: Clock) -> None:
        self.reachable = True
        self.largest: int | None = None
        self._clock = clock
        self._in_flight: Shelf = {}
        self._aliases: dict[str, str] = {}
        self._clarifications: Shelf = {}
        self._batches: Shelf = {}  # one, under the empty key
        self._wakes: list[tuple[datetime, str]] = []  # sorted
        self._states: dict[State, list[str]] = {}  # state → ids, sorted
        self._state_of: dict[str, State] = {}

    async def get_in_flight(self, name: str) -> InFlightRecord | None:
        await self._turn()
        return _read(InFlightRecord, self._in_flight.get(name) or self._in_flight.get(self._aliases.get(name, "")))

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        await self._turn()
        self._refuse_large(record)
        wins = [_wins(self._in_flight.get(record.work_item_id), record.version)]
        if batch is not None:
            wins.append(_wins(self._batches.get(""), batch.version))
        if clarification is not None:
            wins.append(_wins(self._waiting(clarification.thread_id), clarification.version))
        if not all(wins):
            raise VersionConflict
        if batch is not None:
            _write(self._batches, "", batch)
        if clarification is not None:
            _write(self._clarifications, clarification.thread_id, clarification, clarification.deadline)
        self._wake(record.work_item_id, record.wake_at)
        self._file(record.work_item_id, record.state)
        self._aliases |= dict.fromkeys(record.new_aliases, record.work_item_id)
        saved = _write(self._in_flight, record.work_item_id, record.but(new_aliases=()), record.wake_at)
        await asyncio.sleep(0)
        return saved

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        await self._turn()
        if version is not None and not _wins(self._in_flight.get(work_item_id), version):
            raise VersionConflict
        self._wake(work_item_id, None)
        self._file(work_item_id, None)
        self._in_flight.pop(work_item_id, None)
        for alias in [alias for alias, item in self._aliases.items() if item == work_item_id]:
            del self._aliases[alias]
        if leaving:
            self._wake(work_item_id, leaving.wake_at)
            self._file(work_item_id, leaving.state)
            _write(self._in_flight, work_item_id, leaving.but(version=version or 0), leaving.wake_at)

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        await self._turn()
        damage = UnreadableRecords()
        for item, entry in tuple(self._in_flight.items()):
            if record := damage.read(item, partial(_read, InFlightRecord, entry)):
                yield record
            await self._turn()
        damage.raise_if_any()

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        await self._turn()
        return _read(ClarificationRecord, self._waiting(thread_id))

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord:
        await self._turn()
        if not _wins(self._waiting(record.thread_id), record.version):
            raise VersionConflict
        saved = _write(self._clarifications, record.thread_id, record, record.deadline)
        await asyncio.sleep(0)
        return saved

    async def delete_waiting_clarification(self, thread_id: str) -> None:
        await self._turn()
        self._clarifications.pop(thread_id, None)

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        await self._turn()
        self._clarifications = {thread: one for thread, one in self._clarifications.items() if self._waiting(thread)}
        come = []
        for wake_at, work_item_id in self._wakes[:limit]:
            if wake_at > now:
                break
            come.append(work_item_id)
        return come

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        await self._turn()
        here = self._states.get(state, [])
        return here[bisect_right(here, after) :][:limit]

    async def get_batch(self) -> Batch:
        await self._turn()
        return _read(Batch, self._batches.get("")) or Batch()

    async def put_batch(self, batch: Batch) -> Batch:
        await self._turn()
        if not _wins(self._batches.get(""), batch.version):
            raise VersionConflict
        saved = _write(self._batches, "", batch)
        await asyncio.sleep(0)
        return saved

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise StoreUnavailable("the state store cannot be reached", why="it was cut off", fix="factory check")

    def _refuse_large(self, record: InFlightRecord) -> None:
        size = len(to_json(record)) if self.largest is not None else 0
        if self.largest is not None and size > self.largest:
            fix = "In the tracker: cancel the ticket and open a new one for what is left to do"
            why = f"{size} characters, and this store takes {self.largest}"
            raise RecordTooLarge("a record is too large for the state store", why=why, fix=fix)

    def _waiting(self, thread_id: str) -> Entry | None:
        """A thread past its deadline is absent."""
        entry = self._clarifications.get(thread_id)
        return entry if entry and entry.at and entry.at >= self._clock() else None

    def _wake(self, work_item_id: str, wake_at: datetime | None) -> None:
        """Move the item's place in the order of waking; call it before the entry is replaced."""
        old = self._in_flight.get(work_item_id)
        if old and old.at:
            del self._wakes[bisect_left(self._wakes, (old.at, work_item_id))]
        if wake_at:
            insort(self._wakes, (wake_at, work_item_id))

    def _file(self, work_item_id: str, state: State | None) -> None:
        """Keep it in the list of its state."""
        old = self._state_of.pop(work_item_id, None)
        if old:
            del self._states[old][bisect_left(self._states[old], work_item_id)]
        if state:
            self._state_of[work_item_id] = state
            insort(self._states.setdefault(state, []), work_item_id)


def _wins(entry: Entry | None, version: int) -> bool:
    return version == (entry.version if entry else 0)


def _read(model: type[Stored], entry: Entry | None) -> Stored | None:
    return decode(model, entry.body) if entry else None


def _write(shelf: Shelf, key: str, record: Stored, at: datetime | None = None) -> Stored:
    saved = record.model_copy(update={"version": record.version + 1})
    shelf[key] = Entry(saved.version, to_json(saved), at)
    return saved
