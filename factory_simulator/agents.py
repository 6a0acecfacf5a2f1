"""A fleet whose agents do what the ticket's plan says, well or badly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from factory_core.config import FactoryConfig
from factory_core.errors import Retryable, Terminal
from factory_core.protected_paths import change_mark, protecting
from factory_core.runs.run import HeldChange, HeldChanges, RunOrder, RunReport, RunStatus, Usage
from factory_core.runs.run_checks import CheckResult, unmet
from factory_core.work_item import ItemState

from .code_host import PROTECTED, SimulatedTarget
from .schedule import HOUR, Fault, OpinionPlan, RunPlan
from .vendors import OVERLAP
from .world import BROKEN, HIDDEN, HOME, OF_TENANT, OURS, UNSURE, Truth, World

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
    "setup-fails": (60, RunStatus.UNPREPARED),
    "check-fails": (900, RunStatus.REJECTED),
    "protected": (600, RunStatus.SUCCEEDED),
}
COSTS = Decimal(3)  # dollars a run, or all that it may cost where that is less, or where its plan is to be capped
OPINIONS: dict[OpinionPlan, tuple[float, RunStatus]] = {
    "starts": (40, RunStatus.NO_CHANGE),
    "lies": (40, RunStatus.NO_CHANGE),
    "asks": (40, RunStatus.NO_CHANGE),
    "person": (40, RunStatus.NO_CHANGE),
    "garbles": (40, RunStatus.NO_CHANGE),
    "fails": (20, RunStatus.FAILED),
    "limited": (20, RunStatus.LIMITED),
    "slow": (HOUR, RunStatus.NO_CHANGE),
    "dies": (100, RunStatus.LOST),
}
ANSWER_COSTS = Decimal("0.1")
NOT_BEGUN: dict[RunPlan, RunStatus] = {"never-starts": RunStatus.STARTING, "untaken": RunStatus.WAITING}
UNTAKEN = 9 * HOUR  # seconds until a worker takes it: longer than any call is away


RESETS = timedelta(minutes=20)  # after a usage limit
OUT = "its engine is out"
FAILS_WITHIN = 20.0  # seconds, while its engine is out


@dataclass
class SimulatedRun:
    order: RunOrder
    plan: RunPlan
    report: RunReport
    begun: float  # seconds since the schedule began
    taken: bool = False  # by a worker, after it had waited for one
    shown: ItemState | None = None  # where its ticket was when it ended
    change: str = ""  # of a protected file that its work makes: git's id of the content
    ended: float = -1.0  # seconds since the schedule began
    struck: bool = False  # by an outage of its engine, so that it could not follow its plan
    lost: bool = False  # a restore lost the record of it

    @property
    def live(self) -> bool:
        return self.report.ended_at is None


@dataclass
class Outage:
    """A time, in seconds since the schedule began, in which the engine cannot work."""

    begins: float
    ends: float
    starts: int = 0  # of runs, while it lasted


class SimulatedFleet:
    """Runs by id; the same id twice is the same run. `report` brings the factory a run's beginning or its end."""

    def __init__(
        self,
        world: World,
        target: SimulatedTarget,
        config: FactoryConfig,
        report: Callable[[int, RunReport], None],
        next_outage: Callable[[], Fault | None],
    ) -> None:
        self._world, self._target, self._config, self._report = world, target, config, report
        self._next_outage = next_outage  # asked at each start
        self.outages: list[Outage] = []
        self.runs: dict[str, SimulatedRun] = {}
        self.day_began = 0.0  # when the factory began to count a new day
        self.late_by = 0.0  # seconds that the call under way was held up between its caller and us
        self.questions: dict[str, SimulatedRun] = {}  # in which a model answers
        self._pushed: dict[str, str] = {}
        self._stopped: set[str] = set()  # before they began
        self._thrown_away: set[str] = set()

    def items(self) -> set[str]:
        return {run.order.work_item_id for run in self.runs.values()}

    def live(self) -> list[SimulatedRun]:
        return [run for run in self.runs.values() if run.live]

    def asking(self) -> list[SimulatedRun]:
        return [run for run in self.questions.values() if run.live]

    def paid(self) -> list[SimulatedRun]:
        """All that cost money, and that the factory can know of."""
        return [run for run in (*self.runs.values(), *self.questions.values()) if not run.lost]

    def store_lost(self, planned: Collection[str]) -> None:
        """The factory knows these runs alone from now on. A machine ends each run in the end."""
        for run in self.paid():
            run.lost = run.order.run_id not in planned
            if run.live:
                self._world.later(run.order.max_duration.total_seconds(), partial(self._end_lost, run))
        for outage in self.outages:
            outage.starts = 0

    def _end_lost(self, run: SimulatedRun) -> None:
        if run.lost and run.live:
            run.ended = self._world.now()
            run.report = run.report.model_copy(update={"status": RunStatus.CAPPED, "ended_at": self._world.clock()})
            self._world.tell(run.order.work_item_id, f"agent {run.order.run_id} has taken its longest time")
            self._report(self._world.tenant, run.report)

    async def start(self, order: RunOrder) -> RunReport:
        if order.run_id in self._stopped:
            return RunReport(
                run_id=order.run_id,
                work_item_id=order.work_item_id,
                status=RunStatus.STOPPED,
                ended_at=self._world.clock(),
            )
        if order.answer_schema:
            if order.run_id not in self.questions:
                self._ask(order)
            return self.questions[order.run_id].report
        if order.run_id not in self.runs:
            self._begin(order)
        return self.runs[order.run_id].report

    async def look(self, run_id: str) -> RunReport | None:
        run = self.runs.get(run_id) or self.questions.get(run_id)
        if run is None or not run.live or not run.report.has_begun:
            return run.report if run else None
        return run.report.model_copy(update={"alive_at": self._world.clock()})

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        return ()

    async def stop(self, run_id: str) -> None:
        run = self.runs.get(run_id) or self.questions.get(run_id)
        if run is None:
            self._stopped.add(run_id)  # its start may be under way
        elif run_id in self.questions:
            self._answered(run, RunStatus.STOPPED, "", heard=True)
        elif run.live:
            self._end(run, RunStatus.STOPPED, heard=True)

    async def publish(self, run_id: str) -> str:
        run = self.runs.get(run_id)
        if run is None or run.report.status is not RunStatus.SUCCEEDED or run_id in self._thrown_away:
            raise Terminal(f"run {run_id} has nothing to publish", why="it did not succeed", fix="factory status")
        failed = unmet(run.order.checks, run.report.checks)
        if failed and self._config.agents.exhausted == "block":
            self._world.broken("published-was-checked", f"{run_id} is published, and {failed[0]} failed")
        if run_id not in self._pushed:
            self._check_protected(run)
            branch, item = run.order.branch, run.order.work_item_id
            self._pushed[run_id] = self._target.push(branch, item, flagged=bool(failed), change=run.change)
        return self._pushed[run_id]

    async def forget(self, work_item_id: str) -> None:
        """Throw away what its runs left behind."""
        mine = {name: run for name, run in {**self.runs, **self.questions}.items() if _is_of(run, work_item_id)}
        if any(run.live for run in mine.values()):
            raise Retryable(f"{work_item_id} cannot be thrown away", why=f"{BROKEN}, a run lives", fix="factory status")
        self._thrown_away |= set(mine)

    def _check_protected(self, run: SimulatedRun) -> None:
        if run.change and run.change not in self._world.allowed:
            why = f"{run.order.run_id} pushes {run.change}, which nobody allowed"
            self._world.broken("protected-waits-for-people", why)

    def _begin(self, order: RunOrder) -> None:
        world, item = self._world, order.work_item_id
        fault = self._next_outage()
        if fault:
            self._go_out(fault.seconds)
        mine = [run for run in self.runs.values() if run.order.work_item_id == item and not run.struck]
        plans, made = world.truths[item].plan.runs, sum(bool(run.order.task) for run in mine)
        plan = plans[made] if made < len(plans) and order.task else "succeeds"
        before = self.runs.get(order.previous_run)
        change = (
            f"content-{order.run_id}" if plan == "protected" else before.change if before and not order.task else ""
        )
        status = NOT_BEGUN.get(plan, RunStatus.RUNNING)
        now: datetime | None = world.clock()
        report = RunReport(
            run_id=order.run_id, work_item_id=item, status=status, session=f"session-{order.run_id}",
            started_at=None if plan in NOT_BEGUN else now,
        )  # fmt: skip
        run = self.runs[order.run_id] = SimulatedRun(order, plan, report, world.now(), change=change)
        world.tell(item, f"agent {order.run_id} is started in {order.repository}; it {plan}")
        self._check(order)
        if report.has_begun:
            world.begun.add(item)
        if plan == "untaken":
            world.later(UNTAKEN, lambda: self._take(run))
        outage = self.outages[-1] if self.outages else None
        if outage and outage.ends > world.now() and report.has_begun:
            outage.starts += 1
            most = self._config.capacity.agents + probes_within(outage.ends - outage.begins)
            if outage.starts > most:
                world.broken("outages-are-probed", f"{outage.starts} runs were started while the engine was out")
            world.later(FAILS_WITHIN, lambda: self._strike(run))
            return
        if plan in ENDS:
            after, ends = ENDS[plan]
            if plan == "check-fails" and order.exhausted == "publish-flagged":
                ends = RunStatus.SUCCEEDED
            world.later(after, lambda: self._end(run, ends, heard=plan != "dies"))

    def _take(self, run: SimulatedRun) -> None:
        """A worker appears, and takes it if it is still in line."""
        if not run.live:
            return
        self._check_owner(run.order, "a worker takes a run")
        world, now = self._world, self._world.clock()
        begun = {"status": RunStatus.RUNNING, "started_at": now, "alive_at": now}
        run.report, run.taken = run.report.model_copy(update=begun), True
        world.begun.add(run.order.work_item_id)
        world.tell(run.order.work_item_id, f"a worker takes {run.order.run_id}")
        self._report(world.tenant, run.report)
        world.later(HOUR, lambda: self._end(run, RunStatus.SUCCEEDED, heard=True))

    def _go_out(self, seconds: float) -> None:
        """The engine cannot work for so long; who is at work ends now."""
        now = self._world.now()
        self.outages.append(Outage(now, now + seconds))
        self._world.tell("", f"the engine is out for {seconds} s")
        for run in self.live():
            if run.report.has_begun:
                self._strike(run)

    def _strike(self, run: SimulatedRun) -> None:
        run.struck = run.struck or run.live
        self._end(run, RunStatus.LIMITED, heard=True)

    def _check(self, order: RunOrder) -> None:
        world, limits, live = self._world, self._config.capacity, self.live()
        item = order.work_item_id
        plan, thread = world.truths[item].plan, world.truths[item].thread
        named = {said.reply.text for said in world.said if said.thread_id == thread} & {HOME}
        mapped = {"Shop": "acme/shop", "API": "acme/api"}[plan.project]
        if order.repository not in (named if plan.kind == "unroutable" else {mapped}):
            world.broken("runs-where-it-belongs", f"{item} runs in {order.repository}, and nobody named that")
        if sum(run.order.work_item_id == item for run in live) > 1:
            world.broken("one-live-run", f"two agents are at work on {item}")
        if len(live) > limits.agents:
            world.broken("capacity", f"{len(live)} agents of {limits.agents} are at work after {item} began")
        if sum(run.order.repository == order.repository for run in live) > limits.per_repository:
            world.broken("capacity", f"too many agents are at work in {order.repository} after {item} began")
        strange = [mark for mark in re.findall(r"case[ _](\d+)", order.task) if int(mark) // OF_TENANT != world.tenant]
        if strange or f"of tenant-{1 - world.tenant}" in order.task:
            world.broken("tenants", f"the agent of {item} was told of another tenant's matters: {strange}")
        self._count(order)
        self._check_owner(order, "an agent began")
        self._check_grounds(order)

    def _count(self, order: RunOrder) -> None:
        """What is spent, and may be by those who run now."""
        world, limits, now = self._world, self._config.budget, self._world.now()
        mine = [run for run in self.paid() if run.order.work_item_id == order.work_item_id]
        live = [run for run in self.paid() if run.live]
        over = [run for run in self.paid() if not run.live and run.ended > self.day_began]
        item = sum((_may_cost(run) for run in mine), Decimal(0))
        today = sum((_may_cost(run) for run in (*live, *over)), Decimal(0))
        if item > Decimal(str(limits.item)):
            world.broken("item-budget-is-kept", f"{order.work_item_id} may cost ${item} of ${limits.item}")
        if today > Decimal(str(limits.daily)):
            world.broken("daily-budget-is-kept", f"${today} of ${limits.daily} may be spent today")
        soon = sum(run.begun > now - HOUR and not (run.struck or run.lost) for run in self.runs.values())
        if soon > 2 * limits.starts_per_hour * self._config.agents.max_attempts:  # of two hours, with all their tries
            world.broken("starts-are-bounded", f"{soon} runs began within an hour")

    def _check_owner(self, order: RunOrder, what: str) -> None:
        item = order.work_item_id
        if kept := self._kept_by_people(self._world.truths[item]):
            self._world.broken("starts-only-what-is-ours", f"{what} for {item}, which {kept}")

    def _check_grounds(self, order: RunOrder) -> None:
        """By whose word an agent begins with what the rules are unsure of."""
        item = order.work_item_id
        truth = self._world.truths[item]
        quoted = any(run.report.words == _answer("starts") for run in self.questions.values() if _is_of(run, item))
        if truth.plan.kind == "unsure" and not (truth.told or quoted):
            self._world.broken("unsure-starts-by-a-quotation", f"{order.run_id} begins, and nobody said what is to be")

    def _ask(self, order: RunOrder) -> None:
        """A model begins to read the ticket."""
        world, item, now = self._world, order.work_item_id, self._world.now()
        mine = [run for run in self.questions.values() if _is_of(run, item)]
        plans = world.truths[item].plan.opinions
        plan = plans[len(mine)] if len(mine) < len(plans) else "asks"
        report = RunReport(run_id=order.run_id, work_item_id=item, status=RunStatus.RUNNING, started_at=world.clock())
        run = self.questions[order.run_id] = SimulatedRun(order, "succeeds", report, now)
        world.tell(item, f"a model is asked in {order.run_id}; it {plan}")
        known = [run for run in self.questions.values() if not run.lost]
        today = [run for run in known if run.begun >= self.day_began]
        if any(one.order.task == order.task and not one.lost for one in mine) and world.truths[item].reopened == 0:
            world.broken("asked-once-about-a-text", f"{order.run_id} asks what was asked before")
        if len(today) > self._config.triage.max_per_day:
            world.broken("asked-once-about-a-text", f"{len(today)} questions on one day")
        if any(_is_of(one, item) for one in self.live()) or any(one.live for one in mine):
            world.broken("one-live-run", f"a model is asked about {item} while a run of it lives")
        if len(self.asking()) > self._config.capacity.agents:
            world.broken("capacity", f"{len(self.asking())} models are asked at once")
        self._count(order)
        self._check_owner(order, "a model was asked")
        if plan in OPINIONS:
            after, status = OPINIONS[plan]
            world.later(after, lambda: self._answered(run, status, _answer(plan), heard=plan != "dies"))

    def _answered(self, run: SimulatedRun, status: RunStatus, words: str, *, heard: bool) -> None:
        if not run.live:
            return
        world, item = self._world, run.order.work_item_id
        run.ended = world.now()
        usage = Usage(turns=2, usd=min(ANSWER_COSTS, run.order.max_usd))
        ended = {"status": status, "ended_at": world.clock(), "words": words, "usage": usage, "why": f"it is {status}"}
        run.report = run.report.model_copy(update=ended)
        world.tell(item, f"the model of {run.order.run_id} ended: {status} {words[:60]}")
        if heard:
            self._report(world.tenant, run.report)

    def _kept_by_people(self, truth: Truth) -> str:
        """Why nobody may begin with it, or ask about it, if a person said so early enough to be seen."""
        item, seen = truth.item, self._world.now() - OVERLAP - self.late_by
        if item is None or truth.lied:
            return ""
        if item.state not in OURS and truth.last_by == "person" and truth.moved_at < seen:
            return f"a person had put to {item.state}"
        if truth.refused_at < seen:
            return "a person had refused, and nobody took that back"
        if HIDDEN in item.description or not item.description:
            return "is held for a person" if item.description else "says nothing, and answers alone do not clear it"
        forbidden = max((at for kind, at in truth.did if kind == "forbid"), default=truth.plan.begins)
        return f"{item.labels[0]} keeps for people" if item.labels and forbidden < seen else ""

    def _end(self, run: SimulatedRun, status: RunStatus, *, heard: bool) -> None:
        if not run.live:
            return
        world, item = self._world, run.order.work_item_id
        ticket = world.truths[item].item
        run.shown, run.ended = ticket.state if ticket else None, world.now()
        words = "Which page is meant?" if status is RunStatus.ASKED else "Done."
        held = _held(run) if status is RunStatus.SUCCEEDED else None
        if held:
            status = RunStatus.HELD
            world.hold(item, run.change)
        run.report = run.report.model_copy(update={
            "status": status, "ended_at": world.clock(), "words": words, "usage": _used(run),
            "checks": () if run.struck else _checked(run), "held": held,
            "why": OUT if run.struck else "" if status is RunStatus.SUCCEEDED else f"it {run.plan}",
            "retry_at": world.clock() + RESETS if status is RunStatus.LIMITED and not run.struck else None,
        })  # fmt: skip
        world.tell(item, f"agent {run.order.run_id} ended: {status}")
        if heard:
            self._report(world.tenant, run.report)
        if run.plan == "twice" and not run.struck:
            again = run.report.model_copy(update={"status": RunStatus.FAILED, "why": "it says something else now"})
            world.later(120, lambda: self._report(world.tenant, again))


def _is_of(run: SimulatedRun, item: str) -> bool:
    return run.order.work_item_id == item


def _answer(plan: OpinionPlan) -> str:
    """The last words of a model."""
    if plan == "garbles":
        return '{"verdict": "start", "evidence": [{"quote": 7}], "repository": "acme/api"}'
    says = {"asks": "ask", "person": "person"}.get(plan, "start")
    quote = "It should be rounded to two digits." if plan == "lies" else UNSURE
    question = "Is the tax missing in it?" if plan == "asks" else ""
    return json.dumps({"verdict": says, "question": question, "evidence": [{"quote": quote, "path": ""}]})


def _held(run: SimulatedRun) -> HeldChanges | None:
    """What its fleet does not push: the order says what is protected, and what a person allowed."""
    rules, mark = run.order.publish, change_mark(PROTECTED, run.change)
    if not run.change or mark in rules.allowed or not protecting(rules.protected).touches(PROTECTED):
        return None
    return HeldChanges(changes=(HeldChange(path=PROTECTED, mark=mark),))


def _used(run: SimulatedRun) -> Usage:
    """Money goes as soon as it begins, whatever ends it."""
    if not run.report.has_begun or run.plan == "setup-fails" or not run.order.task:
        return Usage()
    return Usage(turns=3, usd=run.order.max_usd if run.plan == "capped" else min(COSTS, run.order.max_usd))


def _checked(run: SimulatedRun) -> tuple[CheckResult, ...]:
    """What its fleet found when the agent had ended."""
    passed = run.plan != "check-fails"
    return tuple(CheckResult(name=check.name, command=check.command, passed=passed) for check in run.order.checks)


def _may_cost(run: SimulatedRun) -> Decimal:
    """Nothing where no agent works: the run only publishes."""
    return run.order.max_usd if run.live and run.order.task else run.report.usage.usd


def probes_within(seconds: float) -> int:
    """How many may be let through in so long: after 15 s, then twice as long each time, up to half an hour."""
    probes, delay, left = 0, 15.0, seconds
    while left > 0:
        probes, left, delay = probes + 1, left - delay, min(delay * 2, HOUR / 2)
    return probes
