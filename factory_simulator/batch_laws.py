"""What every write of a tenant's batch must keep: no limit is exceeded, and the line keeps its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from factory_core.config import Capacity
from factory_core.dispatch.batch import Batch, QueueEntry
from factory_core.dispatch.capacity import Limits, why_no_money


def exceeded(batch: Batch, limits: Capacity) -> Iterator[str]:
    """Which limits are: of all, of a repository, of a column."""
    running = [slot for slot in batch.slots.values() if slot.state == "running"]
    here = max((_running_in(batch, one.repository) for one in running), default=0)
    if len(running) > limits.agents or here > limits.per_repository:
        yield f"{len(running)} slots are taken, {here} of one repository"
    for column, most in limits.per_state.items():
        found = sum(slot.state == column for slot in batch.slots.values())
        if found > most:
            yield f"{found} of {most} are {column}"


def overtaken(
    before: Batch, after: Batch, limits: Limits, priorities: Mapping[str, int], now: datetime
) -> Iterator[str]:
    """Who was served although somebody who stands before it had room. `priorities`: as the tickets say."""
    line = {entry.work_item_id: entry for entry in before.queue}
    tried = {circuit.tried for circuit in before.circuits.values()}  # who lets another one be the next probe
    for item, slot in after.slots.items():
        held = before.slots.get(item)
        if slot.state != "running" or (held and held.state == "running"):
            continue
        for entry in after.queue:
            first = _stands_before(entry, item, line.get(item), priorities)
            had_place = held is None or entry.work_item_id in before.slots
            if entry.work_item_id in tried or why_no_money(after, entry, limits.budget, now):
                continue
            if first and had_place and _had_room(entry, after, slot.repository, limits.capacity):
                yield f"{item} was given a slot before {entry.work_item_id}"


def _stands_before(entry: QueueEntry, item: str, other: QueueEntry | None, priorities: Mapping[str, int]) -> bool:
    """By priority, and then by age; who has just come is the youngest, as far as its clock says so."""
    mine, its = priorities[entry.work_item_id] or 9, priorities[item] or 9
    return mine < its or (mine == its and other is not None and entry.since < other.since)


def _had_room(entry: QueueEntry, batch: Batch, taken: str, limits: Capacity) -> bool:
    """In its own repository; in all there was room for the one that was served."""
    return entry.repository == taken or _running_in(batch, entry.repository) < limits.per_repository


def _running_in(batch: Batch, repository: str) -> int:
    return sum(slot.state == "running" and slot.repository == repository for slot in batch.slots.values())
