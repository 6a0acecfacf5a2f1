"""Which record an event is for: by the vendor's own id, else by a name that leads to it."""

from __future__ import annotations

from ..dispatch.events import Event
from ..dispatch.records import InFlightRecord
from ..ports import StateStore


async def record_of(store: StateStore, event: Event) -> InFlightRecord:
    """The record of the item that the event names, or a new one.

    Where the event knows the vendor's own id, no other name leads to an item of another id: keys are given anew, and
    two organisations have the same ones. A record without that id is of an older release, and is found by its key.
    """
    for name in dict.fromkeys((event.identity, *event.aliases, event.work_item_id)):
        record = await store.get_in_flight(name) if name else None
        if record and record.is_of(event):
            return record
    return InFlightRecord(work_item_id=event.identity or event.work_item_id)
