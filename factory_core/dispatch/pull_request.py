"""A pull request as the code host shows it at one moment, and the branch names that tie it to an item."""

from __future__ import annotations

import re
from typing import Literal

from ..work_item import Frozen

_BRANCH = re.compile(r"^factory/([A-Za-z][A-Za-z0-9_]*-\d+)(?:-|$)")
_MARK = re.compile(r"<!-- factory:item=([A-Za-z][A-Za-z0-9_]*-\d+) -->")


class Check(Frozen):
    """One check of the head commit. `conclusion` is empty while it runs; names are the code host's, in lower case."""

    name: str
    status: Literal["pending", "completed"]
    conclusion: str = ""  # success, failure, neutral, skipped, cancelled, timed_out, action_required …
    summary: str = ""
    url: str = ""


class Review(Frozen):
    """One person's newest verdict. Only people who may write to the repository are listed."""

    id: str
    author: str
    state: Literal["approved", "changes_requested", "commented", "dismissed"]
    body: str = ""
    commit: str = ""  # the head that was reviewed


class PullRequest(Frozen):
    """A snapshot. None means that the code host did not say; nothing is merged on a None."""

    repository: str
    number: int
    url: str = ""
    branch: str = ""
    base: str = ""  # the branch that it goes into
    head_sha: str = ""
    state: Literal["open", "closed"] = "open"
    draft: bool | None = None
    merged: bool | None = None
    mergeable: bool | None = None  # no conflicts
    checks: tuple[Check, ...] | None = None
    reviews: tuple[Review, ...] | None = None
    merged_by: str = ""


def branch_of(key: str, title: str, generation: int) -> str:
    """`factory/<KEY>-<slug>`; a reopened item gets a number at the end. The slug is plain ASCII.

    The key is the item's id (the oldest one), so that the branch leads back to the record when the ticket moved.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-")
    return f"factory/{key}-{slug or 'work'}" + (f"-{generation}" if generation > 1 else "")


def item_of_branch(branch: str) -> str:
    """The item's key in one of our branch names, or nothing."""
    match = _BRANCH.match(branch)
    return match[1] if match else ""


def item_mark(work_item_id: str) -> str:
    """A line in the pull request's body, for the events that do not name the branch."""
    return f"<!-- factory:item={work_item_id} -->"


def item_of_body(body: str) -> str:
    """The item that item_mark() wrote into a body, or nothing."""
    match = _MARK.search(body)
    return match[1] if match else ""
