"""What the clock does: wake what is due, see that no slot leaks, and say whose turn it is to look for missed events.

Costs what is due and what has a slot, however many stand in line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..dispatch import capacity
from ..dispatch.batch import Batch, Slot, SweepState
from ..dispatch.ending import SLOTTED
from ..dispatch.events import CheckedIn, RecheckRequested
from ..dispatch.records import InFlightRecord, State
from ..errors import Problem, VersionConflict
from ..ports import StateStore
from .event_recorder import EventRecorder
from .slots import settled

logger = logging.getLogger("factory.runner")
RECONCILE_EVERY = timedelta(seconds=30)
PART = 50  # of those in line, who are looked at in one turn


async def wake_due(recorder: EventRecorder, limit: int, ahead: timedelta) -> int:
    """Let every due item go on: a deadline that passed is an event, a due outbox is performed. How many there were.

    `ahead` looks that much further: a host that starts finds the leases of its dead predecessor in that window.
    A record that cannot be read, or woken, keeps nobody else from being woken. Those that a wrong clock had put far
    away are among them, as soon as anything has read them.
    """
    store, clock = recorder.store, recorder.clock
    far = sorted(store.take_far())
    due = list(dict.fromkeys((*await store.due(clock() + ahead, limit), *far)))
    for item in due:
        try:
            await _wake_one(recorder, item, stored_far=item in far)
        except Exception as error:
            _log_trouble(error, "check_in", item)
    return len(due)


async def _wake_one(recorder: EventRecorder, item: str, *, stored_far: bool) -> None:
    store, clock = recorder.store, recorder.clock
    record = await store.get_in_flight(item)
    moments = (record.deadline, record.refresh_at) if record else ()
    over = [moment for moment in moments if moment and moment <= clock()]
    if record and over:  # after a clock was put back, the same moment may be a deadline again
        passed = CheckedIn(id=f"deadline:{max(over).isoformat()}:{record.version}", work_item_id=item, at=clock())
        if (await recorder.record_and_wake(passed)).lease.holder:
            return
    claimed = await recorder.claim(item)
    if claimed and recorder.holder:
        recorder.holder.wake(claimed)
    elif stored_far and record:
        with suppress(VersionConflict):  # who saved it first has read it as it is here
            await store.put_in_flight(record.scheduled(clock()))


async def reconcile_slots(recorder: EventRecorder) -> int:
    """Give back what nobody uses, and tell those who were offered a slot and never heard of it. How many there were.

    A record is read after the batch that is changed for it: who got a slot meanwhile has changed the batch. Of one that
    cannot be read nobody knows whether it needs its slot, so it keeps it.
    """
    store, config, clock = recorder.store, recorder.config, recorder.clock
    batch, reconciled = await store.get_batch(), 0
    limits = capacity.Limits.of(config)
    turned = batch.queue and batch.spending.at(clock()) is not batch.spending  # a new day, or hour
    if (batch.circuits or turned) and (served := capacity.serve(batch, limits, clock())).granted:  # or a probe is due
        try:
            batch = await store.put_batch(served.batch)
        except VersionConflict:
            return reconciled  # the next tick looks again
        for item in served.granted:
            await recorder.offer(item, batch)
    held_up = frozenset(capacity.holds_up(batch, limits, clock()))
    for item in _looked_at(batch, clock()):
        try:
            record = await store.get_in_flight(item)
        except Exception as error:
            _log_trouble(error, "mend", item)
            continue
        slot = batch.slots.get(item)
        if record is None or (record.state not in SLOTTED and not record.outbox):
            served = capacity.release(_settled(batch, item, record, config, clock()), item, limits, clock())
            try:
                batch = batch if served.batch == batch else await store.put_batch(served.batch)
            except VersionConflict:
                return reconciled  # the next tick looks again
            for other in served.granted:
                await recorder.offer(other, batch)
            reconciled += 1
        elif slot and item in held_up:
            await _recheck(recorder, record, slot, clock())
        elif slot is None and (known := _settled(batch, item, record, config, clock())) is not batch:
            served = capacity.serve(known, limits, clock())
            try:
                batch = await store.put_batch(served.batch)
            except VersionConflict:
                return reconciled
            for other in served.granted:
                await recorder.offer(other, batch)
        elif slot and slot.state == "running" and record.state is State.QUEUED and not record.outbox:
            await recorder.offer(item, batch)
            reconciled += 1
    return reconciled


async def _recheck(recorder: EventRecorder, record: InFlightRecord, slot: Slot, now: datetime) -> None:
    """Others wait for its place, and it may hold that only because an event was lost: then a look frees it."""
    number = capacity.recheck_number(slot.since, now)
    if number and record.state is State.IN_REVIEW:
        seen = f"line:{slot.since.isoformat()}:{number}"
        cause = "others wait for its place"
        await recorder.record_and_wake(RecheckRequested(id=seen, work_item_id=record.work_item_id, at=now, cause=cause))


def _log_trouble(error: Exception, action: str, item: str) -> None:
    """What fails for one item, a fault of ours as well, is that item's alone."""
    extra = {"action": action, "item": item}
    if isinstance(error, Problem):
        logger.error("%s: %s: %s", item, error.what, error.why, extra=extra)
    else:
        logger.error("%s: %s", item, type(error).__name__, extra=extra, exc_info=error)


def _looked_at(batch: Batch, now: datetime) -> Iterable[str]:
    """Who has a slot, and one part of the line after the other."""
    parts = max(1, -(-len(batch.queue) // PART))
    first = int(now.timestamp() // RECONCILE_EVERY.total_seconds()) % parts * PART
    waiting = (entry.work_item_id for entry in batch.queue[first : first + PART])
    return dict.fromkeys([*batch.slots, *batch.spending.accounts, *waiting])


def _settled(batch: Batch, item: str, record: InFlightRecord | None, config: FactoryConfig, now: datetime) -> Batch:
    """With what the item has spent as its record says; without a record, all that it might have."""
    account = batch.spending.accounts.get(item)
    if account is None:
        return batch
    known = settled(batch, record, config, now) if record else batch
    over = record is None or bool(account.until and account.until <= now and item not in batch.slots)
    if not over or item not in known.spending.accounts:
        return known
    return known.model_copy(update={"spending": known.spending.closed(item, now)})


async def claim_sweep(store: StateStore, batch: Batch, every: timedelta, now: datetime) -> Batch | None:
    """Where to go on, if it is time and no other process was faster; one conditional write decides that. `batch` was
    just read."""
    if batch.sweep.at and abs(now - batch.sweep.at) < every:
        return None
    begun = batch.sweep.model_copy(update={"at": now, "report": None})
    try:
        return await store.put_batch(batch.model_copy(update={"sweep": begun}))
    except VersionConflict:
        return None


async def remember_sweep(store: StateStore, state: SweepState) -> bool:
    """Keep how far we came: who ends us now loses one source's calls. False when the next turn has begun meanwhile."""
    while (batch := await store.get_batch()).sweep != state:
        if batch.sweep.at != state.at:
            return False
        try:
            await store.put_batch(batch.model_copy(update={"sweep": state}))
        except VersionConflict:
            continue
    return True
