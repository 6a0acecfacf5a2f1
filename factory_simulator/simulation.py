"""One schedule, played: processes over one store and one world, until everything rests or a law is broken."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.runs.run import RunReport

from .agents import SimulatedFleet
from .code_host import SimulatedTarget
from .deliveries import Post
from .final_laws import REST_LAWS
from .forgettings import Forgettings
from .gaps import Gap
from .history import Happening, Violation, quiet
from .ledger import Ledger
from .limits import Limits
from .loop import SimulatedLoop
from .probes import Deaths, Pauses
from .process import Process
from .relay import SimulatedRelay
from .restores import Restores
from .schedule import DAY, HOUR, Fault, FaultKind, Schedule
from .stores import EVERY
from .unrecoverable import is_hopeless
from .vendors import SimulatedChannel, SimulatedTracker
from .world import World
from .wrong_clocks import WrongClocks

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RESTARTS_AFTER = 20.0
MOST_STEPS = 60_000
STEPS_WHILE_EXPIRED = 2  # and second: each item looks once a minute whether there is another token
LONGEST = 120 * DAY
RESTS = ENDED | {State.BLOCKED, State.NEW}
SORTS = {
    "duplicate": "delivery", "delay": "delivery", "drop": "delivery", "conflict": "put", "down": "store",
    "busy": "vendor", "error": "vendor", "hang": "vendor", "stale": "read", "away": "vendor",
    "torn": "pair", "large": "growing", "restore": "write", "again": "delivery", "expired": "token", "out": "engine",
    **dict.fromkeys(("refused", "gone", "unwilling", "deadly"), "vendor"),
}  # fmt: skip


class Outside(NamedTuple):
    world: World
    tracker: SimulatedTracker
    channel: SimulatedChannel
    target: SimulatedTarget
    fleet: SimulatedFleet
    relay: SimulatedRelay


class Simulation:
    """Plays the schedule once. `history` and `violation` are its result."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.history: list[Happening] = []
        self.counts: Counter[str] = Counter()
        self.violation: Violation | None = None
        self._chance, order = (Random(schedule.order + n) for n in (1, 0))  # noqa: S311 (chance that can be repeated)
        self.loop = SimulatedLoop(order)  # type: ignore[abstract]
        self.post = Post(self)
        self.down_until = 0.0
        self.struck_at = 0.0  # when the schedule's last fault so far was over
        self._lasting: dict[str, tuple[float, FaultKind]] = {}  # call, or vendor → what each meets, and until when
        self._expired: list[tuple[str, float, float]] = []  # vendor, and from when until when it refused our token
        expired = sum(fault.seconds for fault in schedule.faults if fault.kind == "expired")
        self._most_steps = MOST_STEPS + STEPS_WHILE_EXPIRED * int(expired)
        self.pauses, self.deaths, self.limits = Pauses(self), Deaths(self), Limits(self)
        self.wrong_clocks = WrongClocks(self)
        self.restores = Restores(self)
        self.pending = 0
        self._faults = {(_sort(fault), fault.nth): fault for fault in reversed(schedule.faults)}
        self._nth: Counter[str] = Counter()
        self._gone: set[str] = set()
        self._tick_at, self._ticked_at, self._gap = float("inf"), -1.0, 1.0
        self.configs = {tenant: schedule.config(tenant) for tenant in schedule.tenants}
        self.storage = EVERY[schedule.store](self.clock)
        self.outside = {tenant: self._outside(tenant) for tenant in schedule.tenants}
        self.ledgers = {tenant: Ledger(self, tenant) for tenant in schedule.tenants}
        self.forgettings = Forgettings(self)
        self.processes = [Process(self, number, 1) for number in range(len(schedule.skew))]

    def play(self) -> Simulation:
        with quiet(self.own_fault):
            try:
                self.loop.run(self._main())
            finally:
                self.loop.close()
        return self

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    def at(self, moment: datetime) -> float:
        """The same in seconds since the schedule began."""
        return (moment - START).total_seconds()

    def digest(self) -> str:
        """Of the whole history, to the byte."""
        text = "\n".join(happening.words() for happening in self.history)
        return hashlib.sha256(text.encode()).hexdigest()

    # what the parts tell

    def tell(self, tenant: int | None, item: str, words: str) -> None:
        if self.violation is None:
            self.history.append(Happening(self.loop.time(), tenant, item, words))

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def own_fault(self, error: BaseException) -> None:
        """A mistake in the code ended a task, or what one item needed."""
        self.broken("no-task-ends-by-a-fault", f"{type(error).__name__}: {error}")

    def broken(self, law: str, why: str) -> None:
        """The first broken law ends the play."""
        if self.violation is None:
            self.tell(None, "", f"BROKEN {law}: {why}")
            self.violation = Violation(law, why, self.loop.time())
        self.loop.halted = True

    def wrote(self, tenant: int, before: InFlightRecord, after: InFlightRecord, process: Process) -> None:
        self.count("write")
        self.history.append(Happening(self.loop.time(), tenant, after.work_item_id, (before, after, process.name)))
        self._gap = 1.0
        if self.loop.steps > self._most_steps:
            self.broken("comes-to-rest", f"after {self.loop.steps} steps: {self._restless()}")
        if after.wake_at:
            self._tick_by((after.wake_at - START).total_seconds())
        fault = self.next_fault("write")
        if fault:
            self.restores.back_up(fault)

    def batched(self, batch: Batch) -> None:
        """Somebody looks when a probe may be let through, or a look after a gap is due."""
        for moment in (*_probes(batch), *_looks(batch)):
            self._tick_by((moment - START).total_seconds())

    def next_fault(self, sort: str) -> Fault | None:
        self._nth[sort] += 1
        fault = self._faults.get((sort, self._nth[sort]))
        if fault:
            self.struck_at = max(self.struck_at, self.loop.time() + fault.is_over_after)
        return fault

    def store_down(self, seconds: float) -> None:
        self.tell(None, "", f"the store is down for {seconds} s")
        self.down_until = self.loop.time() + seconds

    def lasts(self, call: str, fault: Fault) -> FaultKind:
        """From now on every call of this name meets this."""
        happens = f"nobody answers {call}" if fault.kind == "away" else f"{call} is {fault.kind}"
        self.tell(None, "", f"{happens} for {fault.seconds} s")
        self._lasting[call] = self.loop.time() + fault.seconds, fault.kind
        if fault.kind == "expired":
            self._expired.append((call, self.loop.time(), self.loop.time() + fault.seconds))
        return fault.kind

    def expired_since(self, since: datetime | None, provider: str) -> timedelta:
        """For how long this vendor has refused our token since then."""
        began, now = (since - START).total_seconds() if since else 0.0, self.loop.time()
        spans = ((max(start, began), min(end, now)) for name, start, end in self._expired if name == provider)
        return timedelta(seconds=sum(max(0.0, end - start) for start, end in spans))

    def lasting(self, call: str) -> FaultKind | None:
        """What every call of this name meets just now."""
        until, kind = self._lasting.get(call, (0.0, None))
        return kind if until > self.loop.time() else None

    def is_everybody_there(self) -> bool:
        there = all(until <= self.loop.time() for until, _ in self._lasting.values())
        return there and self.wrong_clocks.are_right()

    def is_gone(self, holder: str) -> bool:
        return holder in self._gone

    def restart_later(self, process: Process) -> None:
        self._gone.add(process.name)

        def restart() -> None:
            born = self.processes[process.number] = Process(self, process.number, process.life + 1)
            self.tell(None, "", f"{born.name} starts")
            self.struck_at = max(self.struck_at, self.loop.time())
            self.gap(born, "the factory was started")
            for tenant in born.tenants:
                born.stop_unknown(tenant)
                born.check_in(tenant, ahead=self.configs[tenant].runner.lease)

        self.later(RESTARTS_AFTER, restart)

    def gap(self, process: Process, cause: str, since: datetime | None = None) -> None:
        """The host of this process knows that events may have been lost."""
        for tenant, parts in process.tenants.items():
            parts.recorder.gaps.note(cause, since)
            Gap(process, tenant).look()

    # the world's time

    def later(self, seconds: float, then: Callable[[], None]) -> None:
        self.pending += 1

        def come() -> None:
            self.pending -= 1
            self.count("outside")
            then()

        self.loop.call_later(seconds, come)

    def report(self, tenant: int, report: RunReport) -> None:
        """A fleet tells of a run's beginning or end once, unless that is late or lost; then the factory has to ask."""
        fault = self.next_fault("delivery report" if report.ended_at else "delivery begun")
        if fault:
            self.tell(tenant, report.work_item_id, f"the word of {report.run_id} meets: {fault.kind} {fault.seconds} s")
            if fault.kind != "drop":
                self.later(fault.seconds, lambda: self._tell_of_run(tenant, report))
        if fault is None or fault.kind == "duplicate":
            self._tell_of_run(tenant, report)

    def _tell_of_run(self, tenant: int, report: RunReport) -> None:
        """To a process that is there."""
        alive = self.alive()
        if alive:
            recorder = alive.tenants[tenant].recorder
            alive.start(recorder.finished(report) if report.ended_at else recorder.began(report))

    def alive(self) -> Process | None:
        alive = [process for process in self.processes if not process.dead and process.paused_until <= self.loop.time()]
        return alive[int(self._chance.random() * len(alive))] if alive else None

    # time

    def _tick_by(self, when: float) -> None:
        """Some process checks in by then: cron's tick, without the ticks that find nothing."""
        soonest = max(self._ticked_at + self._gap, self.wrong_clocks.asleep_until)
        when = max(when + 3.0 - self.wrong_clocks.ahead(), soonest)
        if when < self._tick_at:
            self._tick_at = when
            self.loop.call_at(when, self._tick, when)

    def _tick(self, planned: float) -> None:
        if planned != self._tick_at:
            return
        if self.loop.steps > self._most_steps:
            self.broken("comes-to-rest", f"after {self.loop.steps} steps: {self._restless()}")
        self._ticked_at, self._tick_at, self._gap = self.loop.time(), float("inf"), min(self._gap * 2, 60.0)
        self.check_in()
        wakes = [
            record.wake_at for ledger in self.ledgers.values() for record in ledger.records.values() if record.wake_at
        ]
        wakes += [
            moment for ledger in self.ledgers.values() for moment in (*_probes(ledger.batch), *_looks(ledger.batch))
        ]
        if wakes:
            self._tick_by((min(wakes) - START).total_seconds())

    def check_in(self) -> None:
        """One process looks, sometimes all at once."""
        one = self.alive()
        everybody = self._chance.random() < 0.2
        for process in self.processes:
            if process is one or (everybody and not process.dead):
                for tenant in process.tenants:
                    process.check_in(tenant)

    async def _main(self) -> None:
        while not self._at_rest() or await self._stirs():
            await asyncio.sleep(HOUR)
            if self.loop.time() > LONGEST:
                self.broken("comes-to-rest", f"after {LONGEST / DAY:.0f} days: {self._restless()}")
        for law in REST_LAWS:
            for tenant in self.schedule.tenants:
                for why in law(self, tenant):
                    self.broken(law.__name__.replace("_", "-"), why)

    async def _stirs(self) -> bool:
        """Does one more look bring somebody to do something? The next one begins behind what could not be read."""
        looks, struck = 2 if is_hopeless(self, "read_item") else 1, self.counts["struck"]
        for pause in (*[self.schedule.rules.sweeps] * looks, 60.0, 60.0):
            await asyncio.sleep(pause)
            self.check_in()
        await asyncio.sleep(60)
        return not self._at_rest() or self.counts["struck"] > struck

    def _at_rest(self) -> bool:
        return not self.pending and self.is_everybody_there() and not self._restless()

    def _restless(self) -> list[str]:
        return [
            f"{record.work_item_id} is {record.state}"
            for ledger in self.ledgers.values()
            for record in ledger.records.values()
            if record.state not in RESTS or record.outbox
        ]

    def _outside(self, tenant: int) -> Outside:
        tickets = tuple(ticket for ticket in self.schedule.tickets if ticket.tenant == tenant)
        world = World(
            tenant, tickets, now=self.loop.time, clock=self.clock, deliver=self.post.deliver,
            deliver_elsewhere=self.post.deliver_elsewhere, later=self.later,
            told=self.tell, broken=self.broken,
        )  # fmt: skip
        again = partial(self.post.send, tenant)
        target = SimulatedTarget(world, self.schedule.rules.policy, again)
        outage = partial(self.next_fault, "engine")
        fleet = SimulatedFleet(world, target, self.configs[tenant], self.report, outage)
        relay = SimulatedRelay(again)
        return Outside(world, SimulatedTracker(world), SimulatedChannel(world), target, fleet, relay)


def _probes(batch: Batch) -> list[datetime]:
    """When those in line may be let through as probes."""
    return [circuit.retry_at for circuit in batch.circuits.values()] if batch.queue else []


def _looks(batch: Batch) -> list[datetime]:
    """When the next look after a gap is due."""
    state = batch.catch_up
    return [max(state.paid_until, lap.not_before or state.paid_until) for lap in state.laps.values()] if state else []


def _sort(fault: Fault) -> str:
    return f"{SORTS.get(fault.kind) or f'process {max(fault.process, 0)}'} {fault.call}".strip()
