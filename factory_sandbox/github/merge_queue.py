"""The merge queue: pull requests wait in it, are checked as a group, and are merged by GitHub itself or put out again.

https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..clock import Clock, iso_seconds
from ..node import Node
from . import shapes
from .records import BOT, Pull, QueueEntry, Repository

WAITS, TAKES = 5.0, 20.0  # seconds, scaled: until its group is built, and until the group's checks are in
QUEUE_BOT = "github-merge-queue[bot]"
Outcome = Literal["merge", "failure", "timeout", "conflict", "never"]
REASONS = {"failure": "CI_FAILURE", "timeout": "CI_TIMEOUT", "conflict": "MERGE_CONFLICT"}


@dataclass
class MergeQueue:
    """`land` merges a pull request, if git can; `next_outcomes` is how it goes for those that are enqueued next."""

    clock: Clock
    ids: Iterator[int]
    announce: Callable[[Repository, Pull, str, Node], None]
    start: Callable[[Coroutine[Any, Any, None]], None]
    land: Callable[[Repository, Pull], Awaitable[bool]]
    next_outcomes: list[Outcome] = field(default_factory=list)

    def plan(self, outcome: Outcome, times: int = 1) -> Node:
        """How it ends for the next pull requests; `never` leaves them in the queue."""
        self.next_outcomes += [outcome] * times
        return {"coming": self.next_outcomes}

    def enqueue(self, repo: Repository, pull: Pull, by: str = BOT) -> QueueEntry:
        """At the end of the queue; the event goes out, and the rest happens by itself."""
        entry = QueueEntry(next(self.ids), self._now(), by)
        pull.queued, pull.auto_merge = entry, None
        self._announce(repo, pull, "enqueued", by)
        outcome = self.next_outcomes.pop(0) if self.next_outcomes else "merge"
        self.start(self._advance(repo, pull, entry, outcome))
        return entry

    def dequeue(self, repo: Repository, pull: Pull, reason: str, by: str = BOT) -> QueueEntry | None:
        """Out of the queue, with GitHub's word for why."""
        entry, pull.queued = pull.queued, None
        if entry is not None:
            self._announce(repo, pull, "dequeued", by, reason=reason)
        return entry

    async def _advance(self, repo: Repository, pull: Pull, entry: QueueEntry, outcome: Outcome) -> None:
        await self.clock.wait(WAITS)
        if pull.queued is not entry:
            return
        entry.state = "AWAITING_CHECKS"
        if outcome == "never":
            return
        await self.clock.wait(TAKES)
        if pull.queued is not entry:
            return
        merged = outcome == "merge" and await self.land(repo, pull)
        self.dequeue(repo, pull, "MERGE" if merged else REASONS.get(outcome, "MERGE_CONFLICT"), QUEUE_BOT)

    def _announce(self, repo: Repository, pull: Pull, action: str, by: str, **more: str) -> None:
        self.announce(repo, pull, "pull_request", shapes.pull_event(repo, pull, action, by, **more))

    def _now(self) -> str:
        return iso_seconds(self.clock.now())


def queue_of(repo: Repository) -> list[Pull]:
    """Those that wait, the first first."""
    waiting = [(pull.queued.id, pull) for pull in repo.pulls if pull.queued]
    return [pull for _, pull in sorted(waiting, key=lambda pair: pair[0])]
