"""What GitHub keeps: repositories, pull requests, checks, reviews and people, as plain dataclasses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..node import Node
from .rules import Rules

BOT = "factory-bot"
ACTIONS = "github-actions"
Role = Literal["admin", "maintain", "write", "triage", "read", "none"]
Membership = Literal["none", "private", "public"]


@dataclass
class Person:
    """Somebody's account. A private membership of the organisation is not shown in `author_association`."""

    login: str
    kind: Literal["User", "Bot"] = "User"
    membership: Membership = "none"
    committed: bool = False


@dataclass
class Suite:
    """The checks of one app for one commit; those of Actions have a workflow run of the same life (`run` is its id)."""

    id: int
    sha: str
    branch: str
    created_at: str
    app: str = ACTIONS
    workflow: str = "ci"
    path: str = ".github/workflows/ci.yml"
    event: str = "pull_request"
    status: str = "queued"
    conclusion: str | None = None
    updated_at: str = ""
    run: int = 0
    run_number: int = 1
    attempt: int = 1


@dataclass
class Check:
    """One check run, and the Actions job of the same id; `conclusion` is None while it runs."""

    id: int
    sha: str
    branch: str
    started_at: str
    name: str = "ci"
    status: str = "in_progress"
    conclusion: str | None = None
    completed_at: str | None = None
    suite: int = 0
    app: str = ACTIONS
    attempt: int = 1
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    log: str = ""


@dataclass
class Status:
    """A commit status of the older API."""

    id: int
    sha: str
    context: str
    state: str
    description: str
    at: str


@dataclass
class Review:
    """`state` in lower case, as webhooks have it; REST shouts it."""

    id: int
    user: str
    state: str
    body: str
    sha: str
    at: str


@dataclass
class ReviewComment:
    """A comment on a line of the difference; `review` is the review it came with. Outdated: that code has changed."""

    id: int
    user: str
    body: str
    path: str
    line: int
    sha: str
    at: str
    review: int
    reply_to: int | None = None
    outdated: bool = False
    resolved: bool = False


@dataclass
class Comment:
    id: int
    user: str
    body: str
    at: str


@dataclass
class QueueEntry:
    """A pull request in the merge queue; `state` is one of MergeQueueEntryState."""

    id: int
    at: str
    by: str
    state: str = "QUEUED"


@dataclass
class Pull:
    number: int
    title: str
    body: str
    head: str
    base: str
    head_sha: str
    base_sha: str
    created_at: str
    draft: bool = False
    state: str = "open"
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    merged_by: str | None = None
    mergeable: bool | None = None
    behind: bool = False
    updated_at: str = ""
    auto_merge: Node | None = None
    queued: QueueEntry | None = None
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass
class Repository:
    """A bare repository, and what GitHub keeps beside it. `branches` is as of the last look.

    `rules` None is the plain world: nothing is required, and auto-merge waits for all checks.
    """

    id: int
    full_name: str
    path: Path
    address: str
    default_branch: str = "main"
    owner_id: int = 0
    branches: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    suites: list[Suite] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    rules: Rules | None = None
    methods: set[str] = field(default_factory=lambda: {"squash", "merge"})
    auto_merge: bool = True
    archived: bool = False
    renamed_branches: dict[str, str] = field(default_factory=dict)
    unknown_reads: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.owner_id = self.owner_id or sum(self.owner.encode())

    @property
    def owner(self) -> str:
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.split("/")[1]

    @property
    def api(self) -> str:
        return f"{self.address}/github/repos/{self.full_name}"

    @property
    def html(self) -> str:
        return f"{self.address}/github/{self.full_name}"

    def checks_of(self, sha: str) -> list[Check]:
        """All check runs of a commit, each attempt of each workflow."""
        return [check for check in self.checks if check.sha == sha]

    def latest_checks(self, sha: str) -> list[Check]:
        """Of each suite the newest run of each name, as `filter=latest` shows them."""
        return list({(check.suite, check.name): check for check in self.checks_of(sha)}.values())

    def statuses_of(self, sha: str) -> list[Status]:
        """The newest status of each context."""
        return list({status.context: status for status in self.statuses if status.sha == sha}.values())

    def suite(self, id: int) -> Suite | None:
        return next((suite for suite in self.suites if suite.id == id), None)
