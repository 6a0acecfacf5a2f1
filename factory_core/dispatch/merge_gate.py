"""May this pull request be merged now? What is unknown or missing refuses, and absence is not success."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from ..config import Merge, ProtectedPaths
from ..protected_paths import named, protecting
from ..work_item import Frozen
from .feedback import Feedback, of_review
from .pull_request import Check, PullRequest, Review

MOST_CHECKS = 10  # failed ones that one run is told of
GREEN = frozenset({"success", "neutral", "skipped"})
FAILED = frozenset({"failure", "timed_out", "action_required", "startup_failure"})
FOR_A_PERSON = "a person must merge or approve it"
NOTHING_REQUIRED = "no check is required: neither merge.requiredChecks nor the rules of its base name one"
SILENT = timedelta(minutes=10)  # an app that has reported nothing for so long is left out


class Gate(Frozen):
    """`open`: merge this head. `wait`: not yet. `mend`: the agent must act; `feedback` says what, once each.

    `unsaid`: nothing is missing but the code host's word, which it works out when asked, and of which no event tells.
    `until`: when the wait ends by itself, of which no event tells either.
    """

    verdict: Literal["open", "wait", "mend"]
    why: str
    unsaid: bool = False
    held: bool = False  # people decide: what was told to merge by itself must not
    until: datetime | None = None
    feedback: Feedback = ()


def gate(
    pull_request: PullRequest,
    rules: Merge,
    base: str,
    flagged: str = "",
    protected: ProtectedPaths = ProtectedPaths(),  # noqa: B008 - it is frozen
) -> Gate:
    """Judge one snapshot by the policy. `base` is the branch that the item was routed to; `flagged` are checks that the
    factory ran itself and that failed: then a person merges."""
    elsewhere = _elsewhere(pull_request, base)
    if elsewhere:
        return Gate(verdict="wait", why=elsewhere, held=True)
    if pull_request.moved:
        return Gate(verdict="wait", why="its head or its base moved while it was read", unsaid=True)
    broken = _requested_changes(pull_request, rules) + _failed_checks(pull_request) + _conflict(pull_request, base)
    if broken:
        return Gate(verdict="mend", why=broken[0][1].split("\n")[0].rstrip(":"), feedback=broken)
    if flagged:
        return Gate(verdict="wait", why=f"a person decides: {flagged} failed when it was published", held=True)
    if needed := _needs_person(pull_request, rules, protected):
        return Gate(verdict="wait", why=needed, held=True)
    missing = _missing(pull_request, rules)
    if missing:
        return Gate(verdict="wait", why=missing, held=bool(_held(pull_request, rules)) or pull_request.draft is True)
    if pull_request.mergeable is not True:
        return Gate(verdict="wait", why="whether it merges cleanly is not known yet", unsaid=True)
    waited_for, left_out = _slow(pull_request, rules)
    if waited_for:
        return waited_for
    named = f" (left out: {', '.join(left_out)})" if left_out else ""
    return Gate(verdict="open", why=f"all green{named}")


def solve_conflicts(base: str) -> str:
    """For the agent, whose `origin` is current when it begins."""
    return (
        f"The branch conflicts with its base. Run `git merge origin/{base}`, solve the conflicts, and commit the merge."
    )


def counted(pull_request: PullRequest) -> tuple[Check, ...]:
    """The checks without those that nothing but an installed app stands for, which may never report."""
    return tuple(check for check in pull_request.checks or () if not _may_stay_silent(check))


def verdicts(pull_request: PullRequest, rules: Merge) -> tuple[Review, ...]:
    """Of each reviewer whose word counts the newest verdict; a mere comment does not replace one."""
    return tuple(review for review in _newest(pull_request) if _counts(review, rules))


def missing_check(checks: tuple[Check, ...], required: tuple[str, ...]) -> str:
    """What keeps these checks from being green; empty when nothing does. Those that failed are not its question."""
    if not checks:
        return "no check has reported yet"
    names = {check.name for check in checks}
    absent = [name for name in required if name not in names]
    if absent:
        return f"the check {absent[0]} has not reported"
    for check in checks:
        if check.status == "pending":
            return f"the check {check.name} is running"
        if check.status == "expected":
            return f"the check {check.name} is expected and has not reported"
        if check.conclusion not in GREEN:
            return f"the check {check.name} {_end(check)}"
    for name in required:
        named = [check for check in checks if check.name == name]
        if not any(_is_real(check) for check in named):
            return f"the check {name} {_end(named[0])}"
    succeeded = any(_is_real(check) for check in checks)
    return "" if succeeded else f"no check has succeeded: {checks[0].name} {_end(checks[0])}"


def _elsewhere(pull_request: PullRequest, base: str) -> str:
    """A person aimed it at another branch: its checks and conflicts are of that one, and people decide there."""
    if not pull_request.base:
        return "the code host did not say which branch it goes into"
    return f"it goes into {pull_request.base} now, and not into {base}" if pull_request.base != base else ""


def _requested_changes(pull_request: PullRequest, rules: Merge) -> Feedback:
    objections = (review for review in verdicts(pull_request, rules) if review.state == "changes_requested")
    return tuple(piece for review in objections for piece in of_review(review))


def _failed_checks(pull_request: PullRequest) -> Feedback:
    return tuple(
        (
            f"check:{pull_request.head_sha}:{check.name}",
            f"The check {check.name} ended with {check.conclusion}. {check.summary}".strip(),
        )
        for check in pull_request.checks or ()
        if check.status == "completed" and check.conclusion in FAILED
    )[:MOST_CHECKS]


def _conflict(pull_request: PullRequest, base: str) -> Feedback:
    if pull_request.mergeable is not False:
        return ()
    return ((f"conflict:{pull_request.head_sha}", solve_conflicts(base)),)


def protected_files(files: tuple[str, ...] | None, protected: ProtectedPaths) -> str:
    """Why a person must look at these changes; empty when they may be merged by the policy alone."""
    if files is None:
        return "the code host did not show all the files that it changes"
    patterns = protecting(protected.not_merged)
    touched = [path for path in files if patterns.touches(path)]
    return f"it changes {named(touched)}, protected by protectedPaths" if touched else ""


def _needs_person(pull_request: PullRequest, rules: Merge, protected: ProtectedPaths) -> str:
    """What the policy alone may not merge. A person's approval of exactly this head is that person's word."""
    if rules.policy == "never":
        return ""
    if any(_approves(review, pull_request) and review.standing == "writer" for review in _newest(pull_request)):
        return ""
    touched = protected_files(pull_request.files, protected)
    return f"{FOR_A_PERSON}: {touched}" if touched else ""


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
    if pull_request.reviews is None or pull_request.comments is None:
        return f"the code host did not show its {'reviews' if pull_request.reviews is None else 'comments'}"
    waiting = missing_check(counted(pull_request), rules.required_checks)
    if waiting:
        return waiting
    if rules.policy == "on-green" and not (rules.required_checks or rules.trust_any_check or pull_request.required):
        return NOTHING_REQUIRED
    held = _held(pull_request, rules)
    if held:
        return held
    approved = any(_approves(review, pull_request) for review in verdicts(pull_request, rules))
    if rules.policy == "on-green-with-review" and not approved:
        return "it waits for an approving review of this head"
    return ""


def _held(pull_request: PullRequest, rules: Merge) -> str:
    """An objection that the agent is not given, and that is not merged over either."""
    for review in _newest(pull_request):
        if review.state != "changes_requested" or _counts(review, rules):
            continue
        if review.standing == "app":
            return f"the review app {review.author} asks for changes; a person must dismiss that review"
        if review.standing == "unknown":
            return f"{review.author} asks for changes, and the code host did not say whether {review.author} may write"
    return ""


def _slow(pull_request: PullRequest, rules: Merge) -> tuple[Gate | None, tuple[str, ...]]:
    """What is waited for until its time is up, and what is left out because it is, or since nobody knows when."""
    named = rules.required_checks or pull_request.required  # what must be green is known: nothing else is waited for
    settled = None if named or not pull_request.head_since else pull_request.head_since + rules.settle_for
    if settled and pull_request.read_at and pull_request.read_at < settled:
        return Gate(verdict="wait", why="it waits for checks that may still begin", until=settled), ()
    left_out = []
    for name, since, patience in (*_silent(pull_request), *_reviewers(pull_request, rules)):
        until = since + patience if since else None
        if until and (pull_request.read_at is None or pull_request.read_at < until):
            return Gate(verdict="wait", why=f"it waits for {name}", until=until), ()
        left_out.append(name)
    return None, tuple(left_out)


def _silent(pull_request: PullRequest) -> Iterable[tuple[str, datetime | None, timedelta]]:
    silent = (check for check in pull_request.checks or () if _may_stay_silent(check))
    return ((f"the checks of {check.name}", check.since, SILENT) for check in silent)


def _reviewers(pull_request: PullRequest, rules: Merge) -> Iterable[tuple[str, datetime | None, timedelta]]:
    reviews = pull_request.reviews or ()
    seen = {_name(review) for review in reviews if review.standing == "app" and review.commit == pull_request.head_sha}
    awaited = (app for app in rules.wait_for_review_by if app.casefold() not in seen)
    return ((f"the review of {app}", pull_request.head_since, rules.wait_for_review_at_most) for app in awaited)


def _newest(pull_request: PullRequest) -> tuple[Review, ...]:
    latest: dict[tuple[bool, str], Review] = {}
    for review in pull_request.reviews or ():
        if review.state != "commented":
            latest[review.standing == "app", review.author] = review
    return tuple(latest.values())


def _counts(review: Review, rules: Merge) -> bool:
    """Of people those who may write, of apps those that the configuration lists."""
    listed = {app.casefold() for app in rules.review_apps}
    return review.standing == "writer" or (review.standing == "app" and _name(review) in listed)


def _name(review: Review) -> str:
    return review.author.casefold()


def _approves(review: Review, pull_request: PullRequest) -> bool:
    return review.state == "approved" and review.commit == pull_request.head_sha


def _may_stay_silent(check: Check) -> bool:
    return check.status == "expected" and check.since is not None


def _is_real(check: Check) -> bool:
    """Did it look at something, and like it?"""
    return check.status == "completed" and check.conclusion == "success" and not check.vacuous


def _end(check: Check) -> str:
    return "says that it checked nothing" if check.vacuous else f"ended with {check.conclusion or 'nothing'}"
