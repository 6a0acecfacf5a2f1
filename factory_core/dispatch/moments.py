"""Moments that a clock set while it was wrong are corrected where they are read. Pure.

A clock may be ahead by weeks for half a minute, and be right again. What happened cannot lie in the future, and what
is to come lies no further away than the longest rule that could have set it: whatever does is brought back, so that
the item is looked at in time. Two clocks may differ by SKEW without either being wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from ..config import FactoryConfig, Workers
from ..runs.queued_run import GRACE, QueuedRun
from ..work_item import StoredModel
from .batch import Batch, CatchUp, Circuit
from .budget import REMEMBERED
from .circuit import LONGEST_RESET
from .effects import Planned
from .ending import FORGET_AGAIN, KEEP_THREAD
from .merging import MERGE_WITHIN
from .opinions import ANSWER_WITHIN
from .records import Clarification, InFlightRecord, State
from .refusal import RefusedMerge
from .running import LOOK_EVERY, TRY_CONNECTION
from .session import REFRESH
from .spending import Account

SKEW = timedelta(minutes=5)
DAY = timedelta(days=1)

V = TypeVar("V", bound=StoredModel)


def longest_wait(record: InFlightRecord, config: FactoryConfig) -> timedelta:
    """How far the deadline of this state may lie ahead when it is set."""
    agents, rules, runner, asked = config.agents, config.clarification, config.runner, record.clarification
    match record.state:
        case State.TRIAGING:
            return ANSWER_WITHIN
        case State.WAITING:
            steps = {"asked": rules.remind_after, "reminded": rules.escalate_after, "escalated": rules.give_up_after}
            return max(steps[asked.step] if asked else rules.give_up_after, timedelta(minutes=1))
        case State.DISPATCHING:
            return max(agents.start_within + max(agents.cooldown, TRY_CONNECTION), LOOK_EVERY)
        case State.RUNNING:
            return max(agents.start_within, LOOK_EVERY)
        case State.IN_REVIEW | State.MERGING:
            return max(runner.review_check_every, MERGE_WITHIN)
        case State.BLOCKED:
            return runner.remind_blocked_after or DAY
        case State.DONE | State.CANCELLED:
            return max(runner.keep_finished, FORGET_AGAIN)
        case State.FAILED:
            return KEEP_THREAD
        case State.NEW:
            return max(runner.keep_finished, REMEMBERED + DAY)
    return DAY  # in line until the next day's budget at the most


def bounded(record: InFlightRecord, now: datetime, config: FactoryConfig) -> InFlightRecord:
    """The record without moments that only a wrong clock can have set; the very same where there are none."""
    runner = config.runner
    since = _happened(record.since, now)
    paused = (
        min(record.paused, max(now - since, timedelta(0))) if since and since is not record.since else record.paused
    )
    deadline, wait = record.deadline, longest_wait(record, config)
    if _is_beyond(deadline, now + wait):
        deadline = max(now, min((since or now) + paused, now) + wait)
    changes: dict[str, Any] = {
        "since": since,
        "paused": paused,
        "deadline": deadline,
        "refresh_at": now if _is_beyond(record.refresh_at, now + REFRESH) else record.refresh_at,
        "lease": _changed(record.lease, until=_to_come(record.lease.until, now + runner.lease)),
        "outbox": tuple(_planned(planned, now, config) for planned in record.outbox),
        "clarification": record.clarification and _asked(record.clarification, now),
        "run": record.run and _changed(record.run, started_at=_happened(record.run.started_at, now)),
        "refused": record.refused and _refused(record.refused, now, config),
    }
    if all(_same(getattr(record, name), value) for name, value in changes.items()):
        return record if not _is_beyond(record.wake_at, now + _furthest(config)) else record.scheduled(now)
    return record.but(**changes).scheduled(now)


def bounded_batch(batch: Batch, now: datetime, config: FactoryConfig) -> Batch:
    """The same for the tenant's batch. When the last search began, and when a lost connection was seen last, are
    compared without their sign."""
    reserved_until = now + config.agents.max_duration + DAY
    changes: dict[str, Any] = {
        "slots": {item: _changed(slot, since=_happened(slot.since, now)) for item, slot in batch.slots.items()},
        "queue": tuple(_changed(entry, since=_happened(entry.since, now)) for entry in batch.queue),
        "lost": {name: _changed(one, since=_happened(one.since, now)) for name, one in batch.lost.items()},
        "catch_up": batch.catch_up and _catch_up(batch.catch_up, now),
        "circuits": {name: _circuit(one, now) for name, one in batch.circuits.items()},
        "sweep": _changed(
            batch.sweep,
            not_before={
                name: moment
                for name, moment in batch.sweep.not_before.items()
                if not _is_beyond(moment, now + config.runner.give_up_after)
            },
        ),
        "spending": _changed(
            batch.spending,
            accounts={item: _account(one, reserved_until) for item, one in batch.spending.accounts.items()},
        ),
    }
    return batch if all(getattr(batch, name) == value for name, value in changes.items()) else _but(batch, changes)


def bounded_run(run: QueuedRun, now: datetime, rules: Workers) -> QueuedRun:
    """The same for a run that waits for a worker, or is with one."""
    cap = run.order.max_duration if run.order else timedelta(0)
    report = run.report
    if report:
        happened = {name: _happened(getattr(report, name), now) for name in REPORTED}
        report = _changed(report, **happened)
    changes: dict[str, Any] = {
        "queued_at": _happened(run.queued_at, now),
        "until": _to_come(run.until, now + max(rules.lease, rules.confirm_within)),
        "deadline": _to_come(run.deadline, now + cap + GRACE),
        "report": report,
    }
    return run if all(_same(getattr(run, name), value) for name, value in changes.items()) else _but(run, changes)


REPORTED = ("started_at", "ended_at", "alive_at", "progress_at")
"""Of a report, what our own clock noted."""

TROUBLE = ("failing_since", "silent_since", "lost_since")
"""Of an order, since when it does not work."""


def _planned(planned: Planned, now: datetime, config: FactoryConfig) -> Planned:
    """One that failed by a clock that was ahead is tried at once."""
    runner, since = config.runner, {name: getattr(planned, name) for name in TROUBLE}
    longest = max(runner.give_up_after, runner.longest_delay, config.agents.cooldown, TRY_CONNECTION)
    too_late = _is_beyond(planned.not_before, now + longest)
    if not (too_late or any(_is_beyond(moment, now) for moment in since.values())):
        return planned
    happened = {name: _happened(moment, now) for name, moment in since.items()}
    return planned.model_copy(update={**happened, "not_before": planned.not_before and min(planned.not_before, now)})


def _asked(asked: Clarification, now: datetime) -> Clarification:
    return _changed(asked, asked_at=_happened(asked.asked_at, now))


def _refused(refused: RefusedMerge, now: datetime, config: FactoryConfig) -> RefusedMerge:
    until = refused.until
    if _is_beyond(refused.at, now) or _is_beyond(until, now + max(config.runner.give_up_after, DAY)):
        until = until and min(until, now)
    return _changed(refused, at=_happened(refused.at, now), until=until)


def _circuit(circuit: Circuit, now: datetime) -> Circuit:
    """One that was opened by a clock that was ahead may be probed at once."""
    ahead = _is_beyond(circuit.since, now)
    retry_at = min(circuit.retry_at, now) if ahead else _to_come(circuit.retry_at, now + LONGEST_RESET)
    return _changed(circuit, since=_happened(circuit.since, now), retry_at=retry_at)


def _catch_up(state: CatchUp, now: datetime) -> CatchUp:
    """A list that is read to its end since the gap ended needs no further look."""
    gap = state.gap
    return _changed(
        state,
        began=_happened(state.began, now),
        gap=_changed(gap, since=_happened(gap.since, now), until=_happened(gap.until, now)),
    )


def _account(account: Account, latest: datetime) -> Account:
    return _changed(account, until=_to_come(account.until, latest))


def _furthest(config: FactoryConfig) -> timedelta:
    rules = (config.clarification.give_up_after, config.runner.keep_finished, config.runner.remind_blocked_after)
    return max(*rules, config.runner.review_check_every, KEEP_THREAD, REMEMBERED + DAY)


def _is_beyond(moment: datetime | None, latest: datetime) -> bool:
    return moment is not None and moment > latest + SKEW


def _happened(moment: datetime | None, now: datetime) -> datetime | None:
    return now if _is_beyond(moment, now) else moment


def _to_come(moment: datetime | None, latest: datetime) -> datetime | None:
    return latest if _is_beyond(moment, latest) else moment


def _changed(value: V, **fields: object) -> V:
    return value if all(_same(getattr(value, name), new) for name, new in fields.items()) else _but(value, fields)


def _same(old: object, new: object) -> bool:
    return old is new or old == new


def _but(value: V, changes: dict[str, Any]) -> V:
    return value.model_copy(update=changes)
