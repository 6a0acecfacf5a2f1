"""GitHub's document of a pull request becomes a PullRequest. Pure. What was not said, or not readably, is None: nothing
merges on that."""

from __future__ import annotations

from typing import Any

from factory_core.dispatch.pull_request import PullRequest
from factory_core.errors import Retryable
from factory_core.payload import number, text, truth


def pull_request(repository: str, pull: object, **read: Any) -> PullRequest:
    """`read` is what stands elsewhere: checks, reviews, comments. Raise Retryable for an answer without a number or a
    state: whatever that is, it is no pull request."""
    found, state = number(pull, "number"), text(pull, "state")
    if found is None or state not in {"open", "closed"}:
        raise Retryable(
            "GitHub's answer cannot be read", why="it has no number or no state of a pull request", fix="factory check"
        )
    return PullRequest(
        repository=repository, repository_id=str(number(pull, "base", "repo", "id") or ""), number=found,
        url=text(pull, "html_url"), title=text(pull, "title")[:300], branch=text(pull, "head", "ref"),
        base=text(pull, "base", "ref"), base_sha=text(pull, "base", "sha"), head_sha=text(pull, "head", "sha"),
        state="open" if state == "open" else "closed", draft=truth(pull, "draft"), merged=truth(pull, "merged"),
        mergeable=truth(pull, "mergeable"), merge_state=text(pull, "mergeable_state").lower(),
        merged_by=text(pull, "merged_by", "login"), **read,
    )  # fmt: skip
