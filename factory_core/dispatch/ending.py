"""Steps that end or stop an item: finish, cancel, block, give up, forget, reopen, retry."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..config import FactoryConfig
from ..work_item import ItemState
from . import budget, comments
from .activity import Activity
from .answers import judge_answer
from .effects import (
    LASTING,
    SPEAKING,
    CloseThread,
    ConcludeSession,
    DisableAutoMerge,
    Effect,
    ForgetItem,
    LinkPullRequest,
    OpenPullRequest,
    Planned,
    PostComment,
    PostReply,
    ReadPullRequest,
    ReleaseSlot,
    SetItemState,
    StartAgent,
    StopAgent,
    TakeSlot,
    TriageItem,
)
from .events import (
    AbortRequested,
    AgentStarted,
    BudgetRaised,
    CheckedIn,
    EffectFailed,
    ForgetRequested,
    QuestionAsked,
    Reply,
    RetryRequested,
    StopRequested,
)
from .forgotten import FORGOTTEN, TICKET_GONE
from .model_verdict import overruled
from .pull_request import PullRequest
from .records import REVIEW, Block, InFlightRecord, State, Transition, short

KEEP_THREAD = timedelta(days=30)  # so long after it was given up, a late answer still counts
FORGET_AGAIN = timedelta(days=1)  # when it did not work

MOST_RETURNS = 3

SLOTTED = frozenset({State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.MERGING})
"""States in which an item has, or stands in line for, a slot."""


def finish(record: InFlightRecord, at: datetime, config: FactoryConfig) -> Transition:
    """Merged: the ticket is done, people are told so once, the slot is free."""
    effects: list[Effect] = [StopAgent(run_id=run) for run in live_runs(record)]
    effects.append(ReleaseSlot())  # before what is said: others start while a vendor does not answer
    if not comments.never_closes(record, config):
        ours = (ItemState.READY, ItemState.DISPATCHED, ItemState.IN_REVIEW)
        effects.append(SetItemState(to=ItemState.DONE, expect=ours))
    effects += [] if record.session_id else [PostComment(body=comments.summary(record, at, config))]
    effects += _leave_thread(record, f"Merged. {record.pull_request.url if record.pull_request else ''}".strip())
    kept = lasting(record, LinkPullRequest)  # a ticket that is done shows by what, even if that could not be said yet
    noted = record.note(at, "factory", "Merged and done.").but(block=None, outbox=kept)
    return noted.to(State.DONE, at, *effects, within=config.runner.keep_finished)


def find_merged(record: InFlightRecord, at: datetime, merged: PullRequest, config: FactoryConfig) -> Transition:
    """It was merged and closed, and nobody here knew, as after a restore: it rests as done, with nothing said again."""
    thread = record.clarification.thread_id if record.clarification else ""
    effects: list[Effect] = [StopAgent(run_id=run) for run in live_runs(record)]
    effects += [ReleaseSlot(), *([CloseThread(thread_id=thread)] if thread else [])]
    noted = record.note(at, "factory", "Found merged and done.").but(
        block=None, armed=False, outbox=lasting(record), pull_request=merged.bounded(), tracker=ItemState.DONE
    )
    return noted.to(State.DONE, at, *effects, within=config.runner.keep_finished)


def cancel(record: InFlightRecord, at: datetime, why: str, config: FactoryConfig) -> Transition:
    """A person took it back: whatever runs is stopped, the slot is free, nothing more is written to the ticket."""
    effects: list[Effect] = [StopAgent(run_id=run) for run in live_runs(record)]
    effects += [ReleaseSlot(), *disarm(record), *_leave_thread(record, f"No longer needed: {why}")]
    noted = record.note(at, "person", f"Cancelled: {why}").but(block=None, armed=False, outbox=lasting(record))
    return noted.to(State.CANCELLED, at, *effects, within=config.runner.keep_finished, ended_because=why)


def block(record: InFlightRecord, at: datetime, reason: Block, config: FactoryConfig, *effects: Effect) -> Transition:
    """It needs a person: said once on the ticket, with what to do, and later once more. The slot is free meanwhile, and
    a start that is still planned is taken back: it may be under way."""
    begun = (StopAgent(run_id=run) for run in _planned_runs(record))
    told = f"block:{short(reason.reason + reason.why)}"
    unsaid = told not in record.handled and not record.session_id
    said: list[Effect] = [PostComment(body=comments.blocked(reason))] if unsaid else []
    freed: list[Effect] = [ReleaseSlot()] if record.state in SLOTTED else []
    noted = record.note(at, "factory", f"Stopped: {reason.why}").handle(told)
    orders = dict.fromkeys((*effects, *begun, *freed, *disarm(record), *said))
    within = config.runner.remind_blocked_after or None
    return noted.without(StartAgent).to(
        State.BLOCKED, at, *orders, within=within, block=reason, armed=False, waits_for=""
    )


def remind_of_block(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition | None:
    """Nobody has acted: said once more on the ticket. After that it rests until somebody does."""
    if record.block is None:
        return None
    waited = comments.duration(event.at - (record.since or event.at))
    noted = record.note(event.at, "factory", f"Reminded: stopped for {waited}.")
    return noted.to(State.BLOCKED, event.at, say(record, comments.still_blocked(record.block, waited)))


def say(record: InFlightRecord, text: str) -> Effect:
    """On the ticket: in its agent session where it has one, for the tracker shows that as a comment; else in one."""
    if not record.session_id:
        return PostComment(body=text)
    return ConcludeSession(session_id=record.session_id, activity=Activity(kind="problem", text=text))


def disarm(record: InFlightRecord) -> tuple[Effect, ...]:
    """What stops or is to be mended must not be merged by the code host meanwhile."""
    known = record.pull_request
    if not record.armed or known is None:
        return ()
    return (DisableAutoMerge(repository=known.repository, number=known.number),)


def give_up(record: InFlightRecord, at: datetime, config: FactoryConfig) -> Transition:
    """Nobody answered: say so in the thread and on the ticket. The thread stays known: an answer still counts."""
    words = comments.gave_up(config)
    thread = _thread_outside(record)
    effects: list[Effect] = [PostReply(thread_id=thread, text=words)] if thread else []
    effects += [] if record.session_id else [PostComment(body=words)]
    return record.note(at, "factory", words).to(State.FAILED, at, *effects, within=KEEP_THREAD)


def remember_stop(record: InFlightRecord, event: StopRequested, config: FactoryConfig) -> Transition | None:
    """Stop was pressed where nothing is at work: the agent session says so."""
    if not event.session_id:
        return None
    return record.born_at(event.at).to(State.NEW, event.at, within=config.runner.keep_finished)


def stop(record: InFlightRecord, event: StopRequested, config: FactoryConfig) -> Transition:
    return cancel(record, event.at, f"{event.by or 'a person'} pressed stop", config)


def abort(record: InFlightRecord, event: AbortRequested, config: FactoryConfig) -> Transition:
    return cancel(record, event.at, f"{event.by or 'a person'} aborted it. {event.reason}".strip(), config)


def retry(record: InFlightRecord, event: RetryRequested, config: FactoryConfig) -> Transition:
    """A person takes it up again: attempts and questions start from nothing, the work and the answers stay."""
    noted, reason = _taken_up(record.without_order(), event), record.block.reason if record.block else ""
    if reason == "withdrawn":  # who retries it wants it after all
        wanted = tuple(answer for answer in noted.answers if judge_answer(answer.text).kind != "refusal")
        noted = noted.but(answers=wanted)
    if event.reason and reason in ("still-unclear", "withdrawn"):  # what nobody had answered
        noted = noted.answered(Reply(id=event.id, author=event.by or "a person", text=event.reason, at=event.at))
    told = noted.tell(event.reason) if event.reason else noted
    return _begin_at(told.to(State.TRIAGING, event.at, TriageItem()), event)


def retry_blocked(record: InFlightRecord, event: RetryRequested, config: FactoryConfig) -> Transition:
    """The same; but what only the code host kept from being merged needs no agent: it is read, and merged as it is.

    Nor does what an outage kept from being published or read: that is tried now, as if it had never failed.
    """
    stopped = record.block
    if stopped and stopped.order and stopped.back_to is not State.TRIAGING:
        back = _back(_taken_up(record, event), stopped, event.at, config)
        fresh = {"attempts": 0, "failing_since": None, "not_before": event.not_before, "why": ""}
        return back.but(
            outbox=tuple(
                one.model_copy(update=fresh) if one.effect.kind == stopped.order else one for one in back.outbox
            )
        ).stay()
    if stopped is None or stopped.reason != "merge-refused":
        return retry(record, event, config)
    within = config.runner.review_check_every
    return _begin_at(_taken_up(record, event).to(State.IN_REVIEW, event.at, ReadPullRequest(), within=within), event)


def _begin_at(decided: Transition, event: RetryRequested) -> Transition:
    """Its effects are planned for the moment that the event names."""
    return Transition(decided.record.plan(decided.effects, event.not_before)) if event.not_before else decided


def _taken_up(record: InFlightRecord, event: RetryRequested) -> InFlightRecord:
    """With all budgets; what stops it again is said again, and it waits anew."""
    over = ("block:", "reminded", FORGOTTEN)
    handled = tuple(mark for mark in record.handled if not mark.startswith(over))
    asked = record.clarification and record.clarification.model_copy(update={"round": 0})
    noted = record.note(event.at, "person", f"{event.by or 'A person'} took it up again.", event.reason)
    return noted.but(
        block=None,
        returns=0,
        attempt=0,
        interruptions=0,
        round=0,
        conflict_rounds=0,
        refused=None,
        clarification=asked,
        handled=handled,
        opinions=tuple(map(overruled, record.opinions)),
    )


def raise_budget(record: InFlightRecord, event: BudgetRaised, config: FactoryConfig) -> Transition | None:
    """A person allows it more, from the next run on."""
    return _raised(record, event, config).stay() if event.allowed else _refuse_budget(record, event)


def raise_and_ask_for_room(record: InFlightRecord, event: BudgetRaised, config: FactoryConfig) -> Transition | None:
    """A person allows it more: it may be what it waits for."""
    if not event.allowed:
        return _refuse_budget(record, event)
    known = _raised(record, event, config)
    return known.to(State.QUEUED, event.at, *known.once(TakeSlot()), within=timedelta(hours=1), waits_for="")


def raise_and_go_on(record: InFlightRecord, event: BudgetRaised, config: FactoryConfig) -> Transition | None:
    """A person allows it more; where that was what stopped it, it is taken up again."""
    if not event.allowed or record.block is None or record.block.reason != "budget-item":
        return raise_budget(record, event, config)
    again = RetryRequested(id=event.id, work_item_id=event.work_item_id, at=event.at, by=event.by)
    return _taken_up(_raised(record, event, config), again).to(State.TRIAGING, event.at, TriageItem())


def _raised(record: InFlightRecord, event: BudgetRaised, config: FactoryConfig) -> InFlightRecord:
    more, who = budget.raise_to(record, event.usd, config), event.by[:200] or "A person"
    handled = tuple(mark for mark in record.handled if not budget.is_said_of_day(mark))
    return more.note(event.at, "person", f"{who} raised its budget: ${budget.limit(more, config):.2f}.").but(
        handled=handled
    )


def _refuse_budget(record: InFlightRecord, event: BudgetRaised) -> Transition | None:
    """Said once for each item."""
    if "budget-kept" in record.handled:
        return None
    noted = record.note(event.at, "person", f"{event.by[:200]} may not raise its budget.").handle("budget-kept")
    return noted.stay(PostComment(body=comments.BUDGET_KEPT))


def reopen(record: InFlightRecord, at: datetime) -> Transition:
    """A person put an ended item back to ready: a new life under a new branch; only its history stays."""
    fresh = InFlightRecord(
        work_item_id=record.work_item_id, version=record.version, born=record.born, applied=record.applied,
        outbox=record.outbox, planned=record.planned, lease=record.lease, item=record.item, spent=record.spent,
        state=record.state, since=record.since, log=record.log, generation=record.generation + 1,
        session_id=record.session_id, spending=record.spending, opinions=record.opinions,
        handled=tuple(filter(budget.is_said_of_day, record.handled)),
    )  # fmt: skip
    return fresh.note(at, "person", "Reopened.").to(State.TRIAGING, at, TriageItem())


def forget(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition | None:
    """Kept long enough; what is forgotten already needs no new record for that.

    Who was away for longer than that looks first at what happened meanwhile: the ticket of what is forgotten is new.
    """
    if not record.version:
        return None
    if record.deadline and event.at - record.deadline > FORGET_AGAIN:
        return record.to(record.state, event.at, within=FORGET_AGAIN)
    is_gone = record.ended_because == TICKET_GONE
    return record.to(record.state, event.at, *record.once(ForgetItem(wholly=is_gone)), within=FORGET_AGAIN)


def forget_wholly(record: InFlightRecord, event: ForgetRequested, config: FactoryConfig) -> Transition | None:
    """A person asks for it: at once, with what it has spent."""
    if not record.version:
        return None
    order = ForgetItem(wholly=True)
    return record.without(ForgetItem).to(record.state, event.at, order, within=FORGET_AGAIN)


def stop_late_agent(record: InFlightRecord, event: AgentStarted, config: FactoryConfig) -> Transition:
    """The start was under way when the item was taken back."""
    return record.stay(StopAgent(run_id=event.run.run_id))


def close_late_thread(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """The question was being asked when the item was taken back."""
    return record.stay(CloseThread(thread_id=event.thread_id))


def block_or_note(record: InFlightRecord, event: EffectFailed, config: FactoryConfig) -> Transition:
    """What the work depends on stops it, and its agent; what was only to be said is noted and passed over.

    So is a question that was answered elsewhere while nobody could ask it.
    """
    if event.effect in SPEAKING or (event.effect == "ask_question" and record.state is not State.WAITING):
        return note_failure(record, event, config)
    runs = [event.run_id] if event.run_id else live_runs(record)
    why = f"{event.effect.replace('_', ' ')} did not work: {event.why}"
    if event.provider and event.planned:
        return _block_by_outage(record, event, event.planned, why, config, *(StopAgent(run_id=run) for run in runs))
    lifts = event.effect in {"read_pull_request", "merge_pull_request", "update_branch", "enqueue_pull_request"}
    reason = Block(reason="effect-failed", why=why, fix=event.fix, gate_lifts=lifts)
    return block(record, event.at, reason, config, *(StopAgent(run_id=run) for run in runs))


def _block_by_outage(
    record: InFlightRecord, event: EffectFailed, failed: Planned, why: str, config: FactoryConfig, *stops: Effect
) -> Transition:
    """A person is told, and what the vendor did not do is tried for as long as that lasts.

    What is tried asks that very vendor: the order that failed, under its key, so that a question is asked once; in
    review, a fresh look at the pull request, where the code host was away; before the work, another triage, which asks
    the one that was. Whose agent could not be started goes on by itself a few times only: each time may cost a run.
    """
    orders, kind = tuple[Effect, ...](), ""
    in_review, at_host = record.state in REVIEW, event.provider == config.output_target
    if record.state is State.WAITING or (in_review and not at_host):
        back = State.IN_REVIEW if in_review else State.WAITING
        kind, record = failed.effect.kind, record.but(outbox=(*record.outbox, failed))
    elif in_review:
        order = failed.effect if isinstance(failed.effect, OpenPullRequest) else ReadPullRequest()
        back, kind, orders = State.IN_REVIEW, order.kind, (order,)
    elif record.returns < MOST_RETURNS:
        back, kind, orders = State.TRIAGING, "triage_item", (TriageItem(),)
    else:
        back = State.TRIAGING
    reason = Block(
        reason="vendor-outage", why=f"{why}.{' It goes on by itself when that answers.' if kind else ''}",
        fix=comments.retry_fix(record), gate_lifts=back in REVIEW, provider=event.provider, order=kind, back_to=back,
    )  # fmt: skip
    decided = block(record, event.at, reason, config, *stops)
    return Transition(decided.record, (*decided.effects, *orders))  # they come after the slot is given back


def answered(record: InFlightRecord, planned: Planned, at: datetime, config: FactoryConfig) -> InFlightRecord:
    """What the outage of a vendor had blocked is back where it was, once the vendor answers what was still tried.

    What comes of `planned`, which is no longer in the outbox, is decided there.
    """
    stopped = record.block if record.state is State.BLOCKED else None
    if stopped is None or stopped.order != planned.effect.kind:
        return record
    noted = record.note(at, "factory", "The vendor answers again: goes on.")
    returns = record.returns + (stopped.back_to is State.TRIAGING)
    return _back(noted.but(block=None, returns=returns), stopped, at, config)


def _back(record: InFlightRecord, stopped: Block, at: datetime, config: FactoryConfig) -> InFlightRecord:
    """Where it stood before the outage; if it is blocked for that again, that is said again."""
    handled, asked = tuple(mark for mark in record.handled if not mark.startswith("block:")), record.clarification
    limits = {State.IN_REVIEW: config.runner.review_check_every, State.WAITING: config.clarification.remind_after}
    if asked and stopped.back_to is State.WAITING:
        record = record.but(clarification=asked.model_copy(update={"asked_at": at, "step": "asked"}))
    back = stopped.back_to or State.TRIAGING
    return record.to(back, at, within=limits.get(back), handled=handled).record


def outgrown(record: InFlightRecord, at: datetime, why: str) -> tuple[InFlightRecord, EffectFailed]:
    """What the store takes of a record that has become too large for it, and the event that says so to a person."""
    kept = {kind.model_fields["kind"].default for kind in (StartAgent, LinkPullRequest)}
    small = record.shrunk(LASTING | kept | {record.block.order if record.block else ""})
    event = EffectFailed(
        id=f"outgrown:{record.version}",
        work_item_id=record.work_item_id,
        at=at,
        effect="save_record",
        why=f"{why}. Its history and what people wrote to the factory are dropped; branch and pull request stay.",
        fix=comments.retry_fix(record),
    )
    return small, event


def note_failure(record: InFlightRecord, event: EffectFailed, config: FactoryConfig) -> Transition:
    """Only a pull request that the code host may still merge by itself is said on the ticket, whatever became of it."""
    words = f"Passed over: {event.effect.replace('_', ' ')} did not work: {event.why}"
    armed = event.effect == "disable_auto_merge"
    said = (PostComment(body=comments.still_armed(event.why, event.fix)),) if armed else ()
    return record.note(event.at, "factory", words).stay(*said)


def lasting(record: InFlightRecord, *more: type[Any]) -> tuple[Planned, ...]:
    """What of the outbox is still to be done when the item ends."""
    return tuple(one for one in record.outbox if one.effect.kind in LASTING or isinstance(one.effect, more))


def live_runs(record: InFlightRecord) -> list[str]:
    """The runs that may be alive: those whose start is planned, for it may be under way, and the one at work."""
    at_work = record.run if record.state in {State.DISPATCHING, State.RUNNING} else None
    return list(dict.fromkeys((*_planned_runs(record), *([at_work.run_id] if at_work else []))))


def _planned_runs(record: InFlightRecord) -> list[str]:
    return [planned.run_id for planned in record.outbox if isinstance(planned.effect, StartAgent)]


def _leave_thread(record: InFlightRecord, words: str) -> list[Effect]:
    thread = record.clarification.thread_id if record.clarification else ""
    outside = _thread_outside(record)
    notice: list[Effect] = [PostReply(thread_id=outside, text=words)] if outside else []
    return [*notice, CloseThread(thread_id=thread)] if thread else []


def _thread_outside(record: InFlightRecord) -> str:
    """Where notices go; an agent session shows by itself what became of the item."""
    asked = record.clarification
    return asked.thread_id if asked and not asked.in_session else ""
