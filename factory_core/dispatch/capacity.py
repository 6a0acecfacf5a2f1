"""Who may run now, and who stands in line. A slot is taken, moved and released by the item that holds it.

`running` slots count against `capacity.agents` and `perRepository`. Each will want a place in the review column later,
so nothing starts for which that (`perState: in-review`) has none left. The line is served by priority (1 first, 0
last), then by age; one full repository holds up only its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ..config import Capacity
from .batch import Batch, QueueEntry, Slot


class Served(NamedTuple):
    """The batch after a change, and the items that got a slot by it."""

    batch: Batch
    granted: tuple[str, ...]


def take(batch: Batch, entry: QueueEntry, limits: Capacity, now: datetime) -> Served:
    """Stand in line (keeping the place if already there), then serve the line. Asking twice changes nothing."""
    held = batch.slots.get(entry.work_item_id)
    if held and held.state == "running":
        return Served(batch, (entry.work_item_id,))
    waiting = next((other for other in batch.queue if other.work_item_id == entry.work_item_id), None)
    mine = entry.model_copy(update={"since": waiting.since}) if waiting else entry
    others = tuple(other for other in batch.queue if other.work_item_id != entry.work_item_id)
    return _serve(batch.model_copy(update={"queue": (*others, mine)}), limits, now)


def to_review(batch: Batch, item: str, limits: Capacity, now: datetime) -> Served:
    """The item's agent is done: its slot moves to the review column, and the line is served."""
    slot = batch.slots.get(item)
    if slot is None or slot.state == "in-review":
        return Served(batch, ())
    moved = slot.model_copy(update={"state": "in-review", "since": now})
    return _serve(batch.model_copy(update={"slots": {**batch.slots, item: moved}}), limits, now)


def release(batch: Batch, item: str, limits: Capacity, now: datetime) -> Served:
    """The item needs neither slot nor place in line any more."""
    if item not in batch.slots and all(entry.work_item_id != item for entry in batch.queue):
        return Served(batch, ())
    slots = {other: slot for other, slot in batch.slots.items() if other != item}
    queue = tuple(entry for entry in batch.queue if entry.work_item_id != item)
    return _serve(batch.model_copy(update={"slots": slots, "queue": queue}), limits, now)


def why_waiting(batch: Batch, entry: QueueEntry, limits: Capacity) -> str:
    """In words, which limit holds this item up; empty when none does."""
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


def _serve(batch: Batch, limits: Capacity, now: datetime) -> Served:
    """Each grant may make room for one who came before: an item that goes back to work leaves the review column."""
    granted: list[str] = []
    while entry := _first_with_room(batch, limits):
        slot = Slot(repository=entry.repository, state="running", since=now)
        rest = tuple(other for other in batch.queue if other is not entry)
        batch = batch.model_copy(update={"slots": {**batch.slots, entry.work_item_id: slot}, "queue": rest})
        granted.append(entry.work_item_id)
    return Served(batch, tuple(granted))


def _first_with_room(batch: Batch, limits: Capacity) -> QueueEntry | None:
    line = sorted(batch.queue, key=lambda entry: (entry.priority or 9, entry.since, entry.work_item_id))
    return next((entry for entry in line if not why_waiting(batch, entry, limits)), None)
