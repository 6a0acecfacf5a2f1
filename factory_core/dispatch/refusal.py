"""What a vendor's refusal means, in the core's words. One table for each vendor says it; nothing else guesses."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ..work_item import Frozen, StoredModel

RefusalKind = Literal["later", "never", "wait-for-people", "fix-conflict", "update-branch", "enqueue"]


class Refusal(Frozen):
    """Why the code host did not do it, and what follows.

    later: the same call may succeed after a pause. never: a setting forbids it, and `fix` says which one to change.
    wait-for-people: a review or an approval is missing. fix-conflict: the branch must be merged with its base by hand.
    update-branch: the branch is behind its base. enqueue: the base takes changes through its merge queue only.
    """

    kind: RefusalKind
    why: str  # the host's own words
    fix: str = ""  # as Problem.fix; empty where nobody has to do anything
    after: float | None = None  # seconds until the next attempt, where the host says so; 0: it changed, read it at once


class RefusedMerge(StoredModel):
    """The last refusal to merge, and the pull request as it was then. It is tried again when that changed, or at
    `until`; without a time, only when it changed."""

    kind: RefusalKind
    why: str
    head: str
    seen: str  # a digest of the pull request
    until: datetime | None = None
    at: datetime | None = None  # when; whatever changes, the same head is not asked again within a minute
    times: int = 1  # refusals of this kind and this head in a row: the pauses grow with them
    updates: int = 0  # of the branch with its base, since its head was last moved by anything else
    updated: bool = False  # the last of them was ordered for this head
    enqueued: int = 0  # times that this head was put into the merge queue
