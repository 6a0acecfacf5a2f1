"""WorkItem: a task without any vendor's vocabulary. Nothing here knows Linear, Jira or GitHub."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value: it never changes, and unknown fields of a newer release are passed over, not refused."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class StoredModel(Frozen):
    """A value in a store that two releases may share: fields of a newer one are kept, and written back as they were.

    What comes from elsewhere than a store is read without them: see payload.parse_as.
    """

    model_config = ConfigDict(extra="allow")


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
    external_id: str  # the vendor's own id, e.g. Linear's UUID; unique among all organisations of the vendor
    organisation: str = ""  # the vendor's id of the organisation that the item belongs to, where it says so
    url: str = ""

    @property
    def identity(self) -> str:
        """What the item is, however it is renamed or moved."""
        return identity(self.provider, self.external_id)


def identity(provider: str, external_id: str) -> str:
    """The id of an item of this vendor. A vendor whose ids repeat from one organisation to the next puts its in."""
    return f"{provider}:{external_id}"


class Note(Frozen):
    """What somebody wrote on the ticket. `id` is the one that events carry."""

    id: str
    author: str  # as people call them
    text: str
    at: datetime
    by_app: bool = False


class Attachment(Frozen):
    """What hangs on the ticket, by name: nobody opens it."""

    title: str
    url: str


class WorkItem(Frozen):
    """One ticket. `id` is the vendor's own and never changes; `key` is what people call it today (`ACME-142`)."""

    id: str
    key: str
    former_keys: tuple[str, ...] = ()  # what people called it before it was moved, oldest first
    title: str
    description: str = ""
    state: ItemState = ItemState.OTHER
    labels: tuple[str, ...] = ()
    priority: int = Field(default=0, ge=0, le=4, description="0 none, 1 urgent … 4 low")
    project: str = ""
    reporter: str = ""  # as people call that person
    reporter_id: str = ""  # as the tracker knows that person; comments and replies carry it
    comments: tuple[Note, ...] = ()  # the newest ones, oldest first, without the factory's own
    attachments: tuple[Attachment, ...] = ()
    parent: str = ""  # the key of the ticket that it is a part of, where the tracker says so
    children: tuple[str, ...] = ()  # the keys of its open parts
    blocked_by: tuple[str, ...] = ()  # the keys of open tickets that the tracker wants done first
    duplicate_of: str = ""  # the key of the ticket that the tracker calls the original
    hint: str = ""  # what a person has to do in the tracker before the item is ready
    source: Source
    updated_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)  # the provider's extras, passed through unread

    @property
    def identity(self) -> str:
        return self.source.identity
