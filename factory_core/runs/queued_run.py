"""A run that a worker elsewhere takes: in line, offered, running under a lease, ended. Pure: it is told the time.

    waiting ──offer──▶ offered ──first heartbeat──▶ running ──report──▶ ended
       ▲                  │ not confirmed in time      │ no heartbeat within the lease
       └──────────────────┘ epoch + 1                  └──▶ ended: LOST, epoch + 1

The agent is started only after the first heartbeat was heard, so an offer whose answer got lost costs time and never
makes two live runs. Whenever a holder loses the run its epoch moves on: whatever that holder says later is refused.
A lease that has run out is lost when somebody stores it as lost, and not before: of that and a late report, the first
that is saved counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ValidationError, WrapValidator

from ..config import Workers
from ..errors import Refused
from ..work_item import StoredModel
from .reported import MOST_WHY, Sha, Why, is_of_newer_release
from .run import ENDED, RunOrder, RunReport, RunStatus, unchecked

MOST_OFFERS = 5  # that nobody confirmed; then the run itself is what breaks workers
GRACE = timedelta(minutes=15)  # beyond the order's own cap: for the work tree before, and the push after
MOST_LINES, LONGEST_LINE = 20, 300  # of a run's newest happenings


class RunLost(Refused):
    """The run is not the worker's (any more): its lease ran out, or the run was stopped. The worker ends its agent."""

    code, http_status = "E-LEASE", 409


class RunState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    RUNNING = "running"
    ENDED = "ended"


class Worker(StoredModel):
    """Who asks for runs. `id` is the worker's own, made once for each place where one keeps its work."""

    id: str
    name: str = ""
    version: str = ""
    engines: tuple[str, ...] = ()  # that it can start
    slots: int = 1
    can: tuple[str, ...] = ()  # beyond starting an engine: `checks`, which includes setup; `protected-paths`; `answers`
    seen_at: AwareDatetime | None = None


def present(workers: Sequence[Worker], now: datetime, rules: Workers) -> list[Worker]:
    """Those heard lately: an idle one asks twice a minute, a busy one sends heartbeats."""
    since = now - max(4 * rules.heartbeat, timedelta(minutes=1))
    return [worker for worker in workers if worker.seen_at and worker.seen_at >= since]


def _without_refused(value: Any, read: Callable[[Any], RunReport]) -> RunReport:
    """What an older release stored and this one refuses counts as not reported: the run goes on without it. A word of
    a newer one is no reason to lose what it stands for."""
    try:
        return read(value)
    except ValidationError as error:
        if is_of_newer_release(error):
            raise
        refused = {problem["loc"][0] for problem in error.errors(include_input=False) if problem["loc"]}
        if not isinstance(value, dict) or not refused:
            raise
        return read({name: one for name, one in value.items() if name not in refused})


StoredReport = Annotated[RunReport, WrapValidator(_without_refused)]


class QueuedRun(StoredModel):
    """One order and who works on it. `version` is the store's; `epoch` fences holders that lost it."""

    format: Literal[1] = 1
    run_id: str
    version: int = 0
    state: RunState = RunState.WAITING
    order: RunOrder | None = None  # None: it was stopped before it was started
    queued_at: AwareDatetime
    epoch: int = 1
    offers: int = 0
    holder: str = ""  # the id of the worker that has it, or had it last
    home: str = ""  # the worker that keeps the work tree and the session of the run before
    until: AwareDatetime | None = None  # an offer's or a lease's end
    deadline: AwareDatetime | None = None  # no heartbeat keeps the lease beyond it
    stop_wanted: bool = False
    report: StoredReport | None = None
    unread: Why = ""  # why its holder's newest heartbeat was refused; empty when it was not
    tail: tuple[str, ...] = ()  # the newest happenings in words, untrusted
    head: Sha = ""  # that the worker pushed
    told: bool = False  # whoever waits for the end has heard of it

    @property
    def due_at(self) -> datetime | None:
        """When somebody must look at it: in line, a lease that runs out, an end that is to be told."""
        if self.state is RunState.ENDED:
            return None if self.told or self.report is None else self.report.ended_at
        return self.queued_at if self.state is RunState.WAITING else self.until


def queued(order: RunOrder, now: datetime, home: str = "") -> QueuedRun:
    return QueuedRun(run_id=order.run_id, order=order, queued_at=now, home=home)


def stopped_before(run_id: str, now: datetime) -> QueuedRun:
    """What is stored of a run that is stopped and unknown: its start may be under way, and will find this."""
    return QueuedRun(run_id=run_id, state=RunState.ENDED, queued_at=now, stop_wanted=True, told=True)


def started_late(run: QueuedRun, order: RunOrder, now: datetime) -> QueuedRun:
    """The start that finds the stop."""
    return _end(_but(run, order=order, told=False), RunStatus.STOPPED, "it was stopped before it was started", now)


def report_of(run: QueuedRun) -> RunReport | None:
    """What a fleet says of it."""
    if run.report or run.order is None:
        return run.report
    words = "offered to a worker" if run.state is RunState.OFFERED else "waits for a worker"
    return RunReport(run_id=run.run_id, work_item_id=run.order.work_item_id, status=RunStatus.WAITING, progress=words)


def can_take(run: QueuedRun, worker: Worker, now: datetime, rules: Workers, *, sent: bool = False) -> bool:
    """Is it in line for this worker? For a while the one that keeps the session of the run before comes first.

    `sent`: this one was started for this run, and others are not waited for.
    """
    if run.state is not RunState.WAITING or run.order is None or run.order.engine not in worker.engines:
        return False
    if (run.order.checks or run.order.setup) and "checks" not in worker.can:
        return False
    if run.order.answer_schema and "answers" not in worker.can:
        return False
    if not run.order.task and "protected-paths" not in worker.can:
        return False
    return sent or run.home in ("", worker.id) or now - run.queued_at >= rules.confirm_within


def offer(run: QueuedRun, worker: Worker, now: datetime, rules: Workers) -> QueuedRun:
    """Give it to a worker, which must confirm it soon. Raises RunLost when it is not in line."""
    if run.state is not RunState.WAITING:
        raise lost(run.run_id, f"it is {run.state}")
    until = now + rules.confirm_within
    return _but(run, state=RunState.OFFERED, holder=worker.id, offers=run.offers + 1, until=until, unread="")


def order_for(run: QueuedRun, order: RunOrder) -> RunOrder:
    """The order as its holder gets it: a session that is kept elsewhere cannot be gone on with."""
    return order if run.home in ("", run.holder) else order.model_copy(update={"resume": ""})


def heartbeat(
    run: QueuedRun, holder: str, epoch: int, said: RunReport, tail: Sequence[str], now: datetime, rules: Workers
) -> QueuedRun:
    """The holder is alive, and has the run for another lease; the first one confirms the offer. Raises RunLost.

    While it waits for a credential, its time does not run.
    """
    _refuse_zombie(run, holder, epoch)
    if run.state is RunState.ENDED:
        raise lost(run.run_id, "it has ended")
    cap = run.order.max_duration if run.order else timedelta(0)
    deadline = now + cap + GRACE if said.lost else run.deadline or now + cap + GRACE
    status = RunStatus.RUNNING if said.status in ENDED else said.status
    return _but(
        run,
        state=RunState.RUNNING,
        deadline=deadline,
        until=min(now + rules.lease, deadline),
        report=_heard(run, said.model_copy(update={"status": status, "ended_at": None}), now),
        tail=tuple(line[:LONGEST_LINE] for line in tail[-MOST_LINES:]) or run.tail,
        unread="",
    )


def refuse_heartbeat(run: QueuedRun, holder: str, epoch: int, why: str) -> QueuedRun:
    """The holder's heartbeat cannot be read: it keeps no lease, and the reason is kept for the end. Raises RunLost."""
    _refuse_zombie(run, holder, epoch)
    return run if run.state is RunState.ENDED else _but(run, unread=why[:MOST_WHY])


def quarantine(run: QueuedRun, holder: str, epoch: int, why: str, now: datetime) -> QueuedRun:
    """The holder's last word cannot be read: what it came to is unknown, by a failure of the machine's. Raises RunLost.

    The epoch moves on, so the holder is told that the run is not its own any more, whatever it repeats.
    """
    _refuse_zombie(run, holder, epoch)
    if run.state is RunState.ENDED:
        return run
    return _end(run, RunStatus.LOST, f"the report of its worker {run.holder} cannot be read: {why}"[:MOST_WHY], now)


def report(run: QueuedRun, holder: str, epoch: int, said: RunReport, head: str, now: datetime) -> QueuedRun:
    """The holder's last word. The first one counts; said again it changes nothing. Raises RunLost."""
    _refuse_zombie(run, holder, epoch)
    if run.state is RunState.ENDED:
        return run
    if said.status not in ENDED:
        raise Refused(f"{said.status} is no end of a run", why="a report is the last word", fix="factory worker --help")
    checked = unchecked(run.order, said) if run.order else said
    last = _heard(run, checked, now).model_copy(update={"ended_at": now})
    return _but(run, state=RunState.ENDED, report=last, head=head, until=None)


def want_stop(run: QueuedRun, now: datetime) -> QueuedRun:
    """Stop it: at once while no agent can be alive, else its holder hears of it with the next heartbeat."""
    if run.state is RunState.ENDED:
        return run
    if run.state is RunState.RUNNING:
        return _but(run, stop_wanted=True)
    return _end(_but(run, stop_wanted=True), RunStatus.STOPPED, "it was stopped before a worker had it", now)


def expire(run: QueuedRun, now: datetime) -> QueuedRun:
    """Take it from a holder that was not heard in time; unchanged when there is none."""
    if run.until is None or now < run.until or run.state is RunState.ENDED:
        return run
    unread = f"; its last heartbeat could not be read: {run.unread}" if run.unread else ""
    if run.state is RunState.RUNNING:
        return _end(run, RunStatus.LOST, f"its worker {run.holder} was not heard in time{unread}", now)
    return _not_begun(run, f"it was offered to workers {run.offers} times, and none of them began{unread}", now)


def gone(run: QueuedRun, epoch: int, status: RunStatus, why: str, now: datetime) -> QueuedRun:
    """The machine that was started for this run in this epoch is no more: before it began, that counts as an offer."""
    if run.state is RunState.ENDED or run.epoch != epoch:
        return run
    if run.state is RunState.RUNNING:
        return _end(run, RunStatus.STOPPED if run.stop_wanted else status, why, now)
    tried = _but(run, offers=run.offers + (run.state is RunState.WAITING))
    why = f"{tried.offers} machines were started for it, and none of them began; the last: {why}"
    return _not_begun(tried, why, now)


def told(run: QueuedRun) -> QueuedRun:
    return _but(run, told=True)


def lost(run_id: str, why: str) -> RunLost:
    return RunLost(f"The run {run_id} is not this worker's", why=why, fix="factory status")


def _refuse_zombie(run: QueuedRun, holder: str, epoch: int) -> None:
    if (run.holder, run.epoch) != (holder, epoch) or run.state is RunState.WAITING:
        raise lost(run.run_id, "it was given to another worker, lost or stopped")


def _not_begun(run: QueuedRun, why: str, now: datetime) -> QueuedRun:
    """Back in line, unless it was there too often."""
    if run.offers >= MOST_OFFERS:
        return _end(run, RunStatus.FAILED, why, now)
    return _but(run, state=RunState.WAITING, holder="", until=None, epoch=run.epoch + 1)


def _end(run: QueuedRun, status: RunStatus, why: str, now: datetime) -> QueuedRun:
    """Our own word, against whatever the holder says later."""
    known = run.report or RunReport(
        run_id=run.run_id, work_item_id=run.order.work_item_id if run.order else "", status=status
    )
    fault = "machine" if status is RunStatus.LOST else ""
    ended = known.model_copy(update={"status": status, "why": why, "fault": fault, "ended_at": now})
    return _but(run, state=RunState.ENDED, report=ended, until=None, epoch=run.epoch + 1)


def _heard(run: QueuedRun, said: RunReport, now: datetime) -> RunReport:
    """What the worker says, by our clock, under the order's names and within its cap: all of these may be anything."""
    known = run.report
    return said.model_copy(
        update={
            "run_id": run.run_id,
            "work_item_id": run.order.work_item_id if run.order else "",
            "host": run.holder if said.host else "",
            "usage": said.usage.within(run.order.max_usd) if run.order else said.usage,
            "started_at": known.started_at if known and known.started_at else now,
            "alive_at": now,
            "progress_at": min(said.progress_at or now, now),
        }
    )


def _but(run: QueuedRun, **changes: object) -> QueuedRun:
    return run.model_copy(update=changes)
