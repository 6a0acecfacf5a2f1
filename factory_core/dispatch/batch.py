"""What is stored once for a tenant: its slots, its line, and how far the search for missed events came."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ..work_item import Frozen


class Slot(Frozen):
    repository: str
    state: Literal["running", "in-review"]
    since: datetime


class QueueEntry(Frozen):
    """One item in line: by priority (1 first, 0 last), then by age."""

    work_item_id: str
    repository: str
    priority: int = 0
    since: datetime


class SweepReport(Frozen):
    """What one look for missed events found; `failed`: which sources did not answer, and why."""

    started: int = 0  # ready items without a record
    answered: int = 0  # replies
    closed: int = 0  # items and pull requests that had ended
    changed: int = 0  # those that had changed otherwise
    redelivered: int = 0  # deliveries asked for again
    replayed: int = 0  # dead letters asked for again
    calls: int = 0
    failed: dict[str, str] = Field(default_factory=dict)


class SweepState(Frozen):
    """When the last look began, how far each of its sources was read, and which asked to be left alone until when."""

    at: datetime | None = None
    cursors: dict[str, str] = Field(default_factory=dict)
    not_before: dict[str, datetime] = Field(default_factory=dict)
    report: SweepReport | None = None  # None while it goes on


class LostConnection(Frozen):
    """A vendor refuses our credential, or says that it ended. It counts for a while after it was `seen_at` last."""

    since: datetime
    seen_at: datetime
    why: str


class Batch(Frozen):
    """A tenant's capacity: who has a slot, who stands in line. And whose turn it was to look for missed events.

    `lost` is in here because it is one small fact of the tenant, written twice an outage, and every host reads this
    record anyway.
    """

    version: int = 0
    slots: dict[str, Slot] = Field(default_factory=dict)
    queue: tuple[QueueEntry, ...] = ()
    sweep: SweepState = SweepState()
    lost: dict[str, LostConnection] = Field(default_factory=dict)  # by vendor
