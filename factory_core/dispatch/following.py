"""Steps that follow the tracker: a hint is read afresh, and what a person changed there wins."""

from __future__ import annotations

from ..config import FactoryConfig
from ..work_item import ItemState, WorkItem
from .effects import (
    Effect,
    LookAtRun,
    Planned,
    ReadItem,
    ReadPullRequest,
    ReleaseSlot,
    SetItemState,
    TakeSlot,
    TriageItem,
)
from .ending import SLOTTED, cancel, find_merged, reopen
from .events import ItemChanged, ItemRead, RecheckRequested, StartRefused
from .forgotten import TICKET_GONE, stays_forgotten
from .records import ENDED, OURS, InFlightRecord, State, Summary, Transition
from .triage import not_eligible

READ_BY_EVENTS = frozenset({State.IN_REVIEW, State.MERGING, State.BLOCKED})
"""States in which events say when the pull request is to be read."""


def read_if_news(record: InFlightRecord, event: ItemChanged, config: FactoryConfig) -> Transition | None:
    """Read the item unless the hint shows just what we know: our own writes come back as events."""
    if event.item and event.item.state in OURS and not _edited(record, event) and not event.session_id:
        return None if event.item.key == record.key else _read(record, event)
    return _read(record, event)


def recheck(record: InFlightRecord, event: RecheckRequested, config: FactoryConfig) -> Transition:
    """Read afresh all that events tell of: the ticket, the run, the pull request. The deadline stays."""
    effects: list[Effect] = []
    if record.state is not State.MERGING:  # too late for the ticket
        effects += record.afresh(ReadItem())
    if record.state is State.RUNNING and record.run:
        effects += record.once(LookAtRun(run_id=record.run.run_id))
    if record.state in READ_BY_EVENTS and record.pull_request:
        effects += record.afresh(ReadPullRequest())
    return record.stay(*effects)


def read_if_reopened(record: InFlightRecord, event: ItemChanged, config: FactoryConfig) -> Transition | None:
    """An ended item matters again only when it may be ready again."""
    if event.item and event.item.state is not ItemState.READY:
        return None
    return _read(record, event)


def follow_waiting(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """A person took it back, or made it clearer by editing it."""
    if event.item is None or event.item.state not in OURS:
        return _taken_back(record, event, config)
    return _retriage_if_edited(record, event)


def follow_running(record: InFlightRecord, event: ItemRead | StartRefused, config: FactoryConfig) -> Transition:
    """A person took it back, or says now that a person must do it; other edits are read by the next run."""
    if event.item is None or event.item.state not in OURS:
        return _taken_back(record, event, config)
    stopped = not_eligible(event.item, config)
    if stopped:
        return cancel(record, event.at, stopped, config)
    edited = Summary.of(event.item).digest != (record.item.digest if record.item else "")
    noted = record.note(event.at, "person", "The ticket was edited; the next run reads it.") if edited else record
    return noted.stay(item=Summary.of(event.item), tracker=event.item.state)


def follow_review(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """Done in the tracker may mean merged on the code host: look there before anything is cancelled."""
    if event.item and event.item.state is ItemState.DONE and not event.merged:
        return record.stay(ReadPullRequest(), tracker=ItemState.DONE)
    return follow_running(record, event, config)


def follow_blocked(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """A person took it back, or changed what it was blocked for."""
    if event.item is None or event.item.state not in OURS:
        return _taken_back(record, event, config)
    return _retriage_if_edited(record, event)


def reopen_if_ready(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """Done is final, until a person puts the item back to ready.

    A ticket that was not touched since the item ended is no reopened one: it was ready when a person pressed stop. One
    that we had seen elsewhere, or moved ourselves, was put back, whatever the tracker's clock says. One that is done
    and that the tracker would not let us move says ready by itself, and only an edit tells.
    """
    item = event.item
    if item is None:
        record = record.but(ended_because=TICKET_GONE)  # and is forgotten wholly
    if item is None or item.state is not ItemState.READY:
        return record.stay()
    unmoved = record.state is State.DONE and record.tracker is ItemState.READY
    put_back = _left(record) or (_touched(record, item) and (_edited_since(record, item) or not unmoved))
    return reopen(record, event.at) if put_back else record.stay()


def performed(record: InFlightRecord, planned: Planned) -> InFlightRecord:
    """Without the order, and with what its success says: the tracker has the item where we put it.

    A move of an earlier life says nothing of this one.
    """
    settled, effect = record.settle(planned.key), planned.effect
    if not isinstance(effect, SetItemState) or (effect.to is ItemState.DONE and record.state is not State.DONE):
        return settled
    return settled.but(tracker=effect.to)


def is_news(record: InFlightRecord | None, item: WorkItem) -> bool:
    """Does it mean something that this item is ready? If nobody knows it, or it had ended and left our columns; if it
    was forgotten, only where somebody changed it since.

    One that ended where it was, as by a stop, was not reopened by staying there; only an edit since then tells.
    """
    if record is None or record.state is State.NEW:
        return record is None or not stays_forgotten(record, item)
    edited = _edited_since(record, item)
    return record.state in ENDED and (_left(record) or (edited and _touched(record, item)))


def _edited_since(record: InFlightRecord, item: WorkItem) -> bool:
    return record.item is None or Summary.of(item).digest != record.item.digest


def _left(record: InFlightRecord) -> bool:
    """Did the ticket leave our columns when the item ended? One that nobody had looked at yet was just made ready.

    Nor did it while our own move is still to be made, or where the tracker made none of them.
    """
    if any(isinstance(planned.effect, SetItemState) for planned in record.outbox):
        return False
    if record.state is State.DONE:
        return record.tracker is not ItemState.READY
    return record.tracker is not None and record.tracker not in OURS


def _touched(record: InFlightRecord, item: WorkItem) -> bool:
    """Was the ticket changed since the item ended, as far as the tracker says when?"""
    return not (item.updated_at and record.since and item.updated_at < record.since)


def _read(record: InFlightRecord, event: ItemChanged) -> Transition:
    return record.stay(*record.afresh(ReadItem()))


def _edited(record: InFlightRecord, event: ItemChanged) -> bool:
    return event.item is not None and _edited_since(record, event.item)


def _retriage_if_edited(record: InFlightRecord, event: ItemRead) -> Transition:
    assert event.item is not None
    if record.item and Summary.of(event.item).digest == record.item.digest:
        return record.stay(tracker=event.item.state, item=Summary.of(event.item))
    noted = record.without_order().but(block=None).without(TakeSlot).note(event.at, "person", "The ticket was edited.")
    freed = record.once(ReleaseSlot()) if record.state in SLOTTED else ()
    return noted.to(State.TRIAGING, event.at, *freed, TriageItem())


def _taken_back(record: InFlightRecord, event: ItemRead | StartRefused, config: FactoryConfig) -> Transition:
    if event.merged:
        return find_merged(record, event.at, event.merged, config)
    seen = event.item.state if event.item else ItemState.OTHER
    return cancel(record.but(tracker=seen), event.at, _where(event), config)


def _where(event: ItemRead | StartRefused) -> str:
    return TICKET_GONE if event.item is None else f"a person moved the ticket to {event.item.state}"
