"""How far a list was read: a walk through it may take several sweeps, and the next one begins where this one began.

For each name: the place in the list (empty at its end), when this walk began, and when the last whole one did.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime

from ..dispatch.moments import SKEW

Cursors = MutableMapping[str, str]


def begin(cursors: Cursors, name: str, now: datetime) -> tuple[str, datetime | None]:
    """Where to go on, and when the last whole walk began."""
    place, looked = cursors.get(name, ""), cursors.get(f"{name} looked")
    if not place:
        cursors[f"{name} begun"] = now.isoformat()
    last = datetime.fromisoformat(looked) if looked else None
    return place, last if last and last <= now + SKEW else None  # a clock was ahead then: nobody knows when it was


def is_walk(cursors: Cursors, name: str) -> bool:
    """Its place may be lost, for the next walk begins where this one began; that of a feed may not."""
    return f"{name} begun" in cursors


def reach(cursors: Cursors, name: str, place: str) -> str:
    """Remember how far we came; empty: to the end."""
    cursors[name] = place
    if not place:
        cursors[f"{name} looked"] = cursors.pop(f"{name} begun")
    return place
