"""A fleet whose agents do what the ticket's plan says, well or badly."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from factory_core.config import FactoryConfig
from factory_core.dispatch.run import RunOrder, RunReport, RunStatus
from factory_core.errors import Retryable, Terminal

from .code_host import SimulatedTarget
from .schedule import HOUR, RunPlan
from .vendors import OVERLAP
from .world import BROKEN, OF_TENANT, OURS, Truth, World

ENDS: dict[RunPlan, tuple[float, RunStatus]] = {
    "succeeds": (600, RunStatus.SUCCEEDED),
    "slow": (6_900, RunStatus.SUCCEEDED),
    "twice": (600, RunStatus.SUCCEEDED),
    "fails": (300, RunStatus.FAILED),
    "asks": (300, RunStatus.ASKED),
    "no-change": (300, RunStatus.NO_CHANGE),
    "limited": (300, RunStatus.LIMITED),
    "capped": (HOUR, RunStatus.CAPPED),
    "late": (4 * HOUR, RunStatus.SUCCEEDED),
    "dies": (200, RunStatus.LOST),
}


@dataclass
class SimulatedRun:
    order: RunOrder
    plan: RunPlan
    report: RunReport
    begun: float  # seconds since the schedule began

    @property
    def live(self) -> bool:
        return self.report.ended_at is None


class SimulatedFleet:
    """Runs by id; the same id twice is the same run. `report` is how the fleet tells the factory of an end."""

    def __init__(
        self, world: World, target: SimulatedTarget, config: FactoryConfig, report: Callable[[int, RunReport], None]
    ) -> None:
        self._world, self._target, self._config, self._report = world, target, config, report
        self.runs: dict[str, SimulatedRun] = {}
        self.late_by = 0.0  # seconds that the call under way was held up between its caller and us
        self._pushed: dict[str, str] = {}
        self._stopped: set[str] = set()  # before they began
        self._thrown_away: set[str] = set()

    def live(self) -> list[SimulatedRun]:
        return [run for run in self.runs.values() if run.live]

    async def start(self, order: RunOrder) -> RunReport:
        if order.run_id in self._stopped:
            return RunReport(
                run_id=order.run_id,
                work_item_id=order.work_item_id,
                status=RunStatus.STOPPED,
                ended_at=self._world.clock(),
            )
        if order.run_id not in self.runs:
            self._begin(order)
        return self.runs[order.run_id].report

    async def look(self, run_id: str) -> RunReport | None:
        return self.runs[run_id].report if run_id in self.runs else None

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        return ()

    async def stop(self, run_id: str) -> None:
        run = self.runs.get(run_id)
        if run is None:
            self._stopped.add(run_id)  # its start may be under way
        elif run.live:
            self._end(run, RunStatus.STOPPED, heard=True)

    async def publish(self, run_id: str) -> str:
        run = self.runs.get(run_id)
        if run is None or run.report.status is not RunStatus.SUCCEEDED or run_id in self._thrown_away:
            raise Terminal(f"run {run_id} has nothing to publish", why="it did not succeed", fix="factory status")
        if run_id not in self._pushed:
            self._pushed[run_id] = self._target.push(run.order.branch, run.order.work_item_id)
        return self._pushed[run_id]

    async def forget(self, work_item_id: str) -> None:
        """Throw away what its runs left behind."""
        mine = {run.order.run_id: run for run in self.runs.values() if run.order.work_item_id == work_item_id}
        if any(run.live for run in mine.values()):
            raise Retryable(f"{work_item_id} cannot be thrown away", why=f"{BROKEN}, a run lives", fix="factory status")
        self._thrown_away |= set(mine)

    def _begin(self, order: RunOrder) -> None:
        world, item = self._world, order.work_item_id
        mine = [run for run in self.runs.values() if run.order.work_item_id == item]
        plans = world.truths[item].plan.runs
        plan = plans[len(mine)] if len(mine) < len(plans) else "succeeds"
        status = RunStatus.STARTING if plan == "never-starts" else RunStatus.RUNNING
        now: datetime | None = world.clock()
        report = RunReport(
            run_id=order.run_id, work_item_id=item, status=status, session=f"session-{order.run_id}",
            started_at=None if plan == "never-starts" else now,
        )  # fmt: skip
        run = self.runs[order.run_id] = SimulatedRun(order, plan, report, world.now())
        world.tell(item, f"agent {order.run_id} is started in {order.repository}; it {plan}")
        self._check(order)
        if plan in ENDS:
            after, ends = ENDS[plan]
            world.later(after, lambda: self._end(run, ends, heard=plan != "dies"))

    def _check(self, order: RunOrder) -> None:
        world, limits, live = self._world, self._config.capacity, self.live()
        item = order.work_item_id
        if sum(run.order.work_item_id == item for run in live) > 1:
            world.broken("one-live-run", f"two agents are at work on {item}")
        if len(live) > limits.agents:
            world.broken("capacity", f"{len(live)} agents of {limits.agents} are at work after {item} began")
        if sum(run.order.repository == order.repository for run in live) > limits.per_repository:
            world.broken("capacity", f"too many agents are at work in {order.repository} after {item} began")
        strange = [mark for mark in re.findall(r"case[ _](\d+)", order.task) if int(mark) // OF_TENANT != world.tenant]
        if strange or f"of tenant-{1 - world.tenant}" in order.task:
            world.broken("tenants", f"the agent of {item} was told of another tenant's matters: {strange}")
        kept = self._kept_by_people(world.truths[item])
        if kept:
            world.broken("starts-only-what-is-ours", f"an agent began for {item}, which {kept}")

    def _kept_by_people(self, truth: Truth) -> str:
        """Why nobody may begin with it, if a person said so early enough to be seen."""
        item, seen = truth.item, self._world.now() - OVERLAP - self.late_by
        if item is None or truth.lied:
            return ""
        if item.state not in OURS and truth.last_by == "person" and truth.moved_at < seen:
            return f"a person had put to {item.state}"
        forbidden = max((at for kind, at in truth.did if kind == "forbid"), default=truth.plan.begins)
        return f"{item.labels[0]} keeps for people" if item.labels and forbidden < seen else ""

    def _end(self, run: SimulatedRun, status: RunStatus, *, heard: bool) -> None:
        if not run.live:
            return
        world, item = self._world, run.order.work_item_id
        words = "Which page is meant?" if status is RunStatus.ASKED else "Done."
        run.report = run.report.model_copy(update={
            "status": status, "ended_at": world.clock(), "words": words,
            "why": "" if status is RunStatus.SUCCEEDED else f"it {run.plan}",
            "retry_at": world.clock() + timedelta(minutes=20) if status is RunStatus.LIMITED else None,
        })  # fmt: skip
        world.tell(item, f"agent {run.order.run_id} ended: {status}")
        if heard:
            self._report(world.tenant, run.report)
        if run.plan == "twice":
            again = run.report.model_copy(update={"status": RunStatus.FAILED, "why": "it says something else now"})
            world.later(120, lambda: self._report(world.tenant, again))
