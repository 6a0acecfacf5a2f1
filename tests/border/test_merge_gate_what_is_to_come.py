"""Green is all of CI: what has not begun, what is expected, what nobody will report, and what moved meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from .github_of_lists import NOW, SHA, Github, before, refused, required, run, status, suite, workflow

pytestmark = pytest.mark.pure

SUITES, WORKFLOWS = f"/commits/{SHA}/check-suites", "/actions/runs"


@pytest.mark.parametrize("state", ["queued", "in_progress", "requested", "waiting", "pending"])
def test_a_workflow_run_that_has_not_ended_is_waited_for(state: str) -> None:
    """For whatever reason: a job that needs others has no check run before its turn. Either list alone tells."""
    under_way = {"workflows": [workflow(1, state)], "suites": [suite(1, state, latest_check_runs_count=1)]}
    assert Github(**under_way).judged().why == "the check ci is running"
    assert Github(**under_way, instead={SUITES: refused(403)}).judged().verdict == "wait"
    assert Github(**under_way, instead={WORKFLOWS: refused(404)}).judged().why == "the check github-actions is running"


def test_a_workflow_that_waits_for_a_persons_approval_is_not_green() -> None:
    """GitHub calls such a run completed, and it has no check run. The agent can do nothing about it."""
    waits = workflow(2, path="deploy.yml", conclusion="action_required")
    judged = Github(workflows=[workflow(1), waits]).judged()
    assert (judged.verdict, judged.why) == ("wait", "the check deploy is running")


def test_a_workflow_that_cannot_start_is_the_agents_to_fix() -> None:
    """A workflow file that GitHub cannot read gives no check run, and no event but the run's own end."""
    judged = Github(workflows=[workflow(1), workflow(2, path="lint.yml", conclusion="startup_failure")]).judged()
    assert (judged.verdict, judged.why) == ("mend", "The check lint ended with startup_failure.")


def test_an_app_that_never_reports_is_left_out_after_ten_minutes_and_named() -> None:
    """GitHub makes a suite for every installed app. Until then the gate says when it will look again."""
    silent = suite(9, "queued", app="idle-app", created_at=before(minutes=9))
    waits = Github(suites=[silent]).judged()
    assert (waits.verdict, waits.why) == ("wait", "it waits for the checks of idle-app")
    assert waits.until == NOW + timedelta(minutes=1)
    opened = Github(suites=[silent], now=NOW + timedelta(minutes=1)).judged()
    assert (opened.verdict, opened.why) == ("open", "all green (left out: the checks of idle-app)")


@pytest.mark.parametrize(
    ("fields", "of"),
    [
        ({"app": "idle-app", "latest_check_runs_count": 1}, "an app that has reported, and is asked again"),
        ({"app": "github-actions"}, "Actions, while its workflow runs are not shown"),
    ],
)
def test_others_are_not_left_out_however_long_they_take(fields: dict[str, Any], of: str) -> None:
    """A re-requested check keeps its old result, and only its suite is queued."""
    old = suite(9, "queued", created_at=before(hours=5), **fields)
    assert Github(suites=[old], instead={WORKFLOWS: refused(403)}).judged().verdict == "wait", of


def test_nothing_but_silent_apps_is_not_green() -> None:
    """What is left out counts for nothing, so somebody else must have succeeded."""
    silent = suite(9, "queued", app="idle-app", created_at=before(hours=1))
    assert Github(runs=[], suites=[silent]).judged().why == "no check has reported yet"


PROTECTION = {"contexts": ["e2e"], "checks": [{"context": "e2e", "app_id": None}]}


@pytest.mark.parametrize(
    "rule",
    [
        {"rules": [required("e2e")]},
        {"branch": {"commit": {"sha": "b"}, "protected": True, "protection": {"required_status_checks": PROTECTION}}},
        {
            "branch": {"commit": {"sha": "b"}, "protected": True},
            "instead": {"/branches/main/protection/required_status_checks": httpx2.Response(200, json=PROTECTION)},
        },
    ],
    ids=["ruleset", "branch", "protection"],
)
def test_a_check_that_a_rule_expects_is_waited_for_without_end(rule: dict[str, Any]) -> None:
    """It has not reported: that is not green. As soon as it has, the rule asks for nothing more."""
    judged = Github(**rule).judged()
    assert (judged.verdict, judged.why) == ("wait", "the check e2e is expected and has not reported")
    assert Github(runs=[run("ci"), run("e2e", "skipped", id=2)], **rule).judged().verdict == "open"
    assert Github(statuses=[status("e2e")], **rule).judged().verdict == "open"


def test_a_check_that_a_rule_expects_of_one_app_is_not_reported_by_another() -> None:
    """Anybody who may write a status could otherwise pass the rule."""
    ours, other = run("e2e", id=2, app="ci-app"), run("e2e", id=3, app="other-app")
    rules = [required("e2e", ours["app"]["id"])]
    assert Github(runs=[run("ci"), other], rules=rules).judged().verdict == "wait"
    assert Github(runs=[run("ci"), ours, other], rules=rules).judged().verdict == "open"


@pytest.mark.parametrize("code", [403, 404])
def test_what_the_token_may_not_read_is_not_known_and_no_failure(code: int) -> None:
    """Rules, suites and workflow runs need permissions of their own."""
    paths = (SUITES, WORKFLOWS, "/rules/branches/main", "/branches/main")
    assert Github(instead={path: refused(code) for path in paths}).judged().verdict == "open"


@pytest.mark.parametrize("page", [100, 30])
@pytest.mark.parametrize("which", ["runs", "statuses", "suites", "workflows", "rules"])
def test_what_is_not_green_counts_on_every_page(which: str, page: int) -> None:
    """Also where GitHub's pages are shorter than they were asked to be, and a link names the next one."""
    many: dict[str, list[Any]] = {
        "runs": [run(f"job {n}", id=n) for n in range(1, 150)] + [run("last", None, id=150)],
        "statuses": [status(f"ci/{n}") for n in range(150)] + [status("ci/last", "pending")],
        "suites": [suite(n) for n in range(2, 150)]
        + [suite(200, "in_progress", app="slow", latest_check_runs_count=1)],
        "workflows": [workflow(n) for n in range(2, 150)] + [workflow(200, "queued")],
        "rules": [required("ci") for _ in range(150)] + [required("last")],
    }
    assert Github(**{which: many[which]}, page=page).judged().verdict == "wait"


@pytest.mark.parametrize("conclusion", ["skipped", "neutral"])
def test_what_checked_nothing_is_not_green_and_blocks_nothing(conclusion: str) -> None:
    """A workflow whose paths do not match skips everything; one real success must be there."""
    nothing = run("docs", conclusion, id=2)
    assert Github(runs=[nothing]).judged().why == f"no check has succeeded: docs ended with {conclusion}"
    assert Github(runs=[nothing, run("ci")]).judged().verdict == "open"
    assert Github(runs=[nothing, run("ci")]).judged(requiredChecks=["docs"]).verdict == "wait"


@pytest.mark.parametrize(
    "said",
    [
        "Review skipped", "Full review skipped: draft", "Review rate limited", "Review line limit reached",
        "Review cancelled", "Review not started", "You have reached your usage limits for code reviews",
        "Rate limit exceeded, try again in 20 minutes",
    ],
)  # fmt: skip
def test_a_success_that_says_itself_that_nothing_was_checked_is_vacuous(said: str) -> None:
    """In any text of a check run and in a status, in either case of letters; beside a real success it is harmless."""
    forms: list[dict[str, Any]] = [
        {"runs": [run("review", "SUCCESS", output={"title": said})]},
        {"runs": [run("review", output={"title": "Review", "summary": said.upper()})]},
        {"runs": [run("review", output={"title": None, "summary": None, "text": f"## {said}\n\nMore."})]},
        {"runs": [], "statuses": [status("review", "success", said)]},
    ]
    for form in forms:
        assert Github(**form).judged().why == "no check has succeeded: review says that it checked nothing"
        runs = [*form["runs"], run("ci", id=7)]
        assert Github(**{**form, "runs": runs}).judged().verdict == "open"
        assert Github(**{**form, "runs": runs}).judged(requiredChecks=["review"]).verdict == "wait"


def test_a_failure_stays_one_whatever_it_says() -> None:
    """Only a success can be vacuous: a test that fails may be about rate limits."""
    failed = run("ci", "failure", output={"title": "1 failed: is rate limited", "summary": ""})
    assert Github(runs=[failed]).judged().verdict == "mend"


def _then(first: dict[str, Any], *later: dict[str, Any]) -> Any:
    """A document that is another one from the second reading on; the last one stays."""
    left = [first, *later]

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

    return answer


def test_a_head_that_moves_while_it_is_read_is_read_again() -> None:
    """The checks of the old head say nothing of the new one, of which nothing is known here."""
    github = Github()
    shown = github.shown()
    github.instead["/pulls/1"] = _then(shown, {**shown, "head": {**shown["head"], "sha": "c" * 40}})
    seen = github.read()
    assert (seen.head_sha, seen.checks, seen.moved) == ("c" * 40, None, False)


def test_a_base_that_moves_while_it_is_read_is_read_again() -> None:
    """Whether it merges cleanly was worked out against the old one; when it stands still, the gate may open."""
    tips: list[dict[str, Any]] = [{"commit": {"sha": letter * 40}, "protected": False} for letter in "bcc"]
    github = Github(instead={"/branches/main": _then(*tips)})
    assert github.judged().verdict == "open"
    assert github.paths().count("/branches/main") == 4


@pytest.mark.parametrize("what", ["head", "base", "tip"])
def test_what_never_stands_still_opens_nothing(what: str) -> None:
    """It is read three times; then the snapshot says that it moved, and is soon read again."""
    count = iter(range(1_000))
    github = Github(runs=[run("ci")])

    def moving(request: httpx2.Request) -> httpx2.Response:
        shown, n = github.shown(), f"{next(count):040d}"
        if what == "tip":
            return httpx2.Response(200, json={"commit": {"sha": n}, "protected": False})
        return httpx2.Response(200, json={**shown, what: {**shown[what], "sha": n}})

    if what == "head":  # every head has the same green check
        for n in range(20):
            answer = httpx2.Response(200, json={"total_count": 1, "check_runs": [run("ci")]})
            github.instead[f"/commits/{n:040d}/check-runs"] = answer
            github.instead[f"/commits/{n:040d}/status"] = httpx2.Response(200, json={"statuses": []})
    github.instead["/branches/main" if what == "tip" else "/pulls/1"] = moving
    judged = github.judged()
    assert (judged.verdict, judged.unsaid) == ("wait", True)


def test_what_became_of_it_meanwhile_is_in_the_snapshot() -> None:
    """Made a draft, found in conflict, merged: the last reading counts."""
    for change in ({"draft": True}, {"mergeable": False}, {"merged": True, "state": "closed"}):
        github = Github()
        github.instead["/pulls/1"] = _then(github.shown(), {**github.shown(), **change})
        seen = github.read()
        assert {name: getattr(seen, name) for name in change} == change


def test_as_few_requests_as_its_state_allows() -> None:
    """Storms of events must not use up the rate limit."""
    assert len(Github(pull={"merged": True, "state": "closed"}).asked_by_reading()) == 1
    assert len(Github(pull={"state": "closed"}).asked_by_reading()) == 2
    assert len(Github(runs=[run("ci", None)]).asked_by_reading()) == 5
    assert len(Github(runs=[run("ci", "failure", app="ci-app")]).asked_by_reading()) == 9
    assert len(Github().asked_by_reading()) == 11


def test_a_workflow_that_a_ruleset_requires_is_expected() -> None:
    asked = {"type": "workflows", "parameters": {"workflows": [{"path": ".github/workflows/audit.yml"}]}}
    judged = Github(workflows=[workflow(1)], rules=[asked]).judged()
    assert judged.verdict == "wait" and ".github/workflows/audit.yml" in judged.why
    assert Github(workflows=[workflow(1), workflow(2, path="audit.yml")], rules=[asked]).judged().verdict == "open"


@pytest.mark.parametrize(("age", "verdict"), [(59, "wait"), (60, "open")])
def test_checks_that_may_still_begin_are_waited_for(age: int, verdict: str) -> None:
    """GitHub makes those of a push one by one: after some seconds the first may be green and alone."""
    fresh = [suite(1, created_at=before(seconds=age))]
    assert Github(suites=fresh, workflows=[workflow(1, created_at=before(seconds=age))]).judged().verdict == verdict
