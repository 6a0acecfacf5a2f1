"""What a branch requires before a pull request is merged into it, and GitHub's words for what is missing. Pure.

https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..node import Node


class Rules(BaseModel):
    """Of the default branch. `code_owners` maps a team or a login, as GitHub shows it, to the people who decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["ruleset", "protection"] = "ruleset"
    required_checks: tuple[str, ...] = ()
    up_to_date: bool = False
    approvals: int = 0
    code_owners: Mapping[str, tuple[str, ...]] = {}
    merge_queue: bool = False

    @property
    def any(self) -> bool:
        return bool(self.required_checks or self.approvals or self.code_owners or self.merge_queue)


def refusal(rules: Rules | None, missing: Sequence[str]) -> str:
    """The message of the 405: a ruleset has a heading and a paragraph for each reason, branch protection one line."""
    if rules and rules.source == "ruleset":
        return "Repository rule violations found\n\n" + "".join(f"{one}\n\n" for one in missing)
    return " ".join(missing)


def missing_reviews(rules: Rules, opinions: Mapping[str, str]) -> list[str]:
    """`opinions`: the newest verdict of everybody with write access, the author aside."""
    against = sum(state == "changes_requested" for state in opinions.values())
    approved = {login for login, state in opinions.items() if state == "approved"}
    missing = []
    if against and (rules.approvals or rules.code_owners):
        reviews = "1 review" if against == 1 else f"{against} reviews"
        missing.append(f"{reviews} requesting changes by reviewers with write access.")
    if len(approved) < rules.approvals:
        wanted = "1 approving review is" if rules.approvals == 1 else f"{rules.approvals} approving reviews are"
        missing.append(f"At least {wanted} required by reviewers with write access.")
    owners = [shown for shown, people in rules.code_owners.items() if not approved & set(people)]
    if owners:
        missing.append(f"Waiting on code owner review from {' and/or '.join(owners)}.")
    return missing


def missing_checks(rules: Rules, states: Mapping[str, str]) -> list[str]:
    """`states`: success, failing, pending, in progress or queued by the check's name; what is not there is expected."""
    unmet = {name: states.get(name, "expected") for name in rules.required_checks}
    unmet = {name: state for name, state in unmet.items() if state != "success"}
    if not unmet:
        return []
    if len(unmet) == 1:
        ((name, state),) = unmet.items()
        return [f'Required status check "{name}" is {state}.']
    some = f"{len(unmet)} of {len(rules.required_checks)} required status checks"
    counts = Counter(unmet.values())
    if set(counts) == {"expected"}:
        return [f"{some} are expected."]
    return [f"{some} have not succeeded: {', '.join(f'{count} {state}' for state, count in sorted(counts.items()))}."]


def rules_json(rules: Rules, full_name: str) -> list[Node]:
    """GET /repos/{o}/{r}/rules/branches/{b}: what rulesets ask; classic protection is not among it."""
    if rules.source != "ruleset":
        return []
    found: list[tuple[str, Node]] = []
    if rules.approvals or rules.code_owners:
        found.append(("pull_request", {
            "required_approving_review_count": rules.approvals,
            "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": bool(rules.code_owners),
            "require_last_push_approval": False,
            "required_review_thread_resolution": False,
            "allowed_merge_methods": ["merge", "squash", "rebase"],
        }))  # fmt: skip
    if rules.required_checks:
        found.append(("required_status_checks", {
            "strict_required_status_checks_policy": rules.up_to_date,
            "do_not_enforce_on_create": False,
            "required_status_checks": [{"context": name} for name in rules.required_checks],
        }))  # fmt: skip
    if rules.merge_queue:
        found.append(("merge_queue", {
            "check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN", "max_entries_to_build": 5,
            "max_entries_to_merge": 5, "merge_method": "SQUASH", "min_entries_to_merge": 1,
            "min_entries_to_merge_wait_minutes": 5,
        }))  # fmt: skip
    source = {"ruleset_source_type": "Repository", "ruleset_source": full_name, "ruleset_id": 1}
    return [{"type": kind, **source, "parameters": parameters} for kind, parameters in found]


def protection_json(rules: Rules, url: str) -> Node:
    """GET /repos/{o}/{r}/branches/{b}/protection/required_status_checks."""
    checks: list[Any] = [{"context": name, "app_id": None} for name in rules.required_checks]
    return {
        "url": url,
        "strict": rules.up_to_date,
        "contexts": list(rules.required_checks),
        "contexts_url": f"{url}/contexts",
        "checks": checks,
    }
