"""May this pull request be merged now? What the rules of its base still ask for, in GitHub's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import people
from .records import BOT, Pull, Repository
from .rules import missing_checks, missing_reviews, refusal

METHODS = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
RUNNING = {"in_progress": "in progress", "queued": "queued", "waiting": "waiting"}


def merge_refusal(repo: Repository, pull: Pull, sha: str | None, method: str) -> tuple[int, str] | None:
    """Status and message with which PUT …/merge is refused; None: it is merged."""
    if pull.state != "open":
        return 405, "Pull Request is not mergeable"
    if pull.draft:
        return 405, "Pull Request is still a draft"
    if sha is not None and sha != pull.head_sha:
        return 409, "Head branch was modified. Review and try the merge again."
    if not pull.mergeable:
        return 405, "Pull Request has merge conflicts"
    if pull.queued:
        return 405, "Pull Request is in the merge queue"
    if method not in repo.methods:
        return 405, f"{METHODS.get(method, method)} are not allowed on this repository."
    rules = repo.rules
    missing = (
        ["Changes must be made through the merge queue"] if rules and rules.merge_queue else missing_of(repo, pull)
    )
    if missing:
        return 405, refusal(rules, missing)
    return (405, "Head branch is out of date. Review and try the merge again.") if is_behind(repo, pull) else None


def missing_of(repo: Repository, pull: Pull) -> list[str]:
    """One sentence for each requirement that is not met."""
    rules = repo.rules
    if rules is None or pull.base != repo.default_branch:
        return []
    opinions = {
        review.user: review.state
        for review in pull.reviews
        if review.state != "commented" and review.user != BOT and people.may_write(repo, review.user)
    }
    return [*missing_reviews(rules, opinions), *missing_checks(rules, check_states(repo, pull.head_sha))]


def is_behind(repo: Repository, pull: Pull) -> bool:
    """The branch lacks commits of its base, and the rules want them in it."""
    return bool(repo.rules and repo.rules.up_to_date and pull.behind)


def is_ready(repo: Repository, pull: Pull) -> bool:
    """Nothing that auto-merge would wait for: in the plain world all checks, else what the rules ask for."""
    if not pull.mergeable:
        return False
    if repo.rules is None:
        checks = repo.checks_of(pull.head_sha)
        return bool(checks) and all(check.conclusion == "success" for check in checks)
    return not missing_of(repo, pull) and not is_behind(repo, pull)


def mergeable_state(repo: Repository, pull: Pull) -> str:
    """https://docs.github.com/graphql/reference/enums#mergestatestatus, in lower case as REST has it."""
    if pull.draft or not pull.mergeable:
        return "draft" if pull.draft else "unknown" if pull.mergeable is None else "dirty"
    if missing_of(repo, pull):
        return "blocked"
    if is_behind(repo, pull):
        return "behind"
    return "clean" if all(state == "success" for state in check_states(repo, pull.head_sha).values()) else "unstable"


def check_states(repo: Repository, sha: str) -> Mapping[str, str]:
    """Of each check and status its newest result, as the rules know them; skipped and neutral pass, as with GitHub."""
    states = {
        check.name: RUNNING.get(check.status, "pending")
        if check.status != "completed"
        else "success"
        if check.conclusion in ("success", "neutral", "skipped")
        else "failing"
        for check in repo.latest_checks(sha)
    }
    for status in repo.statuses_of(sha):
        states[status.context] = {"success": "success", "pending": "pending"}.get(status.state, "failing")
    return states
