"""What becomes of an effect that did not work: tried again later, or, when that is hopeless, the machine decides.

What waits for a credential is tried again and again, and costs nothing: whose failure that is, is no ticket's matter.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..config import FactoryConfig, Runner
from ..dispatch.effects import NEVER_GIVEN_UP, Planned, StartAgent
from ..dispatch.ending import answered
from ..dispatch.events import EffectFailed
from ..dispatch.records import InFlightRecord, State, short
from ..dispatch.transitions import decide
from ..errors import ConnectionLost, OwnFault, Problem, Retryable, VendorPaused, VendorUnavailable

LONGEST_SPREAD = timedelta(minutes=10)
LEAST_ATTEMPTS = 8  # two minutes: a clock that is ahead, or a machine that slept, is no outage
SOONEST, LATEST = timedelta(seconds=5), timedelta(seconds=60)  # between two tries of what waits for a credential


def after_problem(
    record: InFlightRecord, planned: Planned, problem: Problem, now: datetime, config: FactoryConfig
) -> InFlightRecord:
    """Hopeless is what the vendor says is, what our own fault broke `max_attempts` times, and what no vendor's
    recovery has mended in `give_up_after`: an outage of an hour parks nothing. What must be undone has no such limit,
    nor what an outage has blocked already: that is tried until the vendor answers.

    What is not planned any more was taken back by the machine itself, and its failure is nobody's matter.
    """
    if all(known.key != planned.key for known in record.outbox):
        return record
    if isinstance(problem, ConnectionLost):
        return _replaced(record, _waiting(planned, problem, now))
    tried = _tried(planned, problem, now, config.runner)
    poison = is_poison(tried, config.runner)
    lasts = planned.effect.kind in NEVER_GIVEN_UP or _waits_for_vendor(record, planned)
    if problem.retryable and not poison and (lasts or not _is_overdue(tried, now, config.runner)):
        return _replaced(record, tried)
    outage = "" if poison or not problem.retryable else _vendor(problem)
    began = f":{tried.failing_since:%Y%m%dT%H%M%S}" if outage else ""  # the same order may meet another outage
    failed = EffectFailed(
        id=f"{planned.key}:failed{began}",
        work_item_id=record.work_item_id,
        at=now,
        effect=planned.effect.kind,
        run_id=planned.run_id if isinstance(planned.effect, StartAgent) else "",
        why=f"{problem.what}: {problem.why}"[:500],
        fix=problem.fix,
        provider=outage,
        planned=tried.model_copy(update={"failing_since": None}) if outage else None,
    )
    settled = answered(record.settle(planned.key), planned, now, config)
    return decide(settled, failed, config) or settled


def _replaced(record: InFlightRecord, changed: Planned) -> InFlightRecord:
    return record.but(outbox=tuple(changed if known.key == changed.key else known for known in record.outbox))


def is_poison(planned: Planned, rules: Runner) -> bool:
    """Did it break by a fault of ours, or kill its worker, each time?"""
    return planned.faults >= rules.max_attempts


def _waits_for_vendor(record: InFlightRecord, planned: Planned) -> bool:
    """Is it what an outage has blocked, and still tried?"""
    return record.state is State.BLOCKED and record.block is not None and record.block.order == planned.effect.kind


def is_answer(outcome: object) -> bool:
    """Does it show that the vendor was there? A limit of calls and a refused credential do."""
    if isinstance(outcome, VendorUnavailable):
        return outcome.limited
    return isinstance(outcome, ConnectionLost) or not isinstance(outcome, Retryable)


def _vendor(problem: Problem) -> str:
    """The vendor that does not answer; empty where what fails is no vendor's."""
    return problem.provider if isinstance(problem, VendorUnavailable) else ""


def _is_overdue(planned: Planned, now: datetime, rules: Runner) -> bool:
    tried = planned.attempts >= LEAST_ATTEMPTS
    return tried and planned.failing_since is not None and now - planned.failing_since >= rules.give_up_after


def _tried(planned: Planned, problem: Problem, now: datetime, rules: Runner) -> Planned:
    """With one more attempt on record, unless the vendor was not called, and when the next may be."""
    attempts = planned.attempts + (not isinstance(problem, VendorPaused))
    changes = {
        "attempts": attempts,
        "faults": planned.faults + 1 if isinstance(problem, OwnFault) else 0,  # an answer, be it a refusal, is no death
        "failing_since": planned.failing_since or now,
        "silent_since": None if is_answer(problem) else planned.silent_since or now,
        "not_before": now + _delay(planned, problem, attempts, now, rules),
        "why": problem.why[:300],
        "vendor": _vendor(problem),
        "lost": "",
        "lost_since": None,
    }
    return planned.model_copy(update=changes)


def _waiting(planned: Planned, problem: ConnectionLost, now: datetime) -> Planned:
    """Waiting for a credential. The vendor answered, so an outage that was counted before is over.

    When it is tried again is spread by its key: what waits for one vendor does not go on all at once.
    """
    since = planned.lost_since or now
    pause = min(max((now - since) / 4, SOONEST), LATEST) * (1 + _share(planned)) / 2
    changes = {
        "lost": problem.provider, "lost_since": since, "failing_since": None,
        "silent_since": None, "not_before": now + pause, "why": problem.why[:300],
    }  # fmt: skip
    return planned.model_copy(update=changes)


def _delay(planned: Planned, problem: Problem, attempts: int, now: datetime, rules: Runner) -> timedelta:
    """The vendor's own delay, or ours: doubling, up to a limit. For a vendor it is no longer than a quarter of the time
    that it has been away for, so that work goes on soon after the vendor does. Up to half of it is added, another part
    for each order: what a vendor held up does not go on all at once."""
    doubled: timedelta = rules.first_delay * 2 ** min(attempts - 1, 20)
    pause = wanted_pause(problem, rules) or min(doubled, rules.longest_delay)
    if isinstance(problem, VendorUnavailable) and problem.after is None:
        away = now - (planned.failing_since or now)
        pause = min(pause, max(away / 4, rules.first_delay))
    return pause + min(pause, LONGEST_SPREAD) * _share(planned, attempts) / 2


def _share(planned: Planned, attempt: int = 0) -> float:
    """A number from 0 to 1 that is the order's own, and another one at each attempt."""
    return int(short(f"{planned.key}:{attempt}" if attempt else planned.key), 16) / 16**12


def wanted_pause(problem: Problem, rules: Runner) -> timedelta | None:
    """What the vendor asks for: at least our own shortest, and no longer than it takes until a person is called."""
    after: float | None = getattr(problem, "after", None)
    if after is None:
        return None
    return max(rules.first_delay, timedelta(seconds=min(after, rules.give_up_after.total_seconds())))
