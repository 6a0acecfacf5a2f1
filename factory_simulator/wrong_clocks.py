"""Clocks that are put and are right again, machines that sleep, and what must be near again afterwards.

A host notices both within seconds, from its other clocks, and has what waits looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import InFlightRecord, State

from .deadlines import WRONG_BY, longest_wait
from .schedule import HOUR, Fault

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

NOTICED_AFTER = 5.0  # seconds
FOUND_WITHIN = 600.0  # seconds after two searches for missed events
RETRIES = timedelta(days=2)  # the longest pause that a vendor may ask for, and what is added to it
REFRESHED = timedelta(hours=1)
LOOKS_WAIT = timedelta(minutes=2)
LONGEST = {State.NEW: timedelta(days=31), State.QUEUED: timedelta(days=1)}
"""What a ticket has cost is known for so long when it is forgotten; and who waits for the budget of the next day."""
READ_WITHIN = 600.0  # seconds: what is written was read so long ago at most


class WrongClocks:
    """How far each machine's clock is off just now, and until when all machines sleep."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._steps: list[list[float]] = [[] for _ in simulation.schedule.skew]  # of each machine: seconds
        self.asleep_until = 0.0
        self.put_at = [-inf] * len(self._steps)  # when each was put last

    def off(self, machine: int) -> timedelta:
        return timedelta(seconds=sum(self._steps[machine]))

    def ahead(self) -> float:
        """Of the clock that is furthest ahead, in seconds."""
        return max(map(sum, self._steps))

    def has_been_wrong(self) -> bool:
        """Of any machine."""
        return any(at >= 0 for at in self.put_at)

    def was_just_put(self, machine: int) -> bool:
        """May this machine write what it read by another clock than its present one?"""
        return self._simulation.loop.time() - self.put_at[machine] < READ_WITHIN

    def are_right(self) -> bool:
        return not any(self._steps) and self.asleep_until <= self._simulation.loop.time()

    def happen(self, fault: Fault, process: Process) -> None:
        """A clock is put, that of all machines where the fault names none; or all machines sleep."""
        if fault.kind == "sleep":
            self._sleep(fault.seconds)
            return
        machines = range(len(self._steps)) if fault.process < 0 else (process.number,)
        for machine in machines:
            self._put(machine, fault.seconds, self._steps[machine].append)
            self._simulation.later(fault.lasts, partial(self._right_again, machine, fault.seconds))

    def _put(self, machine: int, seconds: float, change: Callable[[float], None]) -> None:
        simulation = self._simulation
        way = "forward" if seconds > 0 else "back"
        cause = f"the clock was put {way} by {abs(seconds):.0f} s"
        before = simulation.processes[machine].clock()
        change(seconds)
        self.put_at[machine] = simulation.loop.time()
        simulation.tell(None, "", f"{simulation.processes[machine].name}: {cause}")
        simulation.later(NOTICED_AFTER, partial(self._notice, machine, cause, before))

    def _right_again(self, machine: int, seconds: float) -> None:
        """Searches find what no moment brings to one, and then everything is as near as ever."""
        self._put(machine, -seconds, lambda _: self._steps[machine].remove(seconds))
        if not self._steps[machine]:
            every = self._simulation.schedule.rules.sweeps or HOUR
            for searches in (1, 2):
                self._simulation.later(searches * every + HOUR / 60, self._simulation.check_in)
            self._simulation.later(2 * every + FOUND_WITHIN, self._see)

    def _sleep(self, seconds: float) -> None:
        simulation = self._simulation
        self.asleep_until = simulation.loop.time() + seconds
        cause = f"the machine slept for {seconds:.0f} s"
        simulation.tell(None, "", f"all machines sleep for {seconds:.0f} s")
        for process in simulation.processes:
            process.paused_until = max(process.paused_until, self.asleep_until)
            noticed = partial(self._notice, process.number, cause, process.clock())
            simulation.later(seconds + NOTICED_AFTER, noticed)

    def _notice(self, machine: int, cause: str, since: datetime) -> None:
        process = self._simulation.processes[machine]
        if process.dead or process.paused_until > self._simulation.loop.time():
            return
        self._simulation.gap(process, cause, since)
        for tenant in process.tenants:
            process.check_in(tenant)

    def _see(self) -> None:
        simulation = self._simulation
        if simulation.loop.time() - simulation.struck_at < FOUND_WITHIN or not simulation.is_everybody_there():
            trouble = max(0.0, simulation.struck_at - simulation.loop.time())
            simulation.later(trouble + FOUND_WITHIN, self._see)
            return
        for tenant in simulation.schedule.tenants:
            for why in moments_are_near(simulation, tenant):
                simulation.broken("moments-are-near", why)


def moments_are_near(simulation: Simulation, tenant: int) -> Iterator[str]:
    """Once all clocks are right, no moment that keeps work waiting is further away than a rule can have set it."""
    ledger, now = simulation.ledgers[tenant], simulation.clock()
    slack = WRONG_BY + timedelta(seconds=simulation.schedule.clocks)
    for key, record in ledger.records.items():
        for name, moment, longest in (*_waits(record, simulation, tenant), *_happened(record)):
            if moment and moment > now + longest + slack:
                yield f"{key} is {record.state}, and its {name} is {moment - now} away, not {longest}"
    for name, moment, longest in _of_batch(ledger.batch):
        if moment > now + longest + slack:
            yield f"{name} is {moment - now} away, not {longest}"


Moment = tuple[str, datetime | None, timedelta]
"""Its name, and how far it may be away."""


def _waits(record: InFlightRecord, simulation: Simulation, tenant: int) -> Iterator[Moment]:
    config, now = simulation.configs[tenant], simulation.clock()
    longest = max(longest_wait(record, now, config), LONGEST.get(record.state, timedelta(0)))
    orders = max(RETRIES, config.runner.give_up_after)
    yield "deadline", record.deadline, longest
    yield "lease", record.lease.until, config.runner.lease
    yield "refresh", record.refresh_at, REFRESHED
    yield "next look", record.wake_at, max(longest, orders if record.outbox else timedelta(0))
    for planned in record.outbox:
        yield planned.effect.kind, planned.not_before, orders


def _happened(record: InFlightRecord) -> Iterator[Moment]:
    asked, run = record.clarification, record.run
    yield "beginning", record.since, timedelta(0)
    yield "question", asked.asked_at if asked else None, timedelta(0)
    yield "run's start", run.started_at if run else None, timedelta(0)
    for planned in record.outbox:
        yield f"first failure of {planned.effect.kind}", planned.failing_since, timedelta(0)


def _of_batch(batch: Batch) -> Iterator[tuple[str, datetime, timedelta]]:
    for item, slot in batch.slots.items():
        yield f"the slot of {item}", slot.since, timedelta(0)
    for entry in batch.queue:
        yield f"the place in line of {entry.work_item_id}", entry.since, timedelta(0)
    for name, circuit in batch.circuits.items():
        yield f"the next probe of {name}", circuit.retry_at, timedelta(days=1)
    for name, moment in batch.sweep.not_before.items():
        yield f"the search of {name}", moment, RETRIES
    if batch.catch_up:
        yield "the next look after a gap", batch.catch_up.paid_until, LOOKS_WAIT
