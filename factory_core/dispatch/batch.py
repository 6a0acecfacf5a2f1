"""What is stored once for a tenant: its slots, its line, what it spends today, and how far the search for missed events
and the looks after a gap came."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ..runs.reported import Short
from ..runs.run import Fault
from ..work_item import StoredModel
from .routing import RememberedRoute
from .spending import DaySpending, Grant


class Slot(StoredModel):
    repository: str
    state: Literal["running", "in-review"]
    since: datetime


class QueueEntry(StoredModel):
    """One item in line: by priority (1 first, 0 last), then by age."""

    work_item_id: str
    repository: str
    engine: str = ""
    priority: int = 0
    since: datetime
    asks: Grant = Grant()


class SweepReport(StoredModel):
    """What one look for missed events found; `failed`: which sources did not answer, and why."""

    started: int = 0  # ready items without a record
    answered: int = 0  # replies
    resumed: int = 0  # items in progress whose record is gone
    closed: int = 0  # items and pull requests that had ended
    changed: int = 0  # those that had changed otherwise
    redelivered: int = 0  # deliveries asked for again
    replayed: int = 0  # dead letters asked for again
    calls: int = 0
    failed: dict[str, str] = Field(default_factory=dict)


class SweepState(StoredModel):
    """When the last look began, how far each of its sources was read, and which asked to be left alone until when."""

    at: datetime | None = None
    cursors: dict[str, str] = Field(default_factory=dict)
    not_before: dict[str, datetime] = Field(default_factory=dict)
    report: SweepReport | None = None  # None while it goes on


class DeliveryGap(StoredModel):
    """A span in which events may have been lost that their senders do not repeat. `since`: None where nobody knows."""

    since: datetime | None = None
    until: datetime
    cause: str  # in words: "the factory was started"


class Lap(StoredModel):
    """One round through a list that changes meanwhile: from `place` to its end, then from its beginning to `ends`."""

    place: str = ""
    ends: str = ""
    wrapped: bool = False
    not_before: datetime | None = None  # it did not work, and is tried again then


class CatchUp(StoredModel):
    """The looks that follow the newest gap, and how far they came. It is kept when they are over: the pace holds on."""

    gap: DeliveryGap
    began: datetime  # when the looks that are not over yet were first due
    paid_until: datetime  # each look takes its share of a minute; the next one is due when this has come
    looks: int = 0
    laps: dict[str, Lap] = Field(default_factory=dict)  # by sort of look; one that is over is not in it


class LostConnection(StoredModel):
    """A vendor refuses our credential, or says that it ended. It counts for a while after it was `seen_at` last."""

    since: datetime
    seen_at: datetime
    why: str


class Circuit(StoredModel):
    """An engine that cannot work on a host: until `retry_at` it starts nothing there, and then one probe at a time."""

    engine: str
    host: str = ""  # a worker's id; empty: where the factory itself starts agents
    fault: Fault = "vendor"
    why: Short
    fix: Short
    since: datetime
    retry_at: datetime
    failures: int = 1  # in a row
    probe: str = ""  # the item that is let through
    tried: str = ""  # the item that met the newest failure: the next probe is another one, if there is one
    alone: bool = True  # no other host has the engine


class Batch(StoredModel):
    """A tenant's capacity: who has a slot, who stands in line. And whose turn it was to look for missed events.

    `lost`, `circuits` and `routes` are in here because each is a small fact of the tenant that is seldom written, and
    every host reads this record anyway; so the write that takes a slot sees the open circuit.
    """

    format: Literal[1] = 1
    version: int = 0
    slots: dict[str, Slot] = Field(default_factory=dict)
    queue: tuple[QueueEntry, ...] = ()
    sweep: SweepState = SweepState()
    catch_up: CatchUp | None = None  # None: no gap was ever noticed
    lost: dict[str, LostConnection] = Field(default_factory=dict)  # by vendor
    circuits: dict[str, Circuit] = Field(default_factory=dict)  # those that are open, by circuit.name_of()
    routes: dict[str, RememberedRoute] = Field(default_factory=dict)  # by routing.project_name(), the newest last
    spending: DaySpending = DaySpending()
