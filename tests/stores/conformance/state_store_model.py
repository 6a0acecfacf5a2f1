"""A StateStore against a model of three dicts, under any sequence of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from factory_core.dispatch.batch import Batch, QueueEntry
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.errors import VersionConflict

if TYPE_CHECKING:
    from .state_store_laws import World

T = TypeVar("T")
ITEMS = st.sampled_from(("ACME-1", "ACME-2", "acme-1"))
THREADS = st.sampled_from(("T1", "T2"))
OFFSETS = st.sampled_from((0, 0, 0, -1, 1))  # from the version that would win
MINUTES = st.integers(-3, 3)
TENANTS = (f"model-{n}" for n in count())


class StoreMachine(RuleBasedStateMachine):
    """Each example is a tenant of its own in the same world."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.records: dict[str, InFlightRecord] = {}
        self.threads: dict[str, ClarificationRecord] = {}
        self.batch = Batch()

    def teardown(self) -> None:
        self.runner.close()

    @initialize()
    def open(self) -> None:
        self.start = self.world.clock.now
        self.store = self.run(self.world.open(next(TENANTS)))

    @rule(item=ITEMS, offset=OFFSETS, wake=st.none() | MINUTES, batch=st.none() | OFFSETS, thread=st.none() | OFFSETS)
    def put_record(self, item: str, offset: int, wake: int | None, batch: int | None, thread: int | None) -> None:
        wake_at = None if wake is None else self.start + timedelta(minutes=wake)
        stored = self.records.get(item, InFlightRecord(work_item_id=item))
        record = stored.but(version=stored.version + offset, attempt=stored.attempt + 1, wake_at=wake_at)
        new_batch = None if batch is None else self.next_batch(batch)
        new_thread = None if thread is None else self.next_thread("T1", thread, 2)
        if self.wins(self.store.put_in_flight(record, batch=new_batch, clarification=new_thread)):
            assert (offset, batch or 0, thread or 0) == (0, 0, 0)
            self.records[item] = saved(record)
            self.batch = saved(new_batch) if new_batch else self.batch
            self.threads |= {"T1": saved(new_thread)} if new_thread else {}
        else:
            assert (offset, batch or 0, thread or 0) != (0, 0, 0)
            self.may_have_stored(new_batch if batch == 0 else None, new_thread if thread == 0 else None)

    @rule(item=ITEMS)
    def delete_record(self, item: str) -> None:
        self.run(self.store.delete_in_flight(item))
        self.records.pop(item, None)

    @rule(offset=OFFSETS)
    def put_batch(self, offset: int) -> None:
        batch = self.next_batch(offset)
        won = self.wins(self.store.put_batch(batch))
        assert won == (offset == 0)
        self.batch = saved(batch) if won else self.batch

    @rule(thread_id=THREADS, offset=OFFSETS, minutes=st.integers(0, 3))
    def put_thread(self, thread_id: str, offset: int, minutes: int) -> None:
        thread = self.next_thread(thread_id, offset, minutes)
        won = self.wins(self.store.put_waiting_clarification(thread))
        assert won == (offset == 0)
        self.threads |= {thread_id: saved(thread)} if won else {}

    @rule(thread_id=THREADS)
    def delete_thread(self, thread_id: str) -> None:
        self.run(self.store.delete_waiting_clarification(thread_id))
        self.threads.pop(thread_id, None)

    @rule(seconds=st.sampled_from((1, 60, 61)))
    def wait(self, seconds: int) -> None:
        self.world.clock.now += timedelta(seconds=seconds)

    @invariant()
    def the_same_is_stored_and_due(self) -> None:
        self.run(self.compared())

    async def compared(self) -> None:
        for item in ("ACME-1", "ACME-2", "acme-1"):
            assert await self.store.get_in_flight(item) == self.records.get(item)
        for thread_id in ("T1", "T2"):
            assert await self.store.get_waiting_clarification(thread_id) == self.thread(thread_id)
        assert await self.store.get_batch() == self.batch
        assert {record.work_item_id: record async for record in self.store.list_in_flight()} == self.records
        now = self.world.clock.now
        moments = [self.records[item].wake_at for item in await self.store.due(now, 9)]
        assert moments == sorted(r.wake_at for r in self.records.values() if r.wake_at and r.wake_at <= now)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def wins(self, put: Coroutine[Any, Any, object]) -> bool:
        try:
            self.run(put)
        except VersionConflict:
            return False
        return True

    def thread(self, thread_id: str) -> ClarificationRecord | None:
        stored = self.threads.get(thread_id)
        return stored if stored and stored.deadline >= self.world.clock.now else None

    def next_batch(self, offset: int) -> Batch:
        entry = QueueEntry(work_item_id=f"Q-{len(self.batch.queue)}", repository="acme/api", since=self.start)
        return Batch(version=self.batch.version + offset, queue=(*self.batch.queue, entry))

    def next_thread(self, thread_id: str, offset: int, minutes: int) -> ClarificationRecord:
        stored = self.thread(thread_id)
        version, question = (stored.version, stored.question) if stored else (0, 0)
        deadline = self.world.clock.now + timedelta(minutes=minutes)
        return ClarificationRecord(
            thread_id=thread_id, version=version + offset, question=question + 1, deadline=deadline
        )

    def may_have_stored(self, batch: Batch | None, thread: ClarificationRecord | None) -> None:
        """Without transactions, a companion of a record that lost may have been stored before it."""
        if batch is not None:
            now_stored = self.run(self.store.get_batch())
            assert now_stored in (self.batch, saved(batch))
            self.batch = now_stored
        if thread is not None:
            found = self.run(self.store.get_waiting_clarification(thread.thread_id))
            assert found in (self.thread(thread.thread_id), saved(thread))
            self.threads |= {thread.thread_id: found} if found else {}


Saved = TypeVar("Saved", InFlightRecord, ClarificationRecord, Batch)


def saved(record: Saved) -> Saved:
    return record.model_copy(update={"version": record.version + 1})


def check_against_model(world: World, examples: int) -> None:
    machine = type("StoreMachineIn", (StoreMachine,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
