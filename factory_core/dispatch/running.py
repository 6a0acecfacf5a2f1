"""Steps from the line to the agent's end: dispatch, run, look for it, publish, try again or stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..runs.run import Run, RunReport, RunStatus
from ..work_item import ItemState
from . import budget, circuit, comments
from .asking import ask, queue, wait_for_day
from .effects import (
    ClaimItem,
    Effect,
    LookAtRun,
    MoveSlotToReview,
    OpenPullRequest,
    PauseEngine,
    Planned,
    PostComment,
    ReleaseSlot,
    ResumeEngine,
    SetItemState,
    StartAgent,
    StopAgent,
    TakeSlot,
)
from .ending import block
from .events import AgentFinished, AgentStarted, CheckedIn, RunSeen, SlotDenied, SlotGranted, SlotOffered, StartFailed
from .protected import hold
from .pull_request import branch_of
from .records import Block, InFlightRecord, State, Transition

LOOK_EVERY = timedelta(minutes=10)
LOOK_AT_PROBE_EVERY = timedelta(minutes=1)  # all others in line wait for what it shows
MOST_INTERRUPTIONS = 10
MOST_SETUPS = 5  # in a row
SET_UP_AGAIN, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
MOST_SHOWN = 1_000  # characters of a failing check's output, in what is published
TRY_CONNECTION = timedelta(seconds=10)  # a start asks first whether the credential is good again


def dispatch(record: InFlightRecord, event: SlotGranted, config: FactoryConfig) -> Transition:
    """There is room: start the agent."""
    noted = record.note(event.at, "factory", f"Starts try {record.attempt + 1} in {event.repository}.")
    return _start(budget.granted(noted.but(probes=event.probe), event.usd), event.at, config)


def wait_in_line(record: InFlightRecord, event: SlotDenied, config: FactoryConfig) -> Transition:
    """No room: waiting costs no attempt, and the slot's release wakes us. That today's budget is used is said once."""
    if event.until is None:
        return record.stay(waits_for=event.reason)
    return wait_for_day(record, event.at, budget.Wait(until=event.until, why=event.reason), config)


def ask_for_room_again(record: InFlightRecord, event: CheckedIn | SlotOffered, config: FactoryConfig) -> Transition:
    """The batch is read in the same write, so that an offer of long ago starts nothing."""
    if budget.exhausted(record, config) or budget.wait(record, event.at, config):
        return queue(record, event.at, config)
    return record.to(State.QUEUED, event.at, *record.once(TakeSlot()), within=timedelta(hours=1))


def expect_run(record: InFlightRecord, event: AgentStarted, config: FactoryConfig) -> Transition:
    """The fleet accepted the run. The ticket is in progress when it has begun, and that is looked for.

    While another start is planned, this run has ended already: its end was faster than the outcome of its start.
    """
    if _planned_start(record):
        return record.stay()
    if event.begun:
        return _begun(record, event.run, event.at, config)
    within = config.agents.start_within
    return record.to(State.DISPATCHING, event.at, within=within, run=event.run, waits_for="")


def begin_or_wait(record: InFlightRecord, event: RunSeen, config: FactoryConfig) -> Transition | None:
    """Its first heartbeat puts the ticket in progress. A run that no worker takes stays in line, and people read so."""
    report = event.report
    if report.run_id != _awaited_run(record):
        return None
    if event.overdue:
        return _stop_overdue(record, event)
    return _resumed(record, report, _begin_or_wait(record, event, config), works=report.usage.turns > 0)


def _stop_overdue(record: InFlightRecord, event: RunSeen) -> Transition:
    """Its machine has not ended it in time, or a clock is wrong. Why it is stopped is kept, for its end to be said."""
    run = record.run or _run_of(record, event.report, event.at)
    noted = record.note(event.at, "factory", f"Stops the agent: {event.overdue}.")
    kept = noted.but(run=run.model_copy(update={"stopped_because": event.overdue[:300]}))
    return kept.stay(*kept.once(StopAgent(run_id=run.run_id)))


def _begin_or_wait(record: InFlightRecord, event: RunSeen, config: FactoryConfig) -> Transition | None:
    report = event.report
    if report.has_begun:
        starts = record.state is State.DISPATCHING
        return _begun(record, _run_of(record, report, event.at), event.at, config) if starts else None
    if report.status is not RunStatus.WAITING:
        return None
    engine = record.route.engine if record.route and record.route.engine else config.agents.engine
    return _not_begun(record, event.at, f"no worker took the run ({engine})", comments.worker_fix(config))


def expect_start(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """Nothing has begun: ask the fleet, or say that the start itself does not work. The outbox goes on trying it."""
    planned = _planned_start(record)
    if planned is None:
        return _look(record, event.at)
    waits = record.to(State.DISPATCHING, event.at, within=config.agents.start_within)
    if planned.lost or not planned.attempts:  # told of where connections are, or not due yet
        return waits
    unsaid = _not_begun(waits.record, event.at, f"no run could be started: {planned.why}", comments.START_FIX)
    return unsaid or waits


def wait_for_engine(record: InFlightRecord, event: StartFailed, config: FactoryConfig) -> Transition:
    """The machine cannot start the engine: there was no run, and no attempt."""
    return _limited(record, event.report, event.at, config)


def look_for_agent(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """Nothing came for a while: ask the fleet."""
    return _look(record, event.at)


def publish_retry_or_stop(record: InFlightRecord, event: AgentFinished, config: FactoryConfig) -> Transition | None:
    """The agent ended: what the report says decides. A report of another run is a zombie's and changes nothing."""
    report = event.report
    if report.run_id not in _live_runs(record):
        return None
    ended = record.without(LookAtRun).but(run=_run_of(record, report, event.at), waits_for="")
    after = _AFTER[report.status](ended, report, event.at, config)
    return _resumed(record, report, after, works=report.status in _ENGINE_WORKED)


def _resumed(record: InFlightRecord, report: RunReport, after: Transition | None, *, works: bool) -> Transition | None:
    """The probe's engine works: the others go on, and need not wait for the end of its run."""
    if not record.probes or not works:
        return after
    decided = after or record.stay()
    engine = record.route.engine if record.route else ""
    resume = ResumeEngine(engine=engine, host=report.host)
    return Transition(decided.record.but(probes=False), (resume, *decided.effects))


def _begun(record: InFlightRecord, run: Run, at: datetime, config: FactoryConfig) -> Transition:
    effects: list[Effect] = [SetItemState(to=ItemState.DISPATCHED, expect=(ItemState.READY, ItemState.IN_REVIEW))]
    effects += [ClaimItem()] if record.session_id else []
    noted = record.note(at, "factory", "The run has begun.") if record.waits_for else record
    within = min(config.agents.start_within, LOOK_AT_PROBE_EVERY) if record.probes else config.agents.start_within
    return noted.to(State.RUNNING, at, *effects, within=within, run=run, waits_for="")


def _not_begun(record: InFlightRecord, at: datetime, why: str, fix: str) -> Transition | None:
    """Said once for each run."""
    if record.waits_for:
        return None
    waited = comments.duration(at - (record.since or at))
    said: list[Effect] = [] if record.session_id else [PostComment(body=comments.not_begun(waited, why, fix))]
    return record.note(at, "factory", f"Not begun after {waited}: {why}").stay(*said, waits_for=why)


def _look(record: InFlightRecord, at: datetime) -> Transition:
    run_id = record.run.run_id if record.run else ""
    within = LOOK_AT_PROBE_EVERY if record.probes else LOOK_EVERY
    return record.to(record.state, at, *record.once(LookAtRun(run_id=run_id)), within=within)


def _planned_start(record: InFlightRecord) -> Planned | None:
    """The newest one: the run of an older one has ended."""
    return next((planned for planned in reversed(record.outbox) if isinstance(planned.effect, StartAgent)), None)


def _awaited_run(record: InFlightRecord) -> str:
    planned = _planned_start(record)
    return planned.run_id if planned else record.run.run_id if record.run else ""


def _run_of(record: InFlightRecord, report: RunReport, at: datetime) -> Run:
    engine = record.route.engine if record.route else ""
    began, told = report.started_at or at, _told(record, report.run_id)
    same = record.run if record.run and record.run.run_id == report.run_id else None
    known = same or Run(run_id=report.run_id, engine=engine, started_at=began)
    seen = {"engine": engine, "started_at": began, "session": report.session, "told": told, "host": report.host}
    return known.model_copy(update=seen)


def _told(record: InFlightRecord, run_id: str) -> tuple[str, ...]:
    """By its planned start, where the end is faster than the word of that."""
    for planned in record.outbox:
        if isinstance(planned.effect, StartAgent) and planned.run_id == run_id:
            return planned.effect.told
    return record.run.told if record.run and record.run.run_id == run_id else ()


def _published(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    limits = f"But {report.why}." if report.why else ""  # files left behind, tools that were denied
    finished = f"Finished: {report.usage.turns} turns, {report.usage.cost}. {limits}".strip()
    noted = record.note(at, "agent", finished, report.words)
    if report.checks:
        noted = noted.note(at, "factory", comments.checks_line(report.checks))
    noted = noted.but(flagged=", ".join(result.shown for result in report.checks if not result.passed))
    checks = tuple(result.model_copy(update={"output": result.output[-MOST_SHOWN:]}) for result in report.checks)
    words = report.words or (_last_words(record) if record.publishes else "")
    summary = "\n\n".join(filter(None, (words[:4_000], limits[:1_000])))
    opened = OpenPullRequest(run_id=report.run_id, summary=summary, checks=checks)
    effects = (opened, MoveSlotToReview())  # the slot in the write that knows the pull request
    rest = noted.untold(record.run.told if record.run else ()).but(publishes=False)
    handled = tuple(mark for mark in rest.handled if mark != "reminded")  # its review waits from now on
    within = config.runner.review_check_every
    return rest.to(State.IN_REVIEW, at, *effects, within=within, handled=handled, interruptions=0)


def _last_words(record: InFlightRecord) -> str:
    """Of the agent whose work is published now."""
    return next((entry.quote for entry in reversed(record.log) if entry.by == "agent" and entry.quote), "")


def _held(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    if report.held is None or not report.held.changes:
        why = "it was held for protected files, and did not say which"
        return _failed(record, report.model_copy(update={"why": why}), at, config)
    noted = record.note(at, "agent", f"Finished: {report.usage.turns} turns, {report.usage.cost}.", report.words)
    return hold(noted, report.held, at, config)


def _asked(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    decided = ask(record.but(attempt=0), at, report.words, "The agent needs an answer.", config, by_agent=True)
    return (
        decided
        if decided.record.state is State.BLOCKED
        else Transition(decided.record, (ReleaseSlot(), *decided.effects))
    )


def _no_change(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    said = (f"But {report.why}." if report.why else "", report.words[:300])
    why = " ".join(("The agent ended well and changed nothing.", *filter(None, said)))
    return block(record, at, Block(reason="no-change", why=why, fix=comments.retry_fix(record)), config)


def _rejected(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """What it made must not be published, and its own rounds are used up: no further try would know more."""
    failed = [result for result in report.checks if not result.passed]
    fix = comments.retry_fix(record)
    if any(result.not_found for result in failed):
        key = f"repositories.{record.route.repository if record.route else 'NAME'}"
        fix = f"In factory.config.yaml: let {key}.setup install it, or correct {key}.verify; then {fix}"
    reason = Block(reason="checks-failed" if failed else "not-publishable", why=report.why, fix=fix)
    return block(record, at, reason, config)


def _failed(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    if report.lost:
        return _disconnected(record, report, at, config)
    why = report.why or str(report.status)
    noted = record.note(at, "agent", f"Try {record.attempt} ended: {why}")
    if record.attempt < config.agents.max_attempts:
        return _again(noted, at, config, after=config.agents.cooldown)
    stopped = f"Stopped after {record.attempt} tries. Last: {why}"
    return block(noted, at, Block(reason="attempts-exhausted", why=stopped, fix=comments.retry_fix(record)), config)


def _disconnected(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """The code host refused the credential, so that the run had nothing to work on: that was no attempt."""
    said = f"No work tree: {report.lost} refuses the credential. Waits for it."
    news = not record.log or record.log[-1].text != said
    noted = record.note(at, "agent", said) if news else record
    return _again(noted.but(attempt=record.attempt - 1), at, config, after=TRY_CONNECTION)


def _limited(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """A failure of the machine, the account or the vendor: it stands in line again, and that was no attempt."""
    engine = record.route.engine if record.route else ""
    why = report.why or "it is out of order"
    waits = f"{circuit.name_of(engine, report.host)} cannot work: {why}"
    noted = _interrupted(record.note(at, "agent", f"Waits: {waits}"))
    if noted.interruptions > MOST_INTERRUPTIONS:
        return _interrupted_too_often(noted, why, at, config)
    pause = PauseEngine(
        engine=engine, host=report.host, fault=report.fault or "vendor", why=why, fix=report.fix,
        retry_at=report.retry_at,
    )  # fmt: skip
    attempt = max(0, noted.attempt - 1)
    return noted.to(State.QUEUED, at, pause, within=timedelta(hours=1), waits_for=waits, attempt=attempt, probes=False)


def _lost(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """What ended the run may have been the machine: that was no attempt."""
    if report.fault != "machine":
        return _failed(record, report, at, config)
    noted = _interrupted(record.note(at, "agent", f"Try {record.attempt} was interrupted: {report.why}"))
    if noted.interruptions > MOST_INTERRUPTIONS:
        return _interrupted_too_often(noted, report.why, at, config)
    return _again(noted.but(attempt=max(0, record.attempt - 1)), at, config, after=config.agents.cooldown)


def _unprepared(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """The repository's setup failed before an agent was started. A registry may be away, so it is tried again, ever
    later; that was no attempt."""
    tries = record.interruptions + 1
    noted = record.note(at, "factory", f"Not set up: {report.why}")
    noted = noted.but(interruptions=tries, attempt=max(0, record.attempt - 1), probes=False)
    if tries >= MOST_SETUPS:
        key = f"repositories.{record.route.repository if record.route else 'NAME'}.setup"
        fix = f"In factory.config.yaml: correct {key}; then {comments.retry_fix(record)}"
        return block(noted, at, Block(reason="setup-failed", why=report.why, fix=fix), config)
    pause = min(SET_UP_AGAIN * 4 ** (tries - 1), LONGEST_PAUSE)
    waits = f"the setup of its repository, which failed; again at {comments.moment(at + pause, at)}"
    return noted.to(State.QUEUED, at, ReleaseSlot(), within=pause, waits_for=waits)


def _interrupted(record: InFlightRecord) -> InFlightRecord:
    """One more run ended by a fault; that of a probe says nothing of the ticket."""
    return record if record.probes else record.but(interruptions=record.interruptions + 1)


def _interrupted_too_often(record: InFlightRecord, why: str, at: datetime, config: FactoryConfig) -> Transition:
    """Its engine works for others: it may be the ticket that breaks it."""
    said = f"{record.interruptions} runs in a row were interrupted while others went well. Last: {why}"
    return block(record, at, Block(reason="interrupted", why=said, fix=comments.retry_fix(record)), config)


def _capped(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """It ran into its own cap, or into what was left of a budget: then it goes on with the next one."""
    if budget.was_cut_short(record, report, config):
        noted = record.note(at, "agent", f"Try {record.attempt} ended: {report.why}")
        return queue(noted.but(attempt=max(0, record.attempt - 1)), at, config)
    why = f"Stopped at its own cap: {report.why}"
    return block(record, at, Block(reason="budget-run", why=why, fix=comments.retry_fix(record)), config)


def _stopped(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """By the factory when it had run for too long, else where it ran: what a person orders moves the item first.
    One that never began was stopped by our own look at it, whose word may come later."""
    if report.started_at is None:
        return _failed(record, report, at, config)
    because = record.run.stopped_because if record.run else ""
    where_it_ran = f"where it ran, not by the factory: {report.why or 'no reason was given'}"
    why = f"The agent was stopped {f'by the factory: {because}' if because else where_it_ran}."
    return block(record, at, Block(reason="stopped", why=why, fix=comments.retry_fix(record)), config)


_AFTER: dict[RunStatus, Callable[[InFlightRecord, RunReport, datetime, FactoryConfig], Transition]] = {
    RunStatus.SUCCEEDED: _published,
    RunStatus.ASKED: _asked,
    RunStatus.NO_CHANGE: _no_change,
    RunStatus.FAILED: _failed,
    RunStatus.LOST: _lost,
    RunStatus.LIMITED: _limited,
    RunStatus.UNPREPARED: _unprepared,
    RunStatus.REJECTED: _rejected,
    RunStatus.HELD: _held,
    RunStatus.CAPPED: _capped,
    RunStatus.STOPPED: _stopped,
}

_ENGINE_WORKED = frozenset(
    {
        RunStatus.SUCCEEDED,
        RunStatus.ASKED,
        RunStatus.NO_CHANGE,
        RunStatus.FAILED,
        RunStatus.REJECTED,
        RunStatus.CAPPED,
        RunStatus.HELD,
    }
)
"""Ends that a run does not come to while its engine cannot work."""


def _again(record: InFlightRecord, at: datetime, config: FactoryConfig, after: timedelta) -> Transition:
    """One more try, with what is left of its grant, or with a new one."""
    if budget.goes_on(record, at, config):
        return _start(record, at, config, after)
    return queue(record, at, config)


def _start(record: InFlightRecord, at: datetime, config: FactoryConfig, after: timedelta = timedelta(0)) -> Transition:
    """Each start was granted: what it may cost is reserved. Without an agent, it publishes what the run before was told
    to do."""
    record = budget.started(record, at)
    told = record.run.told if record.publishes and record.run else record.marks()
    start = StartAgent(
        not_before=at + after if after else None, told=told, max_usd=record.spending.cap, publishes=record.publishes
    )  # fmt: skip
    within = config.agents.start_within + after
    title = record.item.title if record.item else ""
    branch = record.branch or branch_of(record.key, title, record.generation)
    return record.to(
        State.DISPATCHING, at, start, within=within, attempt=record.attempt + 1, branch=branch, waits_for=""
    )


def _live_runs(record: InFlightRecord) -> set[str]:
    """The run we know, and one whose start has not been confirmed yet (its report may be faster)."""
    pending = {planned.run_id for planned in record.outbox if isinstance(planned.effect, StartAgent)}
    return pending or ({record.run.run_id} if record.run else set())
