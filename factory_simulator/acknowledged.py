"""Was an event that was answered with 200 lost? Not if its record knows it, or the machine has no use for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from factory_core.dispatch.events import (
    AbortRequested,
    CommentAdded,
    Event,
    ReplyReceived,
    RetryRequested,
    StopRequested,
)
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.dispatch.transitions import transition

from .ledger import Ledger

LISTENS = frozenset({
    State.TRIAGING, State.WAITING, State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.BLOCKED,
    State.FAILED,
})  # fmt: skip
"""Where a comment of the reporter counts; in review an answer in the thread is talk. Stated anew, as a promise."""


def lost(ledger: Ledger, event: Event, since: int) -> bool:
    """`since`: how many versions of the item's record there were when the delivery came."""
    if not isinstance(event, ReplyReceived):
        return not _used(ledger, event, event.work_item_id, since)
    thread = ledger.threads.get(event.thread_id)
    if thread is None:
        return True
    if any(reply.id == event.reply.id for reply in thread.replies):
        return False
    owner = ledger.owners.get(event.thread_id, "")
    return not (owner and _used(ledger, event, owner, 0))


def disobeyed(versions: Sequence[InFlightRecord], event: Event) -> bool:
    """A person's order that reached an item which it concerns, and moved nothing. `versions`: from then on."""
    if not versions or versions[0].knows(event):
        return False
    told = next(((was, now) for was, now in pairwise(versions) if now.knows(event) and not was.knows(event)), None)
    if told is None:
        return len({record.state for record in versions}) == 1 and _concerns(event, versions[0])
    return told[0].state is told[1].state and _concerns(event, told[0])


def passed_over(before: InFlightRecord | None, after: InFlightRecord | None, event: Event) -> bool:
    """Words for an item which listens to them, of which its record knows nothing."""
    if before is None or after is None or not isinstance(event, ReplyReceived | CommentAdded):
        return False
    deaf = {State.IN_REVIEW} if isinstance(event, ReplyReceived) else set()
    moved = before.state is not after.state
    return before.state in LISTENS - deaf and not moved and not _knows(after, event)


def heard(
    event: Event, before: InFlightRecord | None, after: InFlightRecord | None
) -> TypeGuard[ReplyReceived | CommentAdded]:
    """Words that its record has known since just now."""
    words = isinstance(event, ReplyReceived | CommentAdded)
    return words and after is not None and _knows(after, event) and not (before and _knows(before, event))


def _concerns(event: Event, record: InFlightRecord) -> bool:
    """Is it an order that the item, as it stands, has to follow?"""
    if isinstance(event, StopRequested | AbortRequested):
        return record.state not in ENDED | {State.NEW}
    return isinstance(event, RetryRequested) and record.state in {State.BLOCKED, State.CANCELLED, State.FAILED}


def _used(ledger: Ledger, event: Event, item: str, since: int) -> bool:
    """By a version from then on; what no version would take is rightly passed over."""
    stored = ledger.versions.get(item, [])
    versions = stored[max(0, min(since, len(stored)) - 1) :]  # a restore may have lost some
    if since == 0 or item in ledger.forgotten:  # there was none when it came, or there is none any more
        versions = [*versions, InFlightRecord(work_item_id=item)]
    return any(_knows(record, event) or transition(record, event, ledger.config) is None for record in versions)


def _knows(record: InFlightRecord, event: Event) -> bool:
    reply = event.reply.id if isinstance(event, ReplyReceived) else None
    return record.knows(event) or any(answer.id == reply for answer in record.answers)
