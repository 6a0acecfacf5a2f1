"""Who may run now, and who stands in line. A slot is taken, moved and released by the item that holds it.

`running` slots count against `capacity.agents` and `perRepository`. Each will want a place in the review column later,
so nothing starts for which that (`perState: in-review`) has none left. The line is served by priority (1 first, 0
last), then by age; one full repository holds up only its own, and so does an engine that cannot work (see circuit.py).
A slot is given with the money that its run may cost (see spending.py), and with none that the day does not have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from math import log
from typing import NamedTuple

from ..config import Budget, Capacity, FactoryConfig
from . import circuit
from .batch import Batch, Circuit, QueueEntry, Slot
from .spending import LEAST, Grant, next_day


class Limits(NamedTuple):
    capacity: Capacity
    budget: Budget = Budget()

    @classmethod
    def of(cls, config: FactoryConfig) -> Limits:
        return cls(config.capacity, config.budget)


class Served(NamedTuple):
    """The batch after a change, and the items that got a slot by it."""

    batch: Batch
    granted: tuple[str, ...]


def take(batch: Batch, entry: QueueEntry, limits: Limits, now: datetime) -> Served:
    """Stand in line (keeping the place if already there), then serve the line. Asking twice for one run changes
    nothing."""
    held, account = batch.slots.get(entry.work_item_id), batch.spending.accounts.get(entry.work_item_id)
    if held and held.state == "running":
        if account and account.run == entry.asks.run:
            return Served(batch, (entry.work_item_id,))
        batch = _without_slot(batch, entry.work_item_id)  # for its next run it needs another grant
    waiting = next((other for other in batch.queue if other.work_item_id == entry.work_item_id), None)
    before = waiting or (held if held and held.state == "running" else None)
    mine = entry.model_copy(update={"since": before.since}) if before else entry
    others = tuple(other for other in batch.queue if other.work_item_id != entry.work_item_id)
    return serve(batch.model_copy(update={"queue": (*others, mine)}), limits, now)


def settle(
    batch: Batch, item: str, spent: Grant, reserved: Decimal, now: datetime, until: datetime | None, *, waits: bool
) -> Batch:
    """Count what the item has spent, and reserve what its runs may still spend. `waits`: a grant that it has not used
    yet stays reserved, too."""
    account, slot = batch.spending.accounts.get(item), batch.slots.get(item)
    unused = waits and account and account.run == spent.run and slot and slot.state == "running"
    open_now = reserved + (account.cap if account and unused else Decimal(0))
    spending = batch.spending.settled(item, spent.counted, open_now, now, until)
    return batch if spending is batch.spending else batch.model_copy(update={"spending": spending})


def give_back(batch: Batch, entry: QueueEntry, fault: Circuit, limits: Limits, now: datetime) -> Served:
    """The item's run ended by a fault: it stands in line again where it stood, and its engine is paused."""
    item = entry.work_item_id
    held = batch.slots.get(item)
    others = tuple(other for other in batch.queue if other.work_item_id != item)
    mine = entry.model_copy(update={"since": held.since}) if held else entry
    paused = circuit.opened(batch, item, fault, now)
    freed = _without_slot(paused, item)
    return serve(freed.model_copy(update={"queue": (*others, mine)}), limits, now)


def resume(batch: Batch, item: str, engine: str, host: str, limits: Limits, now: datetime) -> Served:
    """The item's run shows that the engine works there: the line is served."""
    worked = circuit.closed(batch, item, engine, host)
    return Served(batch, ()) if worked is batch else serve(worked, limits, now)


def to_review(batch: Batch, item: str, limits: Limits, now: datetime) -> Served:
    """The item's agent is done: its slot moves to the review column, and the line is served."""
    slot = batch.slots.get(item)
    if slot is None or slot.state == "in-review":
        return Served(batch, ())
    moved = slot.model_copy(update={"state": "in-review", "since": now})
    return serve(batch.model_copy(update={"slots": {**batch.slots, item: moved}}), limits, now)


def release(batch: Batch, item: str, limits: Limits, now: datetime) -> Served:
    """The item needs neither slot nor place in line any more."""
    if item not in batch.slots and all(entry.work_item_id != item for entry in batch.queue):
        return Served(batch, ())
    queue = tuple(entry for entry in batch.queue if entry.work_item_id != item)
    return serve(_without_slot(batch, item).model_copy(update={"queue": queue}), limits, now)


def why_waiting(batch: Batch, entry: QueueEntry, limits: Limits, now: datetime) -> str:
    """In words, what holds this item up: its engine, or which limit; empty when nothing does."""
    paused = circuit.why_paused(batch, entry.engine, now)
    if paused:
        return paused
    return _why_no_place(batch, entry, limits.capacity) or why_no_money(batch, entry, limits.budget, now)


def holds_up(batch: Batch, limits: Limits, now: datetime) -> tuple[str, ...]:
    """The items in review that somebody in line waits for, who could start if one of them left."""
    if len(batch.slots) < limits.capacity.per_state.get("in-review", len(batch.slots) + 1):
        return ()
    places = {state: most for state, most in limits.capacity.per_state.items() if state != "in-review"}
    roomy = limits._replace(capacity=limits.capacity.model_copy(update={"per_state": places}))
    waits = any(
        why_waiting(batch, entry, limits, now) and not why_waiting(batch, entry, roomy, now) for entry in batch.queue
    )
    return tuple(item for item, slot in batch.slots.items() if slot.state == "in-review") if waits else ()


def recheck_number(since: datetime, now: datetime) -> int:
    """How often an item that holds up others was due for a look since then: after a minute, and ever less often."""
    minutes = (now - since) / timedelta(minutes=1)
    return 0 if minutes < 1 else 1 + int(log(minutes, 1.25))


def why_no_money(batch: Batch, entry: QueueEntry, budget: Budget, now: datetime) -> str:
    """In words, which end of spending holds this item up."""
    today = batch.spending.at(now)
    if today.is_full(budget, now):
        return f"{today.starts} runs started in this hour, as many as may; more of them at {_next_hour(now):%H:%M} UTC"
    if today.cap(entry.asks, budget, now) is None:
        used = f"${today.usd:.2f} spent and ${today.reserved:.2f} reserved of ${budget.daily:.2f}"
        return f"today's budget is used: {used}; the next day begins at 00:00 UTC"
    return ""


def why_no_opinion(batch: Batch, engine: str, asks: Grant, config: FactoryConfig, now: datetime) -> str:
    """In words, why no model is asked now; empty when one is."""
    paused, today, rules = circuit.why_paused(batch, engine, now), batch.spending.at(now), config.triage
    if paused:
        return paused
    if today.opinions >= rules.max_per_day:
        return f"triage has asked {today.opinions} times today, as often as it may"
    if asks.usd < Decimal(str(rules.max_usd)) / LEAST or today.cap(asks, config.budget, now) is None:
        return "too little is left of its budget, or of today's"
    return ""


def waits_for_day(batch: Batch, entry: QueueEntry, limits: Limits, now: datetime) -> datetime | None:
    """When the next day's budget begins, where nothing else holds this item up."""
    places = circuit.why_paused(batch, entry.engine, now) or _why_no_place(batch, entry, limits.capacity)
    today = batch.spending.at(now)
    if places or today.is_full(limits.budget, now) or today.cap(entry.asks, limits.budget, now) is not None:
        return None
    return next_day(now)


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _why_no_place(batch: Batch, entry: QueueEntry, limits: Capacity) -> str:
    running = [slot for slot in batch.slots.values() if slot.state == "running"]
    here = sum(slot.repository == entry.repository for slot in running)
    most_running = min(limits.agents, limits.per_state.get("running", limits.agents))
    if len(running) >= most_running:
        return f"{len(running)} of {most_running} agents are busy"
    if here >= limits.per_repository:
        return f"{entry.repository} already has {here} of {limits.per_repository} running"
    places = limits.per_state.get("in-review")
    if places is not None and len(batch.slots) >= places and entry.work_item_id not in batch.slots:
        return f"{len(running)} running and {len(batch.slots) - len(running)} in review, of {places} places for review"
    return ""


def serve(batch: Batch, limits: Limits, now: datetime) -> Served:
    """Each grant may make room for one who came before: an item that goes back to work leaves the review column."""
    granted: list[str] = []
    while entry := _first_with_room(batch, limits, now):
        item, cap = entry.work_item_id, batch.spending.cap(entry.asks, limits.budget, now)
        assert cap is not None, "why_waiting() has asked"
        slot = Slot(repository=entry.repository, state="running", since=now)
        rest = tuple(other for other in batch.queue if other is not entry)
        spending = batch.spending.granted(item, entry.asks, cap, now)
        changes = {"slots": {**batch.slots, item: slot}, "queue": rest, "spending": spending}
        batch = batch.model_copy(update=changes)
        batch = circuit.probed_by(batch, entry.work_item_id, entry.engine)
        granted.append(entry.work_item_id)
    return Served(batch, tuple(granted))


def _without_slot(batch: Batch, item: str) -> Batch:
    return batch.model_copy(update={"slots": {other: slot for other, slot in batch.slots.items() if other != item}})


def _first_with_room(batch: Batch, limits: Limits, now: datetime) -> QueueEntry | None:
    line = sorted(batch.queue, key=lambda entry: _place(batch, entry))
    return next((entry for entry in line if not why_waiting(batch, entry, limits, now)), None)


def _place(batch: Batch, entry: QueueEntry) -> tuple[bool, int, datetime, str]:
    """By priority, then by age; whom a fault stopped last lets another one be the next probe."""
    tried = circuit.was_tried(batch, entry.work_item_id)
    return tried, entry.priority or 9, entry.since, entry.work_item_id
