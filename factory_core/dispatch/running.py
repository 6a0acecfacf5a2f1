"""Steps from the line to the agent's end: dispatch, run, look for it, publish, try again or stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import ItemState
from . import comments
from .asking import ask
from .effects import (
    ClaimItem,
    Effect,
    LookAtRun,
    MoveSlotToReview,
    OpenPullRequest,
    ReleaseSlot,
    SetItemState,
    StartAgent,
    TakeSlot,
)
from .ending import block
from .events import AgentFinished, AgentStarted, CheckedIn, SlotDenied, SlotGranted, SlotOffered
from .pull_request import branch_of
from .records import Block, InFlightRecord, State, Transition
from .run import Run, RunReport, RunStatus

LOOK_EVERY = timedelta(minutes=10)
WHEN_LIMIT_UNKNOWN = timedelta(minutes=30)
TRY_CONNECTION = timedelta(seconds=10)  # a start asks first whether the credential is good again


def dispatch(record: InFlightRecord, event: SlotGranted, config: FactoryConfig) -> Transition:
    """There is room: start the agent."""
    noted = record.note(event.at, "factory", f"Starts try {record.attempt + 1} in {event.repository}.")
    return _start(noted, event.at, config)


def wait_in_line(record: InFlightRecord, event: SlotDenied, config: FactoryConfig) -> Transition:
    """No room: waiting costs no attempt, and the slot's release wakes us."""
    return record.stay(waits_for=event.reason)


def ask_for_room_again(record: InFlightRecord, event: CheckedIn | SlotOffered, config: FactoryConfig) -> Transition:
    """The batch is read in the same write, so that an offer of long ago starts nothing."""
    return record.to(State.QUEUED, event.at, *record.once(TakeSlot()), within=timedelta(hours=1))


def run(record: InFlightRecord, event: AgentStarted, config: FactoryConfig) -> Transition:
    """The fleet has it: the ticket is in progress, and somebody looks whether it really started.

    While another start is planned, this one's run has ended already: its end was faster than this word of it.
    """
    if any(isinstance(planned.effect, StartAgent) for planned in record.outbox):
        return record.stay()
    effects: list[Effect] = [SetItemState(to=ItemState.DISPATCHED, expect=(ItemState.READY, ItemState.IN_REVIEW))]
    effects += [ClaimItem()] if record.session_id else []
    return record.to(State.RUNNING, event.at, *effects, within=config.agents.start_within, run=event.run)


def expect_start(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """The start is still being tried by the outbox, which has its own limit."""
    return record.to(State.DISPATCHING, event.at, within=config.agents.start_within)


def look_for_agent(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """Nothing heard for a while: ask the fleet."""
    run_id = record.run.run_id if record.run else ""
    return record.to(State.RUNNING, event.at, *record.once(LookAtRun(run_id=run_id)), within=LOOK_EVERY)


def publish_retry_or_stop(record: InFlightRecord, event: AgentFinished, config: FactoryConfig) -> Transition | None:
    """The agent ended: what the report says decides. A report of another run is a zombie's and changes nothing."""
    report = event.report
    if report.run_id not in _live_runs(record):
        return None
    engine = record.route.engine if record.route else ""
    began = report.started_at or event.at
    told = _told(record, report.run_id)
    ended = Run(run_id=report.run_id, engine=engine, started_at=began, session=report.session, told=told)
    spent = record.without(LookAtRun).but(run=ended, spent=record.spent.plus(report.usage))
    return _AFTER[report.status](spent, report, event.at, config)


def _told(record: InFlightRecord, run_id: str) -> tuple[str, ...]:
    """By its planned start, where the end is faster than the word of that."""
    for planned in record.outbox:
        if isinstance(planned.effect, StartAgent) and planned.run_id == run_id:
            return planned.effect.told
    return record.run.told if record.run and record.run.run_id == run_id else ()


def _published(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    noted = record.note(at, "agent", f"Finished: {report.usage.turns} turns, ${report.usage.usd:.2f}.", report.words)
    opened = OpenPullRequest(run_id=report.run_id, summary=report.words[:4_000])
    effects = (opened, MoveSlotToReview())  # the slot in the write that knows the pull request
    rest = noted.untold(record.run.told if record.run else ())
    handled = tuple(mark for mark in rest.handled if mark != "reminded")  # its review waits from now on
    return rest.to(State.IN_REVIEW, at, *effects, within=config.runner.review_check_every, handled=handled)


def _asked(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    decided = ask(record.but(attempt=0), at, report.words, "The agent needs an answer.", config)
    return (
        decided
        if decided.record.state is State.BLOCKED
        else Transition(decided.record, (ReleaseSlot(), *decided.effects))
    )


def _no_change(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    why = f"The agent ended well and changed nothing. {report.words[:300]}".strip()
    return block(record, at, Block(reason="no-change", why=why, fix=comments.retry_fix(record)), config)


def _failed(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    if report.lost:
        return _disconnected(record, report, at, config)
    why = report.why or str(report.status)
    noted = record.note(at, "agent", f"Try {record.attempt} ended: {why}")
    if record.attempt < config.agents.max_attempts:
        return _start(noted, at, config, after=config.agents.cooldown)
    stopped = f"Stopped after {record.attempt} tries. Last: {why}"
    return block(noted, at, Block(reason="attempts-exhausted", why=stopped, fix=comments.retry_fix(record)), config)


def _disconnected(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """The code host refused the credential, so that the run had nothing to work on: that was no attempt."""
    said = f"No work tree: {report.lost} refuses the credential. Waits for it."
    news = not record.log or record.log[-1].text != said
    noted = record.note(at, "agent", said) if news else record
    return _start(noted.but(attempt=record.attempt - 1), at, config, after=TRY_CONNECTION)


def _limited(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """The engine's own limit: give the slot back, come again when it resets; that was no attempt."""
    resets = max(report.retry_at or at + WHEN_LIMIT_UNKNOWN, at + timedelta(minutes=1))
    engine = record.run.engine if record.run else "the engine"
    waits = f"the usage limit of {engine}, until {comments.moment(resets, at)}"
    noted = record.note(at, "agent", f"Stopped by {waits}.")
    return noted.to(
        State.QUEUED, at, ReleaseSlot(), within=resets - at, waits_for=waits, attempt=max(0, record.attempt - 1)
    )


def _capped(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    why = f"Stopped at its own cap: {report.why}"
    return block(record, at, Block(reason="budget-run", why=why, fix=comments.retry_fix(record)), config)


def _stopped(record: InFlightRecord, report: RunReport, at: datetime, config: FactoryConfig) -> Transition:
    """By a person; but a run that never began was stopped by our own look at it, whose word may come later."""
    if report.started_at is None:
        return _failed(record, report, at, config)
    return block(
        record, at, Block(reason="stopped", why="Somebody stopped the agent.", fix=comments.retry_fix(record)), config
    )


_AFTER: dict[RunStatus, Callable[[InFlightRecord, RunReport, datetime, FactoryConfig], Transition]] = {
    RunStatus.SUCCEEDED: _published,
    RunStatus.ASKED: _asked,
    RunStatus.NO_CHANGE: _no_change,
    RunStatus.FAILED: _failed,
    RunStatus.LOST: _failed,
    RunStatus.LIMITED: _limited,
    RunStatus.CAPPED: _capped,
    RunStatus.STOPPED: _stopped,
}


def _start(record: InFlightRecord, at: datetime, config: FactoryConfig, after: timedelta = timedelta(0)) -> Transition:
    start = StartAgent(not_before=at + after if after else None, told=record.marks())
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
