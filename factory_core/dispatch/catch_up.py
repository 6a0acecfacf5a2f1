"""The looks that follow a gap: in which order, how many at once, and when all have had theirs. Pure.

Each sort of look goes round a list of its own. A gap that is noticed while looks are under way begins no round anew:
each goes on from where it is, once round. So a process that is killed every few seconds gets round all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from .batch import CatchUp, DeliveryGap, Lap
from .records import State

THREADS: Mapping[str, State] = {f"threads {state}": state for state in (State.WAITING, State.BLOCKED, State.FAILED)}
"""Looks at the threads of the items in one state."""

ORDER: tuple[str, ...] = (
    State.IN_REVIEW, State.MERGING,
    "threads waiting-clarification", "threads blocked",
    "ready", State.WAITING, State.BLOCKED, State.QUEUED,
    State.DISPATCHING, State.RUNNING, "begun",
    "deliveries", "dead-letters", "feed", "threads failed",
)  # fmt: skip
"""What others wait for comes first: a review holds a place. A state stands for its items, any other name for a list of
the search for missed events. Together they show all that the search does."""

MINUTE = timedelta(minutes=1)
AGAIN = timedelta(seconds=30)  # after a look that did not work
LONGEST_PAUSE = timedelta(days=2)  # that a vendor may ask for; what is later was set by a wrong clock


def begin(known: CatchUp | None, gap: DeliveryGap, now: datetime) -> CatchUp:
    """All looks are due, each sort once round from where it is."""
    if known is None or not known.laps:
        paid_until = known.paid_until if known and now < known.paid_until < now + 2 * MINUTE else now
        return CatchUp(gap=gap, began=now, paid_until=paid_until, laps={sort: Lap() for sort in ORDER})
    laps = {sort: _once_round(known.laps.get(sort, Lap())) for sort in ORDER}
    return known.model_copy(update={"gap": gap, "laps": laps})


def joined(known: DeliveryGap | None, new: DeliveryGap) -> DeliveryGap:
    """Both as one."""
    if known is None:
        return new
    since = None if known.since is None or new.since is None else min(known.since, new.since)
    return new.model_copy(update={"since": since})


def allowed(state: CatchUp, per_minute: int, now: datetime) -> int:
    """How many looks are due now: at most those of one minute, however long ago the last ones were."""
    behind = now - _paid_until(state, per_minute, now)
    return 0 if behind < timedelta(0) else min(int(behind * per_minute / MINUTE) + 1, per_minute)


def paid(state: CatchUp, looks: int, per_minute: int, now: datetime) -> CatchUp:
    """With so many looks more."""
    paid_until = _paid_until(state, per_minute, now) + min(looks, per_minute) * MINUTE / per_minute
    return state.model_copy(update={"looks": state.looks + looks, "paid_until": paid_until})


def _paid_until(state: CatchUp, per_minute: int, now: datetime) -> datetime:
    """No more than one minute is saved up; and when a clock was put back, nobody waits until it has caught up."""
    saved = MINUTE * (per_minute - 1) / per_minute  # the look of this moment is the last of the minute
    return max(state.paid_until, now - saved) if state.paid_until < now + 2 * MINUTE else now


def next_sort(state: CatchUp, now: datetime) -> str | None:
    """Whose turn it is: the first of the order. After a minute every other look is for one of the rest in turn, for a
    gap that comes again and again may keep the first from ever being over."""
    open_now = [sort for sort in ORDER if (lap := state.laps.get(sort)) and not _waits(lap, now)]
    if len(open_now) > 1 and state.looks % 2 and now - state.began > MINUTE:
        return open_now[1 + state.looks // 2 % (len(open_now) - 1)]
    return open_now[0] if open_now else None


def moved(state: CatchUp, sort: str, lap: Lap | None) -> CatchUp:
    """With this lap as it is now; None: it is over."""
    laps = {**state.laps, sort: lap} if lap else {other: one for other, one in state.laps.items() if other != sort}
    return state.model_copy(update={"laps": laps})


def step(lap: Lap, listed: str | None) -> tuple[Lap | None, str | None]:
    """The lap after its list gave what comes behind its place, and what is to be looked at; None for nothing."""
    if listed is None:
        if lap.wrapped or not lap.ends:
            return None, None
        return lap.model_copy(update={"place": "", "wrapped": True}), None
    if lap.wrapped and listed > lap.ends:
        return None, None
    return lap.model_copy(update={"place": listed, "not_before": None}), listed


def postponed(lap: Lap, until: datetime) -> Lap:
    """It did not work: once more from the same place, a while later."""
    return lap.model_copy(update={"not_before": until})


def _once_round(lap: Lap) -> Lap:
    return Lap(place=lap.place, ends=lap.place, not_before=lap.not_before)


def _waits(lap: Lap, now: datetime) -> bool:
    return lap.not_before is not None and now < lap.not_before <= now + LONGEST_PAUSE
