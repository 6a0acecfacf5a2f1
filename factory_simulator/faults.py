"""What goes wrong between a process and the world: each call may be late, lost, refused, or the last.

The wrapped call itself is one moment: it is done or not, and the laws see it in the order in which it was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.errors import (
    ConnectionLost,
    RecordTooLarge,
    Retryable,
    StoreUnavailable,
    Terminal,
    VendorUnavailable,
    VersionConflict,
)
from factory_core.ports import StateStore
from factory_core.runs.run import RunOrder

from .limits import Place
from .missed import FOLLOWED
from .schedule import FaultKind
from .world import AWAY, BROKEN, BUSY, EXPIRED, LARGE, REFUSED, SILENT
from .write_laws import WITHOUT_TRANSACTIONS

if TYPE_CHECKING:
    from .process import Process

T = TypeVar("T")
READS = frozenset({"read_item", "read_pull_request", "find_pull_request", "ready_items", "replies"})
KEYED = frozenset({"start", "ask", "reply", "post_comment", "link_pull_request", "post_activity"})
NO_CALLS = frozenset({"is_ready_for_dispatch", "clone_address", "refusal"})
LASTING = frozenset({"away", "deadly", "unwilling"})
TAKES, STORE_TAKES = 0.05, 0.002  # seconds


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that only gives others a turn: here nobody takes it."""
    try:
        while call.send(None) is None:
            pass
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("the simulated world waits for nothing")


async def _call(process: Process, name: str, takes: float, done: Callable[[], T]) -> T:
    """One call, with the death or the pause that the schedule has for it; `done` does it."""
    await process.turn()
    process.simulation.loop.pass_time(takes)
    fault, late, process.late_by = process.next_fault(name), False, 0.0
    if fault and fault.kind in ("clock", "sleep"):
        process.simulation.wrong_clocks.happen(fault, process)
        await process.turn()
    elif fault and fault.kind == "pause":
        late = await process.pause(fault.seconds)
        process.late_by = fault.seconds
        if late and not fault.done:
            raise asyncio.CancelledError  # its caller had given up, and so it never went out
    elif fault and fault.kind == "crash" and not fault.done:
        process.die()
    result = done()
    if fault and fault.kind == "crash":
        process.die()
    if fault and fault.kind == "stall":
        late = await process.pause(fault.seconds)
    if late:
        raise asyncio.CancelledError
    return result  # nobody sees what its caller does with it before the next call, which gives others their turn


class FaultyPort:
    """A port of the simulated world as one process sees it."""

    def __init__(self, process: Process, tenant: int, port: Any) -> None:
        self._process, self._tenant, self._port = process, tenant, port
        self._provider = getattr(port, "provider", "")  # none where no token of a vendor is used
        self._code_host = "github" if hasattr(port, "publish") else ""  # what a fleet pushes to
        self._calls: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name in NO_CALLS:
            return call
        self._calls[name] = self._wrapped(name, call)
        setattr(self, name, self._calls[name])
        return self._calls[name]

    def _wrapped(self, name: str, call: Any) -> Any:
        async def calling(*args: Any) -> Any:
            def acting() -> Any:
                self._port.late_by = self._process.late_by  # the call was on its way for so long
                return at_once(call(*args))

            simulation, place = self._process.simulation, Place.of(self._tenant, self._provider, name)
            if self._provider:
                self._process.limits.check(place.provider, str(place.tenant), place.scope)
            simulation.count("call")
            simulation.pauses.must_be_over(self._tenant, name)
            if name in KEYED:
                self._must_be_saved(name, args)
            if name == "start":
                self._must_be_told(args[0])
            if self._has_expired():
                await self._process.turn()
                simulation.count("struck")
                raise ConnectionLost(self._provider, EXPIRED)
            if simulation.limits.left(place):
                raise self._limited(place, name)
            lasting = simulation.lasting(name)
            fault = None if lasting else simulation.next_fault("vendor") or simulation.next_fault(f"vendor {name}")
            if fault and fault.kind in LASTING:
                lasting = simulation.lasts(name, fault)
            if lasting or (fault and fault.kind == "refused"):
                simulation.count("struck")
            if lasting == "unwilling":
                return await _call(self._process, name, TAKES, lambda: self._port.refuse(*args))
            if lasting:
                return await self._struck(name, lasting)
            if name in READS and simulation.next_fault("read"):
                return await self._stale(name, call, args)
            if fault is None:
                return await _call(self._process, name, TAKES, acting)
            simulation.tell(None, "", f"{name} meets: {fault.kind}{', done' if fault.done else ''}")
            if fault.kind == "refused":
                raise Terminal(f"{name} did not work", why=REFUSED, fix="factory check")
            if fault.kind == "gone":
                return None
            if fault.kind == "busy":
                if self._provider:
                    simulation.limits.begin(place, fault.seconds)
                    raise self._limited(place, name)
                simulation.pauses.asked(self._tenant, name, fault.seconds)
                raise _later(self._vendor(name), name, BUSY, fault.seconds)
            if fault.done:
                await _call(self._process, name, TAKES, acting)
            if fault.kind == "hang":
                await asyncio.sleep(fault.seconds)
            raise _later(self._vendor(name), name, SILENT if fault.kind == "hang" else BROKEN, None)

        return calling

    def _limited(self, place: Place, name: str) -> Retryable:
        """The vendor refuses the call until its limit is over."""
        simulation = self._process.simulation
        left = simulation.limits.left(place)
        simulation.limits.refuse(self._process, place, name)
        simulation.pauses.asked(self._tenant, name, left)
        return _later(self._provider, name, BUSY, left)

    def _has_expired(self) -> bool:
        """Does the vendor refuse the token just now? Each of its calls counts."""
        simulation, name = self._process.simulation, self._provider
        fault = simulation.next_fault(f"token {name}") if name else None
        if fault:
            simulation.lasts(name, fault)
        return simulation.lasting(name) == "expired"

    async def _struck(self, name: str, lasting: FaultKind) -> str:
        """What every call of this name meets for a while."""
        if lasting == "deadly":
            await self._process.turn()
            self._process.simulation.deaths.over(self._tenant, name)
            self._process.die()
        raise _later(self._vendor(name), name, BROKEN, None)

    def _vendor(self, name: str) -> str:
        """Who does not answer this call."""
        return self._code_host if name == "publish" else self._provider

    def _must_be_saved(self, name: str, args: tuple[Any, ...]) -> None:
        """Nothing is done before it is saved."""
        key = args[0].run_id if name == "start" else args[3] if name == "ask" else args[-1]
        if key not in self._process.simulation.ledgers[self._tenant].planned:
            self._process.simulation.broken("saved-before-done", f"{name} under {key}, and nothing of that was saved")

    def _must_be_told(self, order: RunOrder) -> None:
        """Whatever people had said when the start was decided stands in the agent's task."""
        simulation = self._process.simulation
        versions = simulation.ledgers[self._tenant].versions.get(order.work_item_id, ())
        dropped = any(record.block and LARGE in record.block.why for record in versions)  # a comment says so
        unsaid = [] if order.answer_schema or dropped else simulation.ledgers[self._tenant].words.unsaid(order)
        if unsaid:
            simulation.broken("words-reach-the-agent", f"{order.run_id} of {order.work_item_id} never hears {unsaid}")

    async def _stale(self, name: str, call: Any, args: tuple[Any, ...]) -> Any:
        self._process.simulation.tell(None, "", f"{name} gives a stale answer")

        def read() -> Any:
            self._port.stale = True
            try:
                return at_once(call(*args))
            finally:
                self._port.stale = False

        return await _call(self._process, name, TAKES, read)


def _later(provider: str, call: str, why: str, after: float | None) -> Retryable:
    """A vendor's; the fleet is none."""
    what = f"{call} did not work"
    if not provider:
        return Retryable(what, why=why, fix="factory check", after=after)
    return VendorUnavailable(provider, what, why=why, fix="factory check", after=after)


class FaultyStore:
    """A state store as one process sees it; what was stored is shown to the laws at that very moment."""

    def __init__(self, process: Process, tenant: int, store: StateStore) -> None:
        self._process, self._tenant, self._store = process, tenant, store
        self._seen = process.simulation.ledgers[tenant]

    async def get_in_flight(self, work_item_id: str) -> InFlightRecord | None:
        return await self._do("get_in_flight", lambda: at_once(self._store.get_in_flight(work_item_id)))

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        def put() -> InFlightRecord:
            self._conflict()
            self._refuse_large(record)
            if batch is not None and self._is_torn("pair"):
                self._store_batch(record.work_item_id, batch)
                self._process.simulation.tell(None, "", "the batch is stored, and not its record")
                self._process.die()
            if clarification is not None and self._is_torn("pair thread"):
                self._store_thread(record.work_item_id, batch, clarification)
                self._process.die()
            call: Any = self._store.put_in_flight(record, batch=batch, clarification=clarification)
            try:
                saved: InFlightRecord = at_once(call)
            except VersionConflict:
                self._see_lone_companions(record.work_item_id, clarification)
                raise
            self._seen.saved(saved, batch, clarification, self._process)
            return saved

        return await self._do("put_in_flight", put)

    def _refuse_large(self, record: InFlightRecord) -> None:
        """What has no history left is small enough for each store."""
        simulation = self._process.simulation
        if record.log and record.state in FOLLOWED and simulation.next_fault("growing"):
            simulation.tell(self._tenant, record.work_item_id, "its record is too large for the store")
            self._seen.torn.add(record.work_item_id)  # the batch of this save is lost, and its slot is given back later
            raise RecordTooLarge("its record cannot be saved", why=LARGE, fix="factory check")

    def _is_torn(self, sort: str) -> bool:
        """Does its process die between a companion and what is written after it? Only where these are two writes."""
        apart = self._process.simulation.schedule.store in WITHOUT_TRANSACTIONS
        return apart and self._process.simulation.next_fault(sort) is not None

    def _store_batch(self, item: str, batch: Batch) -> None:
        call: Any = self._store.put_batch(batch)
        self._seen.batched(at_once(call))
        self._seen.torn.add(item)

    def _store_thread(self, item: str, batch: Batch | None, thread: ClarificationRecord) -> None:
        if batch is not None:
            self._store_batch(item, batch)
        call: Any = self._store.put_waiting_clarification(thread)
        self._seen.kept(at_once(call))
        self._process.simulation.tell(None, "", f"{thread.thread_id} is stored, and not its record")

    def _see_lone_companions(self, item: str, clarification: ClarificationRecord | None) -> None:
        """A store without transactions keeps the companions of a record that lost."""
        reading: Any = self._store.get_batch()
        batch: Batch = at_once(reading)
        if batch.version != self._seen.batch.version:
            self._seen.batched(batch)
            self._seen.torn.add(item)
        asking: Any = self._store.get_waiting_clarification(clarification.thread_id) if clarification else None
        thread = at_once(asking) if asking else None
        if thread:
            self._seen.kept(thread)

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        def delete() -> None:
            call: Any = self._store.delete_in_flight(work_item_id, version, leaving)
            at_once(call)
            left: InFlightRecord | None = at_once(self._store.get_in_flight(work_item_id)) if leaving else None
            self._seen.saved(left, None, None, self._process) if left else self._seen.deleted(work_item_id)

        await self._do("delete_in_flight", delete)

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        async def every() -> list[InFlightRecord]:
            found = [record async for record in self._store.list_in_flight()]
            return sorted(found, key=lambda record: record.work_item_id)

        for listed in await self._do("list_in_flight", lambda: at_once(every())):
            yield listed

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        return await self._do(
            "get_waiting_clarification", lambda: at_once(self._store.get_waiting_clarification(thread_id))
        )

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord:
        def put() -> ClarificationRecord:
            self._conflict()
            call: Any = self._store.put_waiting_clarification(record)
            saved: ClarificationRecord = at_once(call)
            self._seen.kept(saved)
            return saved

        return await self._do("put_waiting_clarification", put)

    async def delete_waiting_clarification(self, thread_id: str) -> None:
        call: Any = self._store.delete_waiting_clarification(thread_id)
        await self._do("delete_waiting_clarification", lambda: at_once(call))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        return await self._do("due", lambda: at_once(self._store.due(now, limit)))

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        return await self._do("in_state", lambda: at_once(self._store.in_state(state, after, limit)))

    async def get_batch(self) -> Batch:
        return await self._do("get_batch", lambda: at_once(self._store.get_batch()))

    async def put_batch(self, batch: Batch) -> Batch:
        def put() -> Batch:
            self._conflict()
            call: Any = self._store.put_batch(batch)
            saved: Batch = at_once(call)
            if self._seen.batch.sweep.report is None:
                self._process.searchers[self._tenant].reported(saved.sweep.report)
            self._seen.batched(saved)
            return saved

        return await self._do("put_batch", put)

    async def _do(self, name: str, done: Callable[[], T]) -> T:
        simulation = self._process.simulation
        fault = simulation.next_fault("store") or simulation.next_fault(f"store {name}")
        if fault and fault.done:  # and nobody is told so
            await _call(self._process, name, STORE_TAKES, done)
        if fault:
            simulation.store_down(fault.seconds)
        if simulation.loop.time() < simulation.down_until:
            await self._process.turn()
            raise StoreUnavailable("the state store cannot be reached", why=AWAY, fix="factory check")
        return await _call(self._process, name, STORE_TAKES, done)

    def _conflict(self) -> None:
        if self._process.simulation.next_fault("put"):
            self._process.simulation.tell(None, "", "a write meets a conflict")
            raise VersionConflict
