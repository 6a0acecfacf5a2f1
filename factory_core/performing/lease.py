"""Who may perform an item's outbox. The epoch only grows; a holder that lost it is fenced, whatever it still believes.

worker A  claim(1)────paused…………………………………save ✗ epoch 2 ≠ 1
worker B                     lease over: claim(2)──perform──save ✓
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeGuard

from ..config import Runner
from ..dispatch.effects import Planned
from ..dispatch.records import InFlightRecord

NOBODYS = {"holder": "", "until": None, "doing": ""}


def claim(
    record: InFlightRecord, holder: str, now: datetime, rules: Runner, is_gone: Callable[[str], bool]
) -> InFlightRecord | None:
    """The record with the lease in our name, or None: nothing is due, or a living holder has it.

    A lease that was never given back means that its holder died, over what it was doing: that was a fault. What several
    died over waits ever longer, so that neither a process that is killed again and again parks an item, nor an item
    that kills its process keeps the others from theirs. The lease is nobody's where nothing else is due.
    """
    lease, first = record.lease, record.due(now)
    if first is None or (lease.holder and lease.until and lease.until > now and not is_gone(lease.holder)):
        return None
    blamed = (lease.doing or first.key) if lease.holder else ""
    outbox = tuple(_at_fault(planned, now, rules) if planned.key == blamed else planned for planned in record.outbox)
    mine = {"holder": holder, "epoch": lease.epoch + 1}
    taken = record.but(outbox=outbox, lease=lease.model_copy(update=mine))
    return extended_or_released(taken, now, rules.lease)


def freed(record: InFlightRecord, now: datetime, rules: Runner) -> InFlightRecord:
    """Without the lease of a holder whose time is over, so that any other may claim it. A living one keeps its own."""
    taken = claim(record, "", now, rules, lambda other: False)
    return released(taken) if taken else record


def _at_fault(planned: Planned, now: datetime, rules: Runner) -> Planned:
    """The first death costs no time: most are the machine's."""
    pause = min(rules.first_delay * 2 ** min(planned.faults, 20), rules.longest_delay) if planned.faults else None
    return planned.model_copy(update={"faults": planned.faults + 1, "not_before": now + pause if pause else None})


def holds(record: InFlightRecord | None, claimed: InFlightRecord) -> TypeGuard[InFlightRecord]:
    """Is the record still under the lease with which it was claimed, in the same life?"""
    if record is None or not record.lease.holder:
        return False
    same = (record.born, record.lease.holder, record.lease.epoch)
    return same == (claimed.born, claimed.lease.holder, claimed.lease.epoch)


def extended(record: InFlightRecord, now: datetime, length: timedelta) -> InFlightRecord:
    first = record.due(now)
    changes = {"until": now + length, "doing": first.key if first else ""}
    return record.but(lease=record.lease.model_copy(update=changes))


def extended_or_released(record: InFlightRecord, now: datetime, length: timedelta) -> InFlightRecord:
    """Keep the lease while something is due at once; otherwise give it back, so that anybody may go on later."""
    return extended(record, now, length) if record.due(now) else released(record)


def released(record: InFlightRecord) -> InFlightRecord:
    return record.but(lease=record.lease.model_copy(update=NOBODYS))
