"""WorkItem: a task without any vendor's vocabulary. Nothing here knows Linear, Jira or GitHub."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value: it never changes, and unknown fields of a newer release are passed over, not refused."""

    model_config = ConfigDict(frozen=True)


class ItemState(StrEnum):
    """Where the tracker says the item stands; providers translate their own names into these."""

    OTHER = "other"  # backlog, triage, or a state that nobody mapped: not ours
    READY = "ready"
    DISPATCHED = "dispatched"
    IN_REVIEW = "in-review"
    DONE = "done"
    CANCELLED = "cancelled"


class Source(Frozen):
    """Where the item came from: enough to find it there again."""

    provider: str
    external_id: str  # the vendor's own id, e.g. Linear's UUID
    url: str = ""


class WorkItem(Frozen):
    """One ticket.

    `id` is the oldest key that the tracker ever gave it (`ACME-142`), so that moving a ticket between teams does not
    make a second item of it; `key` is what people call it today.
    """

    id: str
    key: str
    title: str
    description: str = ""
    state: ItemState = ItemState.OTHER
    labels: tuple[str, ...] = ()
    priority: int = Field(default=0, ge=0, le=4, description="0 none, 1 urgent … 4 low")
    project: str = ""
    reporter: str = ""  # as people call that person
    reporter_id: str = ""  # as the tracker knows that person; comments and replies carry it
    source: Source
    updated_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)  # the provider's extras, passed through unread
