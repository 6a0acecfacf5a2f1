"""May this pull request be merged now? What is unknown or missing refuses."""

from __future__ import annotations

from typing import Literal

from ..config import Merge
from ..work_item import Frozen
from .pull_request import Check, PullRequest, Review

MOST_CHECKS = 10  # failed ones that one run is told of
GREEN = frozenset({"success", "neutral", "skipped"})


class Gate(Frozen):
    """`open`: merge this head. `wait`: not yet. `mend`: the agent must act; `feedback` says what, once each.

    `unsaid`: nothing is missing but the code host's word, which it works out when asked, and of which no event tells.
    """

    verdict: Literal["open", "wait", "mend"]
    why: str
    unsaid: bool = False
    feedback: tuple[tuple[str, str], ...] = ()  # (id, words): the id is remembered, so that it is told once


def gate(pull_request: PullRequest, rules: Merge, base: str) -> Gate:
    """Judge one snapshot by the policy. `base` is the branch that the item was routed to."""
    elsewhere = _elsewhere(pull_request, base)
    if elsewhere:
        return Gate(verdict="wait", why=elsewhere)
    broken = _requested_changes(pull_request) + _failed_checks(pull_request) + _conflict(pull_request)
    if broken:
        return Gate(verdict="mend", why=broken[0][1].splitlines()[0], feedback=broken)
    missing = _missing(pull_request, rules)
    if missing:
        return Gate(verdict="wait", why=missing)
    if pull_request.mergeable is not True:
        return Gate(verdict="wait", why="whether it merges cleanly is not known yet", unsaid=True)
    return Gate(verdict="open", why="all green")


def _elsewhere(pull_request: PullRequest, base: str) -> str:
    """A person aimed it at another branch: its checks and conflicts are of that one, and people decide there."""
    if not pull_request.base:
        return "the code host did not say which branch it goes into"
    return f"it goes into {pull_request.base} now, and not into {base}" if pull_request.base != base else ""


def _requested_changes(pull_request: PullRequest) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"review:{review.id}", f"{review.author} asked for changes: {review.body or 'see the review'}")
        for review in newest(pull_request)
        if review.state == "changes_requested"
    )


def _failed_checks(pull_request: PullRequest) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            f"check:{pull_request.head_sha}:{check.name}",
            f"The check {check.name} ended with {check.conclusion}. {check.summary}".strip(),
        )
        for check in pull_request.checks or ()
        if check.status == "completed" and check.conclusion in {"failure", "timed_out", "action_required"}
    )[:MOST_CHECKS]


def _conflict(pull_request: PullRequest) -> tuple[tuple[str, str], ...]:
    if pull_request.mergeable is not False:
        return ()
    words = "The branch conflicts with its base. Merge the base into the branch and solve the conflicts."
    return ((f"conflict:{pull_request.head_sha}", words),)


def _missing(pull_request: PullRequest, rules: Merge) -> str:
    """What still stands between this head and a merge; empty when nothing does."""
    if rules.policy == "never":
        return "the policy is never to merge: a person does"
    if pull_request.state != "open":
        return "it is not open"
    if pull_request.draft is not False:
        return "it is a draft" if pull_request.draft else "the code host did not say whether it is a draft"
    if not pull_request.head_sha:
        return "the code host did not name its head commit"
    if pull_request.reviews is None:
        return "the code host did not show its reviews"
    waiting = _missing_check(pull_request.checks, rules.required_checks)
    if waiting:
        return waiting
    if rules.policy == "on-green-with-review" and not _approved(pull_request):
        return "it waits for an approving review of this head"
    return ""


def _missing_check(checks: tuple[Check, ...] | None, required: tuple[str, ...]) -> str:
    if not checks:
        return "no check has reported yet"
    names = {check.name for check in checks}
    absent = [name for name in required if name not in names]
    if absent:
        return f"the check {absent[0]} has not reported"
    for check in checks:
        if check.status != "completed":
            return f"the check {check.name} is running"
        if check.conclusion not in GREEN:
            return f"the check {check.name} ended with {check.conclusion or 'nothing'}"
    return ""


def _approved(pull_request: PullRequest) -> bool:
    return any(review.state == "approved" and review.commit == pull_request.head_sha for review in newest(pull_request))


def newest(pull_request: PullRequest) -> tuple[Review, ...]:
    """Each person's newest verdict; a mere comment does not replace one."""
    latest: dict[str, Review] = {}
    for review in pull_request.reviews or ():
        if review.state != "commented":
            latest[review.author] = review
    return tuple(latest.values())
