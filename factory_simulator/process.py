"""A simulated process: a factory for each tenant, a clock that is a little off, and an end that comes at any call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import Problem, StoreUnavailable
from factory_core.intake.intake import Intake
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.perform import EffectHandlers, RuleTriager
from factory_core.performing.rate_limits import RateLimits
from factory_core.runs.run import RunOrder

from .deliveries import Webhooks
from .faults import FaultyPort, FaultyStore
from .probes import BEGUN, UNDER_WAY, accepting, performing
from .schedule import Fault
from .sources import LOOK, Look, Searcher, sources

if TYPE_CHECKING:
    from .simulation import Simulation


NOTED = 10.0  # seconds that a process stands still, until its host takes note of it


class TenantParts(NamedTuple):
    recorder: EventRecorder
    intake: Intake
    performer: EffectPerformer


class Process:
    """`number` is its place on the schedule; each life of it has a name of its own."""

    def __init__(self, simulation: Simulation, number: int, life: int) -> None:
        self.simulation, self.number, self.life = simulation, number, life
        self.name = f"process-{number}.{life}"
        self.skew = timedelta(seconds=simulation.schedule.skew[number])
        self.dead = False
        self.paused_until = 0.0
        self.late_by = 0.0  # seconds that the call under way was held up by a pause
        self._tasks: set[asyncio.Task[Any]] = set()
        self.limits = RateLimits(self.clock)
        self.searchers = {tenant: Searcher(self, tenant) for tenant in simulation.schedule.tenants}
        self.tenants = {tenant: self._tenant(tenant) for tenant in simulation.schedule.tenants}

    def clock(self) -> datetime:
        return self.simulation.clock() + self.skew + self.simulation.wrong_clocks.off(self.number)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do it in this process: it ends with it."""
        task = self.simulation.loop.create_task(self._contained(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have died before it began
        return task

    def check_in(self, tenant: int, ahead: timedelta = timedelta(0)) -> None:
        """Cron's tick: what is due, and the search for missed events when it is time for it."""

        async def looking() -> None:
            LOOK.set(Look(self.simulation.loop.time()))
            await self.tenants[tenant].performer.check_in(ahead=ahead)

        self.start(looking())

    def stop_unknown(self, tenant: int) -> None:
        """As the host does when it starts: what lives, and no record knows, is stopped."""
        fleet = self.simulation.outside[tenant].fleet

        async def stopping() -> None:
            for run in (*fleet.live(), *fleet.asking()):
                while (known := await self._is_known(tenant, run.order)) is None:  # noqa: ASYNC110 - simulated time
                    await asyncio.sleep(0.5)
                if not known:
                    await fleet.stop(run.order.run_id)

        self.start(stopping())

    async def _is_known(self, tenant: int, order: RunOrder) -> bool | None:
        """None while the store does not answer."""
        try:
            return await self.tenants[tenant].recorder.knows_run(order.work_item_id, order.run_id)
        except StoreUnavailable:
            return None

    async def _contained(self, work: Coroutine[Any, Any, Any]) -> Any:
        LOOK.set(None)  # what a look set off is not the look itself
        UNDER_WAY.set("")
        BEGUN.set(inf)
        try:
            return await work
        except Problem:
            return None  # as the host: a line in the log
        except Exception as error:
            self.simulation.own_fault(error)
            raise

    def next_fault(self, call: str) -> Fault | None:
        """What the schedule has for this process's next call, or for its next one of this name."""
        every, named = f"process {self.number}", f"process {self.number} {call}"
        return self.simulation.next_fault(every) or self.simulation.next_fault(named)

    async def turn(self) -> None:
        """Others may go on here."""
        await asyncio.sleep(0)
        if self.dead or (self.paused_until > self.simulation.loop.time() and await self._resumed()):
            raise asyncio.CancelledError

    async def pause(self, seconds: float) -> bool:
        """The whole process stands still; true when its caller gave up meanwhile."""
        self.simulation.tell(None, "", f"{self.name} is paused for {seconds} s")
        self.paused_until = self.simulation.loop.time() + seconds
        cancelled = await self._resumed()
        if seconds > NOTED:
            self.simulation.gap(self, "the process stood still")
            for tenant in self.tenants:
                self.check_in(tenant)
        return cancelled

    async def _resumed(self) -> bool:
        """Goes on when the pause is over; what was cancelled in it is told afterwards."""
        cancelled, loop = False, self.simulation.loop
        while not self.dead and loop.time() < self.paused_until:
            try:
                await asyncio.sleep(self.paused_until - loop.time())
            except asyncio.CancelledError:
                cancelled = True
        if self.dead:
            raise asyncio.CancelledError
        return cancelled

    def die(self) -> None:
        """Nothing of it goes on; what it was about to do is not done. It is started again a while later."""
        self.stop()
        raise asyncio.CancelledError

    def stop(self) -> None:
        """The same from outside."""
        self.simulation.tell(None, "", f"{self.name} dies")
        self.dead = True
        for task in self._tasks:
            task.cancel()
        self.simulation.restart_later(self)

    def _tenant(self, tenant: int) -> TenantParts:
        simulation = self.simulation
        outside, config = simulation.outside[tenant], simulation.configs[tenant]
        store: Any = FaultyStore(self, tenant, simulation.storage.open(tenant, self.number))
        tracker, channel, target, fleet, relay = (FaultyPort(self, tenant, port) for port in outside[1:])
        searcher = self.searchers[tenant]
        asked = sources(searcher, tracker, channel, target, relay if simulation.schedule.rules.relay else None)
        handlers = EffectHandlers(
            config, store, self.clock, tracker=tracker, channel=channel, target=target, fleet=fleet,
            triager=RuleTriager(config), template=StandardTask(config),
        )  # fmt: skip
        is_gone = simulation.is_gone if simulation.schedule.knows_dead else lambda holder: False
        holder = LeaseHolder(self.name, lambda record: self._wake(tenant, record), is_gone)
        recorder = EventRecorder(store, config, self.clock, redact=str, holder=holder)
        recorder.accept = accepting(self, tenant, recorder.accept)  # type: ignore[method-assign, assignment]
        intake = Intake(recorder, {"outside": Webhooks(simulation.post, tenant)})
        return TenantParts(
            recorder, intake, EffectPerformer(recorder, performing(self, tenant, handlers), sources=asked)
        )

    def _wake(self, tenant: int, record: Any) -> None:
        """The host ends each performance after so long, if the schedule says so."""
        within = self.simulation.schedule.rules.invocation
        until = self.clock() + timedelta(seconds=within) if within else None
        self.start(self.tenants[tenant].performer.perform(record, until))
