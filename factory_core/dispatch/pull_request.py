"""A pull request as the code host shows it at one moment, and the branch names that tie it to an item."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from ..work_item import Frozen
from .foreign_text import for_branch

PREFIX = "factory/"
"""Every branch of the factory begins so."""

_BRANCH = re.compile(r"^factory/([A-Za-z0-9_]{1,40}-[0-9]{1,12})(?:-|$)")
_PLAIN = re.compile(r"[A-Za-z0-9_]{1,40}(-[0-9]{1,12})?")
_MARK = re.compile(r"<!-- factory:item=([^\s<>]{1,200}) -->")


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
    repository_id: str = ""  # the code host's own id, which a rename does not change
    number: int
    url: str = ""
    title: str = ""
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
    """`factory/<KEY>-<slug>`; a reopened item gets `-v2` at the end: a bare number would make a key of the last word.

    A name that git takes, whatever the key is, and one that trackers find only this key in.
    """
    again = f"-v{generation}" if generation > 1 else ""
    return f"{PREFIX}{_spelled(key)}-{for_branch(title) or 'work'}{again}"


def carries_key(branch: str, key: str) -> bool:
    """Is it a branch of the item of this key?"""
    return bool(key) and branch.startswith(f"{PREFIX}{_spelled(key)}-")


def _spelled(key: str) -> str:
    """The key as a part of a branch's name. One that git might refuse (`acme/shop#12`) is spelled with dots, and a
    digest keeps it apart from others that are spelled alike."""
    if _PLAIN.fullmatch(key):
        return key
    dotted = re.sub(r"[^A-Za-z0-9]+", ".", key).strip(".")[:60].strip(".")
    return f"{dotted}-x{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}".lstrip("-")


def aliases_of(pull_request: PullRequest) -> list[str]:
    """The names by which events find the item of this pull request. A relay knows repositories by name alone, and
    names the branch."""
    by_name = names_at(pull_request.repository, None, pull_request.branch)
    known = names_at(pull_request.repository_id or pull_request.repository, pull_request.number, pull_request.branch)
    return list(dict.fromkeys((*known, *by_name)))


def names_at(place: str, number: int | None, branch: str) -> list[str]:
    """`place` is the repository's own id, or its name where the id is not known: a renamed repository keeps its id."""
    names = [f"pull:{place}#{number}"] if number else []
    return [*names, f"branch:{place}:{branch}"] if branch.startswith(PREFIX) else names


def item_of_branch(branch: str) -> str:
    """The key that one of our branches begins with, as far as a pattern can tell: for the log, and for records that
    were stored without aliases. Nothing is found by it that an alias finds."""
    match = _BRANCH.match(branch)
    return match[1] if match else ""


def item_mark(work_item_id: str) -> str:
    """A line in the pull request's body, for the events that do not name the branch."""
    return f"<!-- factory:item={work_item_id} -->"


def item_of_body(body: str) -> str:
    """The item that item_mark() wrote into a body, or nothing."""
    match = _MARK.search(body)
    return match[1] if match else ""
