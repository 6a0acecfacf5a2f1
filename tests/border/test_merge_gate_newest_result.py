"""Of each check the newest result counts; what makes two results those of one check is its app, workflow and name."""

from __future__ import annotations

from typing import Any

import pytest

from .github_of_lists import SHA, Github, before, refused, run, status, suite, workflow

pytestmark = pytest.mark.pure

UNKNOWN = {"/actions/runs": refused(403)}
OLDER, NEWER = {"started_at": before(hours=8)}, {"started_at": before(minutes=3)}


def two(old: str | None, new: str | None, **settings: Any) -> Github:
    """Two results of one name in two suites of Actions, hours apart."""
    runs = [run("test", new, id=2, suite=2, **NEWER), run("test", old, id=1, suite=1, **OLDER)]
    return Github(runs=runs, **settings)


@pytest.mark.parametrize("old", ["failure", "cancelled", "timed_out", "skipped", "stale", "startup_failure"])
def test_a_newer_success_of_the_same_workflow_replaces_what_was(old: str) -> None:
    """A title that was edited, a run that its concurrency group cancelled; and where no workflow is known, too."""
    same = [workflow(1, conclusion=old), workflow(2)]
    assert two(old, "success", workflows=same).judged().verdict == "open"
    assert two(old, "success", instead=UNKNOWN).judged().verdict == "open"


@pytest.mark.parametrize("new", ["failure", "timed_out"])
def test_a_newer_failure_replaces_a_success(new: str) -> None:
    """The order of GitHub's list says nothing."""
    judged = two("success", new, workflows=[workflow(1), workflow(2, conclusion=new)]).judged()
    assert (judged.verdict, len(judged.feedback)) == ("mend", 1)
    assert two("success", new, instead=UNKNOWN).judged().verdict == "mend"


def test_a_failure_that_runs_again_is_waited_for_and_not_fixed() -> None:
    """In another suite, and as another attempt in the same one, whose jobs GitHub makes one by one."""
    assert two("failure", None, workflows=[workflow(1), workflow(2, "in_progress")]).judged().verdict == "wait"
    failed = run("test", "failure", started_at=before(hours=2), completed_at=before(hours=1))
    attempt = workflow(1, "queued", run_started_at=before(minutes=1), run_attempt=2)
    judged = Github(runs=[failed, run("lint", id=5)], workflows=[attempt]).judged()
    assert (judged.verdict, judged.why) == ("wait", "the check ci is running")
    first = workflow(1, "in_progress", run_started_at=before(hours=3), run_attempt=1)
    assert Github(runs=[failed], workflows=[first]).judged().verdict == "mend"


def test_two_workflows_with_a_job_of_one_name_are_two_checks() -> None:
    """The newer one's success says nothing of the older one's failure, however long ago that was."""
    other = [workflow(1, path="unit.yml", conclusion="failure"), workflow(2, path="e2e.yml")]
    assert two("failure", "success", workflows=other).judged().verdict == "mend"
    assert two("cancelled", "success", workflows=other).judged().why == "the check test ended with cancelled"
    both = [workflow(1, path="unit.yml"), workflow(2, path="e2e.yml")]
    assert two("success", "success", workflows=both).judged().verdict == "open"


def test_a_job_that_another_events_run_skips_is_not_done_by_that() -> None:
    """A push runs it and the pull request skips it: the failure stands. Of the same event, the newest result counts."""
    for events, verdict in ((("push", "pull_request"), "mend"), (("pull_request", "pull_request"), "open")):
        runs = [run("test", "failure", id=1, suite=1, **OLDER), run("test", "skipped", id=2, suite=2, **NEWER)]
        same = [workflow(n, event=event) for n, event in enumerate(events, 1)]
        assert Github(runs=[*runs, run("lint", id=3, suite=2)], workflows=same).judged().verdict == verdict


def test_a_failure_of_a_push_is_not_undone_by_the_pull_requests_run() -> None:
    """Two events of one workflow test two trees; what the newer one only did not run to its end is replaced by it."""
    for old, verdict in (("failure", "mend"), ("cancelled", "open")):
        same = [workflow(1, event="push", conclusion=old), workflow(2, event="pull_request")]
        assert two(old, "success", workflows=same).judged().verdict == verdict


def test_a_late_job_of_an_older_run_is_old() -> None:
    """Its check run is made last, when the newer run has ended."""
    late = run("test", "failure", id=3, suite=1, started_at=before(minutes=1))
    done = run("test", "success", id=2, suite=2, started_at=before(minutes=5))
    same = [workflow(1, created_at=before(hours=2), conclusion="failure"), workflow(2, created_at=before(minutes=9))]
    assert Github(runs=[late, done], workflows=same).judged().verdict == "open"


def test_the_ref_in_a_workflows_path_is_no_part_of_its_name() -> None:
    """GitHub adds the branch or the pull request that the file was taken from."""
    paths = ("ci.yml@refs/heads/main", "ci.yml@refs/pull/1/merge")
    same = [workflow(n, path=path, name="ci") for n, path in enumerate(paths, 1)]
    assert two("failure", "success", workflows=same).judged().verdict == "open"


def test_where_no_workflow_is_known_two_results_of_one_push_are_two_checks() -> None:
    """Suites that were made within a minute may be of two workflows; a cancelled one of them is taken for replaced."""

    def pushed(old: str) -> Github:
        runs = [run("test", old, id=1, suite=1), run("test", "success", id=2, suite=2)]
        made = [suite(n, created_at=before(seconds=160 - 20 * n)) for n in (1, 2)]
        return Github(runs=runs, suites=made, instead=UNKNOWN)

    assert pushed("failure").judged().verdict == "mend"
    assert pushed("cancelled").judged().verdict == "open"


@pytest.mark.parametrize("app", ["github-actions", "ci-app"])
def test_a_job_that_was_run_again_counts_as_it_ended_last(app: str) -> None:
    """Its suite is the same, and the attempt before has ended."""
    first = {"started_at": before(minutes=9), "completed_at": before(minutes=8)}
    again = {"started_at": before(minutes=6), "completed_at": before(minutes=5)}
    for old, new, verdict in (("failure", "success", "open"), ("success", "failure", "mend")):
        runs = [run("test", old, id=1, app=app, **first), run("test", new, id=2, app=app, **again)]
        assert Github(runs=runs).judged().verdict == verdict


@pytest.mark.parametrize(
    "times",
    [
        {"started_at": before(minutes=9)},
        {"started_at": before(minutes=9), "completed_at": before(minutes=5)},
    ],
)
def test_legs_of_a_matrix_with_one_name_are_each_a_check(times: dict[str, str]) -> None:
    """They run side by side, which one job never does: a red one is not hidden by a green one."""
    later = {**times, "started_at": before(minutes=9, seconds=-2)}
    runs = [run("test", "failure", id=1, **times), run("test", "success", id=2, **later)]
    if "completed_at" not in times:
        runs = [run("test", "failure", id=1, **times), run("test", "success", id=2, **times)]
    assert Github(runs=runs).judged().verdict == "mend"
    slow = run("test", None, id=1, started_at=before(minutes=9))
    assert Github(runs=[slow, run("test", "success", id=2, **later)]).judged().verdict == "wait"


def test_two_apps_with_checks_of_one_name_are_two_checks() -> None:
    """Also a check run and a commit status of one name."""
    runs = [run("scan", "failure", id=1, suite=1, **OLDER), run("scan", id=2, suite=2, app="scanner", **NEWER)]
    assert Github(runs=runs).judged().verdict == "mend"
    assert Github(runs=[run("ci")], statuses=[status("ci", "failure")]).judged().verdict == "mend"


def test_a_cancelled_check_that_nothing_replaced_is_not_green_and_not_the_agents_fault() -> None:
    """Nor is a workflow that was cancelled before it had a job."""
    assert Github(runs=[run("ci"), run("e2e", "cancelled", id=2)]).judged().why == "the check e2e ended with cancelled"
    cancelled = workflow(2, path="e2e.yml", conclusion="cancelled")
    assert Github(workflows=[workflow(1), cancelled]).judged().why == "the check e2e ended with cancelled"
    again = [workflow(1), cancelled, workflow(3, path="e2e.yml")]
    assert Github(workflows=again).judged().verdict == "open"


def test_results_that_are_replaced_in_a_circle_are_not_all_dropped() -> None:
    """Some with times and some without: one of them always stays."""
    runs = [
        run("test", "failure", id=1, started_at=before(minutes=5)), run("test", "failure", id=2),
        run("test", "failure", id=3, started_at=before(minutes=7)),
    ]  # fmt: skip
    for app in ("github-actions", "ci-app"):
        assert Github(runs=[{**one, "app": {"slug": app}} for one in runs]).judged().verdict == "mend"


def test_every_attempt_is_asked_for() -> None:
    """GitHub's own choice of the latest ones is by the time of their end, over all checks of one name."""
    github = Github()
    github.read()
    (asked,) = [request for request in github.asked if request.url.path.endswith(f"{SHA}/check-runs")]
    assert asked.url.params["filter"] == "all"
