"""What stays of a ticket that was forgotten by order: its bare id, so that it is not taken for one with a lost record.

A ticket that was stopped stays where it was in the tracker: in progress, or ready. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import ItemState, WorkItem
from .events import Event, ItemChanged, ReplyReceived
from .records import OURS, InFlightRecord, State, Summary, Transition, short

TICKET_GONE = "the ticket is gone"
FORGOTTEN = "forgotten:"
"""The mark of such a record: when it was forgotten comes behind it."""


def trace(record: InFlightRecord, now: datetime, config: FactoryConfig) -> InFlightRecord | None:
    """What stays of a record that is forgotten wholly. None: nothing; its ticket is gone, or in no column of ours."""
    left = record.tracker is not None and record.tracker not in OURS
    if left or record.ended_because == TICKET_GONE:
        return None
    sessions = (short(name) for name in record.aliases if name.startswith("session:"))
    bare = InFlightRecord(
        work_item_id=record.work_item_id, tracker=record.tracker, item=_bare(record),
        handled=(f"{FORGOTTEN}{now.isoformat()}", *sessions),
    )  # fmt: skip
    return bare.to(State.NEW, now, within=config.runner.keep_finished).record


def _bare(record: InFlightRecord) -> Summary:
    """By which it is told from an item of another organisation."""
    identity = record.item.identity if record.item else ""
    return Summary(key=record.work_item_id, title="", identity=identity)


def forgotten_at(record: InFlightRecord) -> datetime | None:
    moments = (mark.removeprefix(FORGOTTEN) for mark in record.handled if mark.startswith(FORGOTTEN))
    return next(map(datetime.fromisoformat, moments), None)


def is_late(record: InFlightRecord, event: Event) -> bool:
    """Does it tell of an agent session, or of words, from before the item was forgotten?"""
    since = forgotten_at(record)
    if since is None:
        return False
    if isinstance(event, ReplyReceived):
        return event.reply.at <= since
    return isinstance(event, ItemChanged) and short(f"session:{event.session_id}") in record.handled


def stays_forgotten(record: InFlightRecord, item: WorkItem) -> bool:
    """Did nobody change the ticket since it was forgotten? Where its tracker does not say when: is it where it was?"""
    since = forgotten_at(record)
    if since is None:
        return False
    return item.updated_at <= since if item.updated_at else record.tracker in (None, item.state)


def keep(record: InFlightRecord, seen: datetime | None, at: datetime, config: FactoryConfig) -> Transition | None:
    """It is found in progress still, last changed at `seen`: it stays known until that is too long ago for a lost one.

    None: it is known for that long anyway.
    """
    within = min(seen or at, at) + config.runner.keep_finished - at
    longer = record.deadline is None or at + within > record.deadline
    return record.to(State.NEW, at, within=within) if longer else None


def again(record: InFlightRecord, seen: ItemState | None, at: datetime, config: FactoryConfig) -> Transition:
    """A late word of it came, and its ticket, which is at `seen`, is not ready: as bare as before, for as long."""
    left = (forgotten_at(record) or at) + config.runner.keep_finished - at
    bare = record.but(item=_bare(record), answers=(), log=(), verdict=None, tracker=seen)
    return bare.to(State.NEW, at, within=max(left, timedelta(hours=1)))


def remembered(record: InFlightRecord) -> InFlightRecord:
    """A person has made its ticket ready anew."""
    return record.but(handled=tuple(mark for mark in record.handled if not mark.startswith(FORGOTTEN)))
