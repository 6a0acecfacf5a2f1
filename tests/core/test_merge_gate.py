"""Nothing is merged on what is unknown, missing, old or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from factory_core.config import Merge, ProtectedPaths
from factory_core.dispatch.merge_gate import gate
from factory_core.dispatch.pull_request import Check, PullRequest, Review, branch_of, item_of_branch

pytestmark = pytest.mark.pure

GREEN = Check(name="ci", status="completed", conclusion="success")
APPROVED = Review(id="1", author="sam", state="approved", commit="abc")


def pull(**changes: Any) -> PullRequest:
    fields: dict[str, Any] = {
        "repository": "acme/shop", "number": 1, "base": "main", "head_sha": "abc",
        "draft": False, "merged": False, "mergeable": True,
        "checks": (GREEN,), "reviews": (), "files": (), "required": ("ci",),
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


def test_a_new_head_settles_only_where_no_check_is_named() -> None:
    """Checks begin one by one: where none is named, more of them may begin; where some are, those must be green."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    new: dict[str, Any] = {"head_since": now, "read_at": now + timedelta(seconds=59)}
    old: dict[str, Any] = {"head_since": now, "read_at": now + timedelta(seconds=60)}
    any_check = Merge(policy="on-green", trust_any_check=True)
    unsettled = gate(pull(**new, required=()), any_check, "main")
    assert (unsettled.verdict, unsettled.until) == ("wait", now + timedelta(minutes=1))
    assert gate(pull(**old, required=()), any_check, "main").verdict == "open"
    assert gate(pull(**new, required=("ci",)), any_check, "main").verdict == "open"
    assert gate(pull(**new, required=()), Merge(policy="on-green", required_checks=("ci",)), "main").verdict == "open"


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


PROTECTED = (
    ".github/workflows/ci.yml", ".GitHub/WorkFlows/CI.yml", ".github/workflows", ".github", ".github/actions/x/run.sh",
    "tools/deploy/action.yml", ".gitlab-ci.yml", "ci/build.gitlab-ci.yml", ".circleci/config.yml", "Jenkinsfile",
    "services/api/jenkinsfile.release", "azure-pipelines.yml", ".buildkite/pipeline.yml", ".travis.yml", ".drone.yml",
    "bitbucket-pipelines.yml", ".woodpecker/test.yml", ".woodpecker.yml", "CODEOWNERS", "docs/codeowners",
    ".github/CODEOWNERS", "factory.config.yaml", ".github/work\u200bflows/a.yml", ".github/workflows./a.yml",
    ".github\\workflows\\a.yml",
)  # fmt: skip
ORDINARY = ("src/app.py", ".github/ISSUE_TEMPLATE/bug.md", "docs/workflows/ci.md", "transaction.yml", "uv.lock", ".git")


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("policy", ["on-green", "on-green-with-review"])
def test_what_is_protected_is_not_merged_by_itself(policy: Any, path: str) -> None:
    """Under any name that some file system takes for it, and where a link or a submodule replaces a folder above it."""
    rules, mine = Merge(policy=policy), (APPROVED.model_copy(update={"standing": "app", "author": "helper"}),)
    judged = gate(pull(files=("src/app.py", path), reviews=mine), rules, "main")
    assert (judged.verdict, judged.held) == ("wait", True) and "protectedPaths" in judged.why


@pytest.mark.parametrize("path", ORDINARY)
def test_what_is_not_protected_is_merged_by_the_policy(path: str) -> None:
    assert gate(pull(files=(path,)), Merge(policy="on-green"), "main").verdict == "open"


def test_files_that_are_not_shown_are_taken_for_protected() -> None:
    judged = gate(pull(files=None), Merge(policy="on-green"), "main")
    assert (judged.verdict, judged.held) == ("wait", True) and "did not show" in judged.why


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "open"),
        ({"commit": "older"}, "wait"),
        ({"standing": "outsider"}, "wait"),
        ({"standing": "unknown"}, "wait"),
        ({"standing": "app"}, "wait"),
        ({"standing": "author"}, "wait"),
        ({"state": "commented"}, "wait"),
        ({"state": "dismissed"}, "wait"),
    ],
)
def test_an_approval_of_this_head_by_somebody_who_may_write_is_a_persons_word(
    changes: dict[str, Any], verdict: str
) -> None:
    """Of no other head, and of nobody else; an app that may approve otherwise is no person."""
    review = APPROVED.model_copy(update=changes)
    rules = Merge(policy="on-green", review_apps=("sam",))
    assert gate(pull(files=("CODEOWNERS",), reviews=(review,)), rules, "main").verdict == verdict


def test_the_lists_of_the_configuration_take_the_place_of_the_defaults() -> None:
    """What is not even pushed is not merged either; lock files are protected by choice."""
    rules = ProtectedPaths(push=("deploy/**",), merge=("@lockfiles",))
    held = [gate(pull(files=(path,)), Merge(policy="on-green"), "main", "", rules).held for path in LISTED]
    assert held == [True, True, True, False, False]


LISTED = ("deploy/prod/a.tf", "api/package-lock.json", "UV.lock", "CODEOWNERS", ".github/workflows/ci.yml")


@pytest.mark.parametrize(
    ("rules", "required", "verdict"),
    [
        ({}, (), "wait"),
        ({}, None, "wait"),
        ({}, ("ci",), "open"),
        ({"required_checks": ("ci",)}, (), "open"),
        ({"trust_any_check": True}, (), "open"),
    ],
)
def test_on_green_needs_a_check_that_is_required_by_somebody(
    rules: dict[str, Any], required: tuple[str, ...] | None, verdict: str
) -> None:
    """Else the pull request itself could bring the only check that is green."""
    assert gate(pull(required=required), Merge(policy="on-green", **rules), "main").verdict == verdict
