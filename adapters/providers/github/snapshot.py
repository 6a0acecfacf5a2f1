"""GitHub's answers become a PullRequest. Pure. What was not said, or not readably, is None: nothing merges on that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError

from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.errors import Retryable
from factory_core.intake.payload import number, text, truth

Known = TypeVar("Known")

MAY_WRITE = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})  # docs.github.com/graphql/reference/enums
LONGEST_SUMMARY, LONGEST_REVIEW = 500, 4_000  # characters


def pull_request(
    repository: str, pull: object, checks: tuple[Check, ...] | None = None, reviews: tuple[Review, ...] | None = None
) -> PullRequest:
    """Raise Retryable for an answer without a number or a state: whatever that is, it is no pull request."""
    found, state = number(pull, "number"), text(pull, "state")
    if found is None or state not in {"open", "closed"}:
        raise Retryable(
            "GitHub's answer cannot be read", why="it has no number or no state of a pull request", fix="factory check"
        )
    return PullRequest(
        repository=repository, repository_id=str(number(pull, "base", "repo", "id") or ""), number=found,
        url=text(pull, "html_url"), title=text(pull, "title")[:300], branch=text(pull, "head", "ref"),
        base=text(pull, "base", "ref"), head_sha=text(pull, "head", "sha"),
        state="open" if state == "open" else "closed", draft=truth(pull, "draft"), merged=truth(pull, "merged"),
        mergeable=truth(pull, "mergeable"), checks=checks, reviews=reviews, merged_by=text(pull, "merged_by", "login"),
    )  # fmt: skip


def checks_of(runs: list[Any] | None, statuses: list[Any] | None) -> tuple[Check, ...] | None:
    """Check runs and commit statuses as one list, of each the newest; None when any of them is not known.

    Two workflows may have jobs of the same name, so a run replaces only an older one of its own suite.
    """
    if runs is None or statuses is None:
        return None
    latest: dict[object, Check | None] = {}
    for run in sorted(runs, key=lambda run: number(run, "id") or 0):
        latest["run", number(run, "check_suite", "id"), text(run, "name")] = _check_of_run(run)
    for status in sorted(statuses, key=lambda status: text(status, "updated_at")):
        latest["status", text(status, "context")] = _check_of_status(status)
    return _all(latest.values())


def _check_of_run(run: object) -> Check | None:
    name, status = text(run, "name"), text(run, "status")
    if not name or not status:
        return None
    ended = status == "completed"
    words = text(run, "output", "title"), text(run, "output", "summary")
    return Check(
        name=name,
        status="completed" if ended else "pending",
        conclusion=text(run, "conclusion").lower() if ended else "",
        summary=": ".join(filter(None, words))[:LONGEST_SUMMARY],
        url=text(run, "html_url") or text(run, "details_url"),
    )


def _check_of_status(status: object) -> Check | None:
    """A commit status is pending, success, failure or error; the last two are one to us."""
    name, state = text(status, "context"), text(status, "state").lower()
    if not name or not state:
        return None
    return Check(
        name=name,
        status="pending" if state == "pending" else "completed",
        conclusion={"pending": "", "error": "failure"}.get(state, state),
        summary=text(status, "description")[:LONGEST_SUMMARY],
        url=text(status, "target_url"),
    )


def reviews_of(rows: list[Any] | None) -> tuple[Review, ...] | None:
    """The reviews of people who may write here, newest last; None when one of the rows cannot be read."""
    if rows is None:
        return None
    rows = sorted(rows, key=lambda row: text(row, "submitted_at"))
    shown = [row for row in rows if text(row, "state") != "PENDING"]  # a draft that only its author sees
    if not all(text(row, "author_association") for row in shown):
        return None
    return _all(_review_of(row) for row in shown if text(row, "author_association") in MAY_WRITE)


def _review_of(row: object) -> Review | None:
    fields = {
        "id": str(number(row, "id") or ""),
        "author": text(row, "user", "login") or "ghost",  # GitHub's name for a deleted account
        "state": text(row, "state").lower(),
        "body": text(row, "body")[:LONGEST_REVIEW],
        "commit": text(row, "commit_id"),
    }
    try:
        return Review.model_validate(fields) if fields["id"] else None
    except ValidationError:
        return None  # a state that we do not know


def _all(found: Iterable[Known | None]) -> tuple[Known, ...] | None:
    """All of them, or None if one is not known."""
    ones = tuple(found)
    known = tuple(one for one in ones if one is not None)
    return known if len(known) == len(ones) else None
