"""GitHub's JSON of repositories, pull requests, checks and reviews, as REST and webhooks share it.

https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .node import Node

BOT = "factory-bot"


@dataclass
class Check:
    """One check run; `conclusion` is None while it runs."""

    id: int
    sha: str
    branch: str
    started_at: str
    name: str = "ci"
    status: str = "in_progress"
    conclusion: str | None = None
    completed_at: str | None = None


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
class Comment:
    id: int
    user: str
    body: str
    at: str


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
    updated_at: str = ""
    auto_merge: Node | None = None
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass
class Repository:
    """A bare repository, and what GitHub keeps beside it. `branches` is as of the last look."""

    id: int
    full_name: str
    path: Path
    address: str
    default_branch: str = "main"
    branches: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def api(self) -> str:
        return f"{self.address}/github/repos/{self.full_name}"

    @property
    def html(self) -> str:
        return f"{self.address}/github/{self.full_name}"

    def checks_of(self, sha: str) -> list[Check]:
        return [check for check in self.checks if check.sha == sha]


def user_json(login: str) -> Node:
    return {
        "login": login,
        "id": sum(login.encode()),
        "type": "Bot" if login == BOT else "User",
        "site_admin": False,
    }


def repository_json(repository: Repository) -> Node:
    owner, name = repository.full_name.split("/")
    return {
        "id": repository.id,
        "name": name,
        "full_name": repository.full_name,
        "private": True,
        "owner": user_json(owner),
        "html_url": repository.html,
        "url": repository.api,
        "clone_url": f"{repository.address}/git/{repository.full_name}.git",
        "default_branch": repository.default_branch,
        "fork": False,
        "archived": False,
    }


def _end(repository: Repository, branch: str, sha: str) -> Node:
    owner = repository.full_name.split("/")[0]
    ref = {"label": f"{owner}:{branch}", "ref": branch, "sha": sha, "user": user_json(owner)}
    return {**ref, "repo": repository_json(repository)}


def pull_json(repository: Repository, pull: Pull) -> Node:
    state = "draft" if pull.draft else {True: "clean", False: "dirty", None: "unknown"}[pull.mergeable]
    return {
        "id": repository.id * 10_000 + pull.number,
        "node_id": node_id(repository, pull),
        "number": pull.number,
        "url": f"{repository.api}/pulls/{pull.number}",
        "html_url": f"{repository.html}/pull/{pull.number}",
        "title": pull.title,
        "body": pull.body,
        "user": user_json(BOT),
        "state": pull.state,
        "draft": pull.draft,
        "locked": False,
        "merged": pull.merged_at is not None,
        "merged_at": pull.merged_at,
        "merged_by": user_json(pull.merged_by) if pull.merged_by else None,
        "merge_commit_sha": pull.merge_commit_sha,
        "mergeable": pull.mergeable,
        "mergeable_state": state,
        "auto_merge": pull.auto_merge,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at or pull.created_at,
        "closed_at": pull.updated_at if pull.state == "closed" else None,
        "head": _end(repository, pull.head, pull.head_sha),
        "base": _end(repository, pull.base, pull.base_sha),
        "labels": [],
        "assignees": [],
        "requested_reviewers": [],
        "author_association": "CONTRIBUTOR",
        "comments": len(pull.comments),
    }


def node_id(repository: Repository, pull: Pull) -> str:
    return f"PR_{repository.id}_{pull.number}"


def review_json(repository: Repository, pull: Pull, review: Review) -> Node:
    return {
        "id": review.id,
        "node_id": f"PRR_{review.id}",
        "user": user_json(review.user),
        "body": review.body,
        "state": review.state,
        "commit_id": review.sha,
        "submitted_at": review.at,
        "html_url": f"{repository.html}/pull/{pull.number}#pullrequestreview-{review.id}",
        "pull_request_url": f"{repository.api}/pulls/{pull.number}",
        "author_association": "COLLABORATOR",
    }


def comment_json(repository: Repository, pull: Pull, comment: Comment) -> Node:
    return {
        "id": comment.id,
        "url": f"{repository.api}/issues/comments/{comment.id}",
        "html_url": f"{repository.html}/pull/{pull.number}#issuecomment-{comment.id}",
        "issue_url": f"{repository.api}/issues/{pull.number}",
        "user": user_json(comment.user),
        "body": comment.body,
        "created_at": comment.at,
        "updated_at": comment.at,
        "author_association": "COLLABORATOR",
    }


def _pulls_of(repository: Repository, sha: str) -> list[Node]:
    """The short form that checks carry."""
    here = {"id": repository.id, "url": repository.api, "name": repository.full_name.split("/")[1]}
    return [
        {
            "id": repository.id * 10_000 + pull.number,
            "number": pull.number,
            "url": f"{repository.api}/pulls/{pull.number}",
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": here},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": here},
        }
        for pull in repository.pulls
        if pull.head_sha == sha
    ]


def suite_json(repository: Repository, check: Check) -> Node:
    return {
        "id": check.id + 1,
        "head_branch": check.branch,
        "head_sha": check.sha,
        "status": check.status,
        "conclusion": check.conclusion,
        "pull_requests": _pulls_of(repository, check.sha),
        "app": {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"},
        "created_at": check.started_at,
        "updated_at": check.completed_at or check.started_at,
        "latest_check_runs_count": 1,
    }


def check_json(repository: Repository, check: Check) -> Node:
    said = {None: None, "success": "All tests passed."}.get(check.conclusion, f"The tests ended as {check.conclusion}.")
    return {
        "id": check.id,
        "name": check.name,
        "head_sha": check.sha,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": check.started_at,
        "completed_at": check.completed_at,
        "url": f"{repository.api}/check-runs/{check.id}",
        "html_url": f"{repository.html}/runs/{check.id}",
        "details_url": f"{repository.html}/runs/{check.id}",
        "output": {"title": check.name, "summary": said, "text": None, "annotations_count": 0},
        "check_suite": {"id": check.id + 1, "head_branch": check.branch, "head_sha": check.sha},
        "app": {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"},
        "pull_requests": _pulls_of(repository, check.sha),
    }


def event(repository: Repository, action: str | None, sender: str, **parts: Any) -> Node:
    """A webhook's body: the action, the parts that the event has, and who did it where."""
    named = {"action": action} if action else {}
    return {**named, **parts, "repository": repository_json(repository), "sender": user_json(sender)}


def pull_event(repository: Repository, pull: Pull, action: str, sender: str = BOT, **more: Any) -> Node:
    parts: Node = {"number": pull.number, "pull_request": pull_json(repository, pull), **more}
    return event(repository, action, sender, **parts)


def issue_comment_event(repository: Repository, pull: Pull, comment: Comment) -> Node:
    issue = {
        "number": pull.number,
        "title": pull.title,
        "body": pull.body,
        "state": pull.state,
        "user": user_json(BOT),
        "html_url": f"{repository.html}/pull/{pull.number}",
        "labels": [],
        "pull_request": {
            "url": f"{repository.api}/pulls/{pull.number}",
            "html_url": f"{repository.html}/pull/{pull.number}",
        },
    }
    return event(repository, "created", comment.user, issue=issue, comment=comment_json(repository, pull, comment))
