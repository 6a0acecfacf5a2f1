"""Whom the search for missed events visits: one pass over what is in flight, however many looks there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..dispatch.catch_up import THREADS
from ..dispatch.records import InFlightRecord, State
from ..errors import UnreadableRecord
from ..ports import StateStore

FOLLOWED = frozenset({State.WAITING, State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.BLOCKED})
"""States in which an item that a person took back must stop; in the others it is read within seconds anyway."""

ANSWERABLE = frozenset(THREADS.values())
"""States in which what is said in the item's thread would move it, or is kept for its next run."""


class Visits(NamedTuple):
    """Look → the items that it visits, each behind the key by which they are sorted: `key\\nitem`."""

    by_look: Mapping[str, list[str]]
    known: frozenset[str]  # every item that has a record, and is not only remembered
    unreadable: UnreadableRecord | None = None  # names the records that nobody can visit


async def visits(store: StateStore) -> Visits:
    """Whom to visit. A record that cannot be read keeps nobody else from being visited."""
    found: dict[str, list[str]] = {look: [] for look in KEYS}
    known = set[str]()
    unreadable = None
    try:
        async for record in store.list_in_flight():
            if record.state is not State.NEW:
                known.add(record.work_item_id)
            for look, key_of in KEYS.items():
                if key := key_of(record):
                    found[look].append(f"{key}\n{record.work_item_id}")
    except UnreadableRecord as problem:
        unreadable = problem
    return Visits({look: sorted(keys) for look, keys in found.items()}, frozenset(known), unreadable)


def _id(record: InFlightRecord) -> str:
    return record.work_item_id if record.state in FOLLOWED else ""


def _asked_at(record: InFlightRecord) -> str:
    """The question that was asked first comes first."""
    asked = record.clarification
    return asked.asked_at.isoformat() if record.state in ANSWERABLE and asked and asked.thread_id else ""


def _blocked_pull(record: InFlightRecord) -> str:
    pull = record.pull_request if record.state is State.BLOCKED else None
    return f"{pull.repository}#{pull.number}" if pull else ""


KEYS: Mapping[str, Callable[[InFlightRecord], str]] = {
    "items": _id,
    "pull-requests": _blocked_pull,
    "threads": _asked_at,
}
"""By look; an item without a key is not visited."""
