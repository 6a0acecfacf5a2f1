"""Nothing is merged on what is unknown, missing, old or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from factory_core.config import Merge
from factory_core.dispatch.merge_gate import gate
from factory_core.dispatch.pull_request import Check, PullRequest, Review, branch_of, item_of_branch

pytestmark = pytest.mark.pure

GREEN = Check(name="ci", status="completed", conclusion="success")
APPROVED = Review(id="1", author="sam", state="approved", commit="abc")


def pull(**changes: Any) -> PullRequest:
    fields: dict[str, Any] = {
        "repository": "acme/shop", "number": 1, "base": "main", "head_sha": "abc",
        "draft": False, "merged": False, "mergeable": True,
        "checks": (GREEN,), "reviews": (),
    }  # fmt: skip
    return PullRequest(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"draft": True},
        {"draft": None},
        {"head_sha": ""},
        {"mergeable": None},
        {"reviews": None},
        {"comments": None},
        {"moved": True},
        {"checks": None},
        {"checks": (Check(name="ci", status="expected"),)},
        {"checks": (GREEN, Check(name="e2e", status="expected"))},
        {"checks": (GREEN, Check(name="app", status="expected", since=datetime(2026, 11, 20, tzinfo=UTC)))},
        {"checks": (Check(name="ci", status="completed", conclusion="skipped"),)},
        {"checks": (Check(name="ci", status="completed", conclusion="success", vacuous=True),)},
        {"reviews": (Review(id="7", author="sam", state="changes_requested", standing="unknown"),)},
        {"reviews": (Review(id="7", author="helper", state="changes_requested", standing="app"),)},
        {"checks": ()},
        {"checks": (GREEN, Check(name="slow", status="pending"))},
        {"checks": (Check(name="ci", status="completed", conclusion=""),)},
        {"checks": (Check(name="ci", status="completed", conclusion="stale"),)},
        {"checks": (Check(name="ci", status="completed", conclusion="cancelled"),)},
        {"state": "closed"},
        {"base": ""},
        {"base": "release"},
    ],
)
def test_what_is_unknown_or_unfinished_is_not_merged(changes: dict[str, Any]) -> None:
    """Each missing or open field alone keeps the gate shut."""
    assert gate(pull(), Merge(policy="on-green"), "main").verdict == "open"
    assert gate(pull(**changes), Merge(policy="on-green"), "main").verdict == "wait"


def test_the_policy_never_waits_for_a_person_whatever_is_green() -> None:
    """never means never."""
    assert gate(pull(reviews=(APPROVED,)), Merge(), "main").verdict == "wait"


def test_with_review_only_an_approval_of_this_head_counts() -> None:
    """An approval of an older head, or one that was dismissed since, opens nothing."""
    rules = Merge(policy="on-green-with-review")
    assert gate(pull(reviews=(APPROVED,)), rules, "main").verdict == "open"
    old = APPROVED.model_copy(update={"commit": "old"})
    assert gate(pull(reviews=(old,)), rules, "main").verdict == "wait"
    dismissed = APPROVED.model_copy(update={"id": "2", "state": "dismissed"})
    assert gate(pull(reviews=(APPROVED, dismissed)), rules, "main").verdict == "wait"
    comment = APPROVED.model_copy(update={"id": "3", "state": "commented"})
    assert gate(pull(reviews=(APPROVED, comment)), rules, "main").verdict == "open"


def test_a_required_check_that_has_not_reported_keeps_the_gate_shut() -> None:
    """Green is not enough when the named check is not there."""
    assert (
        gate(pull(), Merge(policy="on-green", required_checks=("e2e",)), "main").why == "the check e2e has not reported"
    )


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"checks": (Check(name="ci", status="completed", conclusion="failure"),)}, "check:abc:ci"),
        ({"reviews": (Review(id="7", author="sam", state="changes_requested", body="No."),)}, "review:7"),
        ({"mergeable": False}, "conflict:abc"),
    ],
)
def test_what_the_agent_can_mend_is_told_under_a_mark_that_is_told_once(changes: dict[str, Any], mark: str) -> None:
    """A failed check, a review that asks for changes, a conflict; under any policy."""
    for policy in ("never", "on-green", "on-green-with-review"):
        judged = gate(pull(**changes), Merge(policy=policy), "main")
        assert judged.verdict == "mend" and [told for told, _ in judged.feedback] == [mark]


@pytest.mark.parametrize(
    ("branch", "key"),
    [
        ("factory/ACME-1-rename", "ACME-1"),
        ("factory/ACME-12-x", "ACME-12"),
        ("factory/ACME-1", "ACME-1"),
        ("factory/ACME-1x", ""),
        ("feature/ACME-1-x", ""),
        ("factory/../ACME-1", ""),
        ("main", ""),
    ],
)
def test_a_branch_leads_back_to_exactly_its_item(branch: str, key: str) -> None:
    """ACME-1 is not ACME-12."""
    assert item_of_branch(branch) == key


@pytest.mark.parametrize(
    "title", ["", "../../etc/passwd", "$(rm -rf ~)", "Ünïcödé — 名前", "a" * 500, "--force", "x\ny"]
)
def test_a_branch_name_is_plain_whatever_the_title(title: str) -> None:
    """Lower-case letters, digits and dashes only; never a path, an option or a newline; and it leads back."""
    branch = branch_of("ACME-1", title, 1)
    assert item_of_branch(branch) == "ACME-1"
    assert set(branch.removeprefix("factory/ACME-1-")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(branch) < 80 and not branch.endswith("-")
