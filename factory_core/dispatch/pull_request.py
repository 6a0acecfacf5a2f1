"""A pull request as the code host shows it at one moment, and the branch names that tie it to an item."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from ..text.foreign_text import for_branch
from ..work_item import Frozen, StoredModel

PREFIX = "factory/"
"""Every branch of the factory begins so."""

_BRANCH = re.compile(r"^factory/([A-Za-z0-9_]{1,40}-[0-9]{1,12})(?:-|$)")
_PLAIN = re.compile(r"[A-Za-z0-9_]{1,40}(-[0-9]{1,12})?")
_MARK = re.compile(r"<!-- factory:item=([^\s<>]{1,200}) -->")


Standing = Literal["writer", "outsider", "unknown", "author", "app"]
"""What a person may do in the repository, which is what makes a word count; the code host says it, nobody guesses.

writer: may push. outsider: may not. unknown: the host would not say. author: may push, and opened the pull request, so
that it is no reviewer of it. app: not a person; it counts as far as the configuration lists it.
"""


class Check(StoredModel):
    """One check of the head commit. `conclusion` is empty while it runs; names are the code host's, in lower case.

    expected: something will report under this name, and has not. `since` is when the host began to expect it; without
    it a rule of the branch expects it, for as long as that takes.
    """

    name: str
    status: Literal["expected", "pending", "completed"]
    conclusion: str = ""  # success, failure, neutral, skipped, cancelled, timed_out, action_required …
    vacuous: bool = False  # a success that says itself that nothing was checked
    since: datetime | None = None
    summary: str = ""
    url: str = ""


class Comment(StoredModel):
    """What somebody wrote on the pull request, or at a line of it."""

    id: str  # the same however often it is read; never another comment's
    author: str
    body: str
    standing: Standing = "writer"
    path: str = ""  # of a comment at a line: the file, and
    line: int | None = None  # the line of its newest text, or where it was when it is outdated
    outdated: bool = False  # the line has changed since

    @property
    def place(self) -> str:
        """`shop/cart.py:12`, with a word where that line has changed since; empty for a comment at no line."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where} (outdated)" if self.outdated and where else where


class Review(StoredModel):
    """One verdict, with the comments at lines that were written with it."""

    id: str
    author: str
    state: Literal["approved", "changes_requested", "commented", "dismissed"]
    body: str = ""
    commit: str = ""  # the head that was reviewed
    standing: Standing = "writer"
    comments: tuple[Comment, ...] = ()


class FileChange(Frozen):
    """What a branch does to one file, as the code host or git tells."""

    path: str
    former: str = ""  # its name before, where it was renamed
    sha: str = ""  # git's own id of its content, or of a submodule's commit; empty: the file is deleted
    patch: str | None = None  # the changed lines, as a unified diff; None: not shown


def paths_of(changes: Iterable[FileChange]) -> tuple[str, ...]:
    """Under every name that they have or had."""
    return tuple(dict.fromkeys(name for change in changes for name in (change.former, change.path) if name))


class PullRequest(StoredModel):
    """A snapshot. None means that the code host did not say; nothing is merged on a None."""

    repository: str
    repository_id: str = ""  # the code host's own id, which a rename does not change
    number: int
    url: str = ""
    title: str = ""
    branch: str = ""
    base: str = ""  # the branch that it goes into
    base_sha: str = ""
    head_sha: str = ""
    head_since: datetime | None = None  # when the host first knew of this head
    state: Literal["open", "closed"] = "open"
    draft: bool | None = None
    merged: bool | None = None
    mergeable: bool | None = None  # no conflicts
    merge_state: str = ""  # what the host says of merging it: clean, behind, blocked, dirty, unstable …
    checks: tuple[Check, ...] | None = None
    reviews: tuple[Review, ...] | None = None
    comments: tuple[Comment, ...] | None = ()  # of people, oldest first
    files: tuple[str, ...] | None = None  # that it changes, under every name; only while it is open
    required: tuple[str, ...] | None = None  # checks that the host itself requires before a merge into the base
    merged_by: str = ""
    read_at: datetime | None = None
    moved: bool = False  # its head or its base changed while it was read: it is no picture of one moment

    def bounded(self) -> PullRequest:
        """Without the long texts: the record keeps what is shown, the next read brings the rest."""
        checks = tuple(check.model_copy(update={"summary": ""}) for check in self.checks or ())[:50]
        judged = [one for one in self.reviews or () if one.state != "commented" or one.standing == "app"]
        reviews = tuple(review.model_copy(update={"body": "", "comments": ()}) for review in judged)[-50:]
        comments = None if self.comments is None else ()
        files = None if self.files is None else ()
        return self.model_copy(update={"checks": checks, "reviews": reviews, "comments": comments, "files": files})


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
