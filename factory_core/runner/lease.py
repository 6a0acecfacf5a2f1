"""Who may perform an item's outbox. The epoch only grows; a holder that lost it is fenced, whatever it still believes.

worker A  claim(1)────paused…………………………………save ✗ epoch 2 ≠ 1
worker B                     lease over: claim(2)──perform──save ✓
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..dispatch.effects import Planned
from ..dispatch.records import InFlightRecord, Lease


def claim(
    record: InFlightRecord, holder: str, now: datetime, length: timedelta, is_gone: Callable[[str], bool]
) -> InFlightRecord | None:
    """The record with the lease in our name, or None: nothing is due, or a living holder has it.

    A lease that was never given back means that its holder died over the first effect: that was a fault.
    """
    lease, head = record.lease, record.outbox[0] if record.outbox else None
    if head is None or waits(head, now):
        return None
    if lease.holder and lease.until and lease.until > now and not is_gone(lease.holder):
        return None
    faults = head.faults + (1 if lease.holder else 0)
    outbox = (head.model_copy(update={"faults": faults}), *record.outbox[1:])
    return record.but(outbox=outbox, lease=Lease(holder=holder, epoch=lease.epoch + 1, until=now + length))


def extended_or_released(record: InFlightRecord, now: datetime, length: timedelta) -> InFlightRecord:
    """Keep the lease while something is due at once; otherwise give it back, so that anybody may go on later."""
    head = record.outbox[0] if record.outbox else None
    due = head is not None and not waits(head, now)
    return record.but(lease=record.lease.model_copy(update={"until": now + length})) if due else released(record)


def released(record: InFlightRecord) -> InFlightRecord:
    return record.but(lease=Lease(epoch=record.lease.epoch))


def waits(planned: Planned, now: datetime) -> bool:
    """Is it too early for this effect?"""
    return planned.not_before is not None and planned.not_before > now
