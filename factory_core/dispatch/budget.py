"""How much one item may spend, and how often it may run: rules over its record. Pure.

Every run is granted before it starts (`SlotGranted.usd`) and settled when its end is known, whatever became of its item
meanwhile. An engine that names no cost is not free: its run counts `budget.unmeasuredRun`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

from ..config import FactoryConfig
from ..runs.reported import MOST_USD
from ..runs.run import RunReport, RunStatus
from ..work_item import Frozen
from . import comments
from .effects import Effect, MoveSlotToReview, PauseEngine, ReleaseSlot, SettleSpending, StartAgent, TakeSlot
from .events import AgentFinished, BudgetRaised, CommentAdded, Event, ReplyReceived, StartFailed, StartRefused
from .records import Block, InFlightRecord, State, Transition
from .spending import LEAST, ZERO, Grant, ItemSpending, OpenRun, next_day, still_counts

AT_WORK = frozenset({State.DISPATCHING, State.RUNNING})
REMEMBERED = timedelta(days=30)  # after the item's newest run, its spending outlasts its record
SETTLING = (StartAgent, TakeSlot, MoveSlotToReview, ReleaseSlot, PauseEngine)
"""Effects of a run's end by which its cost is counted anyway, at the latest with the slot's next change."""
_RAISE = re.compile(
    r"\s*(?:(?:<@[^<>\s]{1,100}>|@\S{1,100})\s*)?"  # no two runs of spaces beside each other: that takes for ever
    r"raise (?:the |its )?budget to \$? ?(\d{1,7}(?:\.\d{1,2})?)(?: ?USD)?\W*",
    re.I,
)


class Wait(Frozen):
    """Until when the item has to wait, and why."""

    until: datetime
    why: str


def spent(record: InFlightRecord) -> Decimal:
    """What counts as spent by runs that ended."""
    return record.spent.usd + record.spending.estimated


def limit(record: InFlightRecord, config: FactoryConfig) -> Decimal:
    return max(Decimal(str(config.budget.item)), record.spending.limit or ZERO)


def left(record: InFlightRecord, config: FactoryConfig) -> Decimal:
    return max(ZERO, limit(record, config) - spent(record) - record.spending.reserved)


def asked(record: InFlightRecord, config: FactoryConfig) -> Grant:
    """What the item's next run asks of the day. One without an agent costs nothing, whatever is left."""
    usd = ZERO if record.publishes else min(Decimal(str(config.agents.max_usd)), left(record, config))
    return Grant(usd=usd, counted=spent(record), run=record.spending.started)


def asked_for_opinion(record: InFlightRecord, config: FactoryConfig) -> Grant:
    """The same of a question to a model about it."""
    return Grant(usd=min(Decimal(str(config.triage.max_usd)), left(record, config)), counted=spent(record))


def asked_model(record: InFlightRecord, at: datetime) -> InFlightRecord:
    """It has spent on this day, though it had no run."""
    runs = runs_on(record, at)
    day = record.spending.day if still_counts(record.spending.day, at.date()) else at.date()
    return _with(record, day=day, runs=runs)


def exhausted(record: InFlightRecord, config: FactoryConfig) -> Block | None:
    """Why the item starts no run any more."""
    if record.publishes or left(record, config) >= _least(record, config):
        return None
    most, used = limit(record, config), spent(record) + record.spending.reserved
    return Block(
        reason="budget-item",
        why=f"${used:.2f} of this ticket's budget of ${most:.2f} is used, and too little is left for another run",
        fix=comments.raise_fix(record, larger(most), config),
    )


def larger(most: Decimal) -> str:
    """A budget that is worth asking for after this one, as it can be typed: whole dollars of at most seven digits."""
    return f"{min(max(2 * most, Decimal(1)), Decimal(9_999_999)):.0f}"


def wait(record: InFlightRecord, at: datetime, config: FactoryConfig) -> Wait | None:
    """As many runs as a day may have: the next one starts tomorrow."""
    runs, most = runs_on(record, at), config.runs_a_day()
    if record.publishes or runs < most:
        return None
    return Wait(until=next_day(at), why=f"it had {runs} of {most} runs today; the next one may start at 00:00 UTC")


def runs_on(record: InFlightRecord, at: datetime) -> int:
    return record.spending.runs if still_counts(record.spending.day, at.date()) else 0


def goes_on(record: InFlightRecord, at: datetime, config: FactoryConfig) -> bool:
    """Is enough left of its grant for one more try?"""
    cap = record.spending.cap
    return record.publishes or (cap is not None and cap >= _least(record, config) and wait(record, at, config) is None)


def was_cut_short(record: InFlightRecord, report: RunReport, config: FactoryConfig) -> bool:
    """Did the run spend a grant that was smaller than its own cap?"""
    return (
        report.usage.usd > 0 and record.spending.cap == ZERO and report.usage.usd < Decimal(str(config.agents.max_usd))
    )


def started(record: InFlightRecord, at: datetime) -> InFlightRecord:
    """One more run begins."""
    if record.publishes:
        return record
    known, runs = record.spending, runs_on(record, at) + 1
    day = known.day if still_counts(known.day, at.date()) else at.date()
    return _with(record, started=known.started + 1, day=day, runs=runs)


def granted(record: InFlightRecord, usd: Decimal) -> InFlightRecord:
    return _with(record, cap=usd)


def settled(record: InFlightRecord, event: Event, config: FactoryConfig) -> InFlightRecord:
    """With the cost of the run whose end the event tells, in whatever state the item is. Each run is counted once."""
    if isinstance(event, StartRefused):
        return _closed(record, _run(record, event.run_id), event.report, config)
    if isinstance(event, StartFailed):
        return _closed(record, _run(record, event.report.run_id), event.report, config)
    if isinstance(event, AgentFinished):
        run = _run(record, event.report.run_id) or _of_old(record, event.report.run_id, config)
        return _closed(record, run, event.report, config)
    return record


def with_settlement(decided: Transition) -> Transition:
    """The tenant's day counts it too: with the change of the item's slot, where there is one."""
    if any(isinstance(effect, SETTLING) for effect in decided.effects):
        return decided
    settle: tuple[Effect, ...] = decided.record.once(SettleSpending())
    return Transition(decided.record, (*decided.effects, *settle))


def raised(record: InFlightRecord, event: Event, config: FactoryConfig) -> Event:
    """Words that ask for a larger budget, as the event that they are."""
    if not isinstance(event, (CommentAdded, ReplyReceived)):
        return event
    usd = wanted(event.reply.text)
    if usd is None:
        return event
    by, allowed = event.reply.author, event.reply.author in config.budget.may_raise
    return BudgetRaised(id=event.id, work_item_id=event.work_item_id, at=event.at, by=by, usd=usd, allowed=allowed)


def wanted(text: str) -> Decimal | None:
    """The sum in `raise budget to $20`, where the text is just that."""
    found = _RAISE.fullmatch(text)
    return min(Decimal(found[1]), MOST_USD) if found else None


def is_said_of_day(mark: str) -> bool:
    """What was said of a day is not said anew in each life of the item."""
    return mark.startswith("day:")


def raise_to(record: InFlightRecord, usd: Decimal, config: FactoryConfig) -> InFlightRecord:
    """A person allows more: its money, and the runs of a day anew."""
    return _with(record, limit=max(usd, limit(record, config)), runs=0)


def remembrance(record: InFlightRecord, now: datetime) -> InFlightRecord | None:
    """What stays of a record that is forgotten, so that its ticket does not begin with a new budget; None: nothing."""
    day = record.spending.day
    if day is None or now.date() - day >= REMEMBERED:
        return None
    left_open = _with(record, cap=None).spending
    kept = InFlightRecord(
        work_item_id=record.work_item_id, aliases=record.aliases, version=record.version, born=record.born,
        planned=record.planned, lease=record.lease, spent=record.spent, spending=left_open, state=State.NEW,
        item=record.item and record.item.nameless(), handled=tuple(filter(is_said_of_day, record.handled)),
    )  # fmt: skip
    return kept.to(State.NEW, now, within=timedelta(days=(day - now.date()).days) + REMEMBERED).record


def _least(record: InFlightRecord, config: FactoryConfig) -> Decimal:
    return min(Decimal(str(config.agents.max_usd)), limit(record, config)) / LEAST


def _run(record: InFlightRecord, run_id: str) -> OpenRun | None:
    return next((run for run in record.spending.open if run.run_id == run_id), None)


def _closed(
    record: InFlightRecord, run: OpenRun | None, report: RunReport | None, config: FactoryConfig
) -> InFlightRecord:
    if run is None:
        return record
    usage, known = report.usage if report else None, record.spending
    worked = report is not None and _worked(record, report)
    cost = _cost(report, run.usd, config) if report and worked else ZERO
    measured = usage.usd if usage else ZERO
    total = record.spent.plus(usage) if usage else record.spent
    rest = tuple(other for other in known.open if other is not run)
    return _with(
        record.but(spent=total),
        open=rest,
        estimated=known.estimated + cost - measured if cost > measured else known.estimated,
        **({} if run.opinion else _of_try(known, run.usd - max(cost, measured), worked and not _is_faulty(report))),
    )


def _of_try(known: ItemSpending, left_over: Decimal, counts: bool) -> dict[str, object]:
    """What the end of a try at the work changes beside: what is left of its grant, and how many runs the day had."""
    cap = max(ZERO, left_over) if known.cap is not None else None
    return {"cap": cap, "runs": known.runs if counts else max(0, known.runs - 1)}


def _of_old(record: InFlightRecord, run_id: str, config: FactoryConfig) -> OpenRun | None:
    """A run that an older release started, without a grant."""
    live = record.run is not None and record.run.run_id == run_id and record.state in AT_WORK
    old = live and record.spending.started == 0
    return OpenRun(run_id=run_id, usd=Decimal(str(config.agents.max_usd))) if old else None


def _worked(record: InFlightRecord, report: RunReport) -> bool:
    """Did an agent work in it? What ended before that costs nothing."""
    usage, run = report.usage, record.run
    if usage.turns or usage.input_tokens or usage.output_tokens or usage.usd:
        return True
    began = report.started_at or (run and run.run_id == report.run_id and record.state is State.RUNNING)
    return bool(began) and not _is_faulty(report)


def _is_faulty(report: RunReport | None) -> bool:
    """Did something end it that is not the ticket's? Then it was none of its runs of the day, whatever it cost."""
    ended_by_fault = report is not None and report.status in (RunStatus.LIMITED, RunStatus.UNPREPARED)
    return ended_by_fault or bool(report and (report.lost or report.fault))


def _cost(report: RunReport, cap: Decimal, config: FactoryConfig) -> Decimal:
    """What it counts. No cost at all is one that was not measured: an engine that is ended early names none."""
    if report.usage.cost_known and report.usage.usd:
        return report.usage.usd
    return max(report.usage.usd, min(cap, Decimal(str(config.budget.unmeasured_run))))


def _with(record: InFlightRecord, **changes: object) -> InFlightRecord:
    spending: ItemSpending = record.spending.model_copy(update=changes)
    return record.but(spending=spending)
