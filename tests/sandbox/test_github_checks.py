"""The imitated CI: suites before their check runs, newer runs of one workflow, statuses, jobs and logs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from factory_sandbox.github.ci import JobPlan, Step, WorkflowPlan, timeline
from tests.sandbox.stand import PULLS, Served, open_pull, served

COMMITS, ACTIONS = "/github/repos/acme/shop/commits", "/github/repos/acme/shop/actions"


async def suites(stage: Served, sha: str) -> list[tuple[str, str, str | None, int]]:
    found = (await stage.get(f"{COMMITS}/{sha}/check-suites"))["check_suites"]
    return [(s["app"]["slug"], s["status"], s["conclusion"], s["latest_check_runs_count"]) for s in found]


async def runs(stage: Served, sha: str, **query: Any) -> list[tuple[str, str, str | None]]:
    found = (await stage.get(f"{COMMITS}/{sha}/check-runs", **query))["check_runs"]
    return [(run["name"], run["status"], run["conclusion"]) for run in found]


def test_a_suite_is_queued_before_any_check_run_is_there() -> None:
    """At the push the suite and the workflow run are queued; check runs come later, and end with them."""

    async def run() -> None:
        async with served() as stage:
            sha = (await open_pull(stage))["head"]["sha"]
            assert await suites(stage, sha) == [("github-actions", "queued", None, 0)]
            assert await runs(stage, sha) == []
            (queued,) = (await stage.get(f"{ACTIONS}/runs", head_sha=sha))["workflow_runs"]
            assert (queued["status"], queued["path"]) == ("queued", ".github/workflows/ci.yml")
            await stage.time.advance(10)
            assert await suites(stage, sha) == [("github-actions", "in_progress", None, 1)]
            assert await runs(stage, sha) == [("ci", "in_progress", None)]
            await stage.time.advance(20)
            assert await suites(stage, sha) == [("github-actions", "completed", "success", 1)]
            assert await runs(stage, sha) == [("ci", "completed", "success")]

    asyncio.run(run())


def test_a_job_that_needs_another_has_no_check_run_until_its_turn() -> None:
    """The first job is green while its suite is in progress; the second appears only then."""

    async def run() -> None:
        async with served() as stage:
            jobs = [{"name": "lint"}, {"name": "test", "needs": ["lint"]}]
            await stage.command("github/workflows", workflows=[{"name": "ci", "jobs": jobs}])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(29)
            assert await runs(stage, sha) == [("lint", "in_progress", None)]
            await stage.time.advance(1)
            assert await runs(stage, sha) == [("lint", "completed", "success"), ("test", "in_progress", None)]
            assert await suites(stage, sha) == [("github-actions", "in_progress", None, 2)]
            await stage.time.advance(20)
            assert await suites(stage, sha) == [("github-actions", "completed", "success", 2)]
            told = [f"{b['workflow_run']['status']} {b['action']}" for b in stage.receiver.bodies("workflow_run")]
            assert told == ["queued requested", "in_progress in_progress", "completed completed"]

    asyncio.run(run())


@pytest.mark.pure
def test_what_depends_on_a_failure_is_skipped_and_what_depends_on_a_hang_never_comes() -> None:
    """The plan of a workflow is a list of moments: who starts, who ends, and how."""
    red, hung = JobPlan(name="red", conclusion="failure", takes=5), JobPlan(name="hung", ends=False)
    after_red, after_hung = JobPlan(name="deploy", needs=("red",)), JobPlan(name="report", needs=("hung",))
    plan = WorkflowPlan(starts=1, jobs=(after_red, red, hung, after_hung))
    assert timeline(plan) == [
        Step(1, red, ""), Step(1, hung, ""), Step(6, red, "failure"), Step(6, after_red, "skipped"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("workflow", "status"),
    [
        ({"name": "review-app", "app": "other-ci", "jobs": []}, "queued"),
        ({"name": "deploy", "held": "waiting"}, "waiting"),
        ({"name": "first", "held": "requested"}, "requested"),
        ({"name": "group", "held": "pending"}, "pending"),
    ],
)
def test_a_suite_may_never_get_on(workflow: dict[str, Any], status: str) -> None:
    """An app that never reports, and a run that waits for a person, stay as they are; the other CI ends."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/workflows", workflows=[{"name": "ci"}, workflow])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(86_400)
            app = workflow.get("app", "github-actions")
            assert await suites(stage, sha) == [("github-actions", "completed", "success", 1), (app, status, None, 0)]
            listed = (await stage.get(f"{ACTIONS}/runs", head_sha=sha))["workflow_runs"]
            assert len(listed) == (1 if app == "other-ci" else 2)

    asyncio.run(run())


def test_a_suite_may_come_late() -> None:
    """Another app hears of the push later: its suite is not even there at first."""

    async def run() -> None:
        async with served() as stage:
            late = {"name": "scan", "app": "scanner", "appears": 40}
            await stage.command("github/workflows", workflows=[{"name": "ci"}, late])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(39)
            assert [app for app, *_ in await suites(stage, sha)] == ["github-actions"]
            await stage.time.advance(1)
            assert await suites(stage, sha) == [
                ("github-actions", "completed", "success", 1), ("scanner", "queued", None, 0),
            ]  # fmt: skip

    asyncio.run(run())


def test_a_newer_run_of_the_workflow_cancels_the_older_one() -> None:
    """Both stand at the same head: the cancelled one and, later, the green one of the same name."""

    async def run() -> None:
        async with served() as stage:
            plan = {"name": "ci", "jobs": [{"name": "test"}]}
            await stage.command("github/workflows", workflows=[plan])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(15)
            await stage.command("github/runs", repository="acme/shop", number=1, workflow=plan)
            await stage.time.advance(60)
            assert await runs(stage, sha) == [("test", "completed", "cancelled"), ("test", "completed", "success")]
            listed = (await stage.get(f"{ACTIONS}/runs", head_sha=sha))["workflow_runs"]
            assert [(run["run_number"], run["conclusion"]) for run in listed] == [(2, "success"), (1, "cancelled")]
            assert len({run["path"] for run in listed}) == 1

    asyncio.run(run())


def test_a_check_that_failed_is_green_at_the_same_head_after_the_title_was_edited() -> None:
    """The edit is told, and the workflow runs anew for it: red first, green after it, one commit."""

    async def run() -> None:
        async with served() as stage:
            red = {"name": "title", "jobs": [{"name": "lint-title", "conclusion": "failure"}]}
            await stage.command("github/workflows", workflows=[red])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(60)
            await stage.command("github/edits", repository="acme/shop", number=1, title="DEMO-1: Better")
            green = {"name": "title", "jobs": [{"name": "lint-title"}]}
            await stage.command("github/runs", repository="acme/shop", number=1, workflow=green)
            await stage.time.advance(60)
            assert [end for _, _, end in await runs(stage, sha)] == ["failure", "success"]
            edited = next(b for b in stage.receiver.bodies("pull_request") if b["action"] == "edited")
            assert edited["changes"] == {"title": {"from": "DEMO-1: x"}}
            assert edited["pull_request"]["head"]["sha"] == sha

    asyncio.run(run())


def test_re_running_a_workflow_makes_new_check_runs_in_the_same_suite() -> None:
    """`filter=latest` shows the newer attempt only; the run keeps its id and counts the attempt."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/checks", conclusion="failure")
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(60)
            await stage.command("github/runs", repository="acme/shop", number=1, workflow={"name": "ci"}, how="rerun")
            await stage.time.advance(60)
            assert [end for *_, end in await runs(stage, sha)] == ["success"]
            assert [end for *_, end in await runs(stage, sha, filter="all")] == ["failure", "success"]
            (one,) = (await stage.get(f"{ACTIONS}/runs", head_sha=sha))["workflow_runs"]
            assert (one["run_attempt"], one["conclusion"]) == (2, "success")
            every = await stage.get(f"{ACTIONS}/runs/{one['id']}/jobs", filter="all")
            assert [job["run_attempt"] for job in every["jobs"]] == [1, 2]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("conclusions", "suite"),
    [
        (["skipped", "skipped"], "skipped"),
        (["neutral", "skipped"], "neutral"),
        (["success", "skipped"], "success"),
        (["success", "timed_out"], "timed_out"),
        (["success", "action_required", "failure"], "failure"),
    ],
)
def test_a_suite_ends_as_the_worst_of_its_runs(conclusions: list[str], suite: str) -> None:
    """Skipped and neutral runs make no success by themselves; the state of the pull request counts them as passed."""

    async def run() -> None:
        async with served() as stage:
            jobs = [{"name": f"job {number}", "conclusion": end} for number, end in enumerate(conclusions)]
            await stage.command("github/workflows", workflows=[{"name": "ci", "jobs": jobs}])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(60)
            assert [(status, end) for _, status, end, _ in await suites(stage, sha)] == [("completed", suite)]
            passed = set(conclusions) <= {"success", "neutral", "skipped"}
            state = (await stage.get(f"{PULLS}/1"))["mergeable_state"]
            assert state == ("clean" if passed else "unstable")

    asyncio.run(run())


def test_a_vacuous_success_says_so_in_its_output() -> None:
    """The words stand in title, summary and text of a check run, and in the description of a status."""

    async def run() -> None:
        async with served() as stage:
            words = {"title": "Review skipped", "summary": "Full review skipped", "text": "No files"}
            jobs = [{"name": "review", **words}]
            await stage.command("github/workflows", workflows=[{"name": "review", "app": "reviewer", "jobs": jobs}])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(60)
            (check,) = (await stage.get(f"{COMMITS}/{sha}/check-runs"))["check_runs"]
            assert {name: check["output"][name] for name in words} == words
            status = {"context": "quality", "state": "success", "description": "Review rate limited"}
            await stage.command("github/statuses", repository="acme/shop", number=1, **status)
            (shown,) = (await stage.get(f"{COMMITS}/{sha}/status"))["statuses"]
            assert {name: shown[name] for name in status} == status
            (told,) = stage.receiver.bodies("status")
            assert (told["sha"], told["branches"][0]["name"]) == (sha, "factory/DEMO-1-x")

    asyncio.run(run())


def test_statuses_have_pages_and_one_word_for_all() -> None:
    """The newest of each context, thirty a page unless asked; the history shows every one."""

    async def run() -> None:
        async with served() as stage:
            sha = (await open_pull(stage))["head"]["sha"]
            for number in range(33):
                more = {"context": f"ci/{number}", "state": "success"}
                await stage.command("github/statuses", repository="acme/shop", number=1, **more)
            await stage.command(
                "github/statuses", repository="acme/shop", number=1, context="ci/32", state="failure"
            )  # fmt: skip
            first = await stage.client.get(f"{COMMITS}/{sha}/status")
            second = await stage.client.get(first.links["next"]["url"])
            assert (first.json()["state"], first.json()["total_count"]) == ("failure", 33)
            assert [len(page.json()["statuses"]) for page in (first, second)] == [30, 3]
            assert second.json()["statuses"][-1]["state"] == "failure"
            assert "next" not in second.links and second.links["prev"]["url"].endswith("page=1")
            history = await stage.get(f"{COMMITS}/{sha}/statuses", per_page=100)
            assert (len(history), history[0]["state"]) == (34, "failure")

    asyncio.run(run())


def test_the_log_of_a_failed_job_is_a_text_behind_a_redirect() -> None:
    """The address needs no credential; a job that has not ended has no log."""

    async def run() -> None:
        async with served() as stage:
            jobs = [{"name": "test", "conclusion": "failure", "log": "E   assert 1 == 2\n"}]
            await stage.command("github/workflows", workflows=[{"name": "ci", "jobs": jobs}])
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.time.advance(10)
            (one,) = (await stage.get(f"{ACTIONS}/runs", head_sha=sha))["workflow_runs"]
            (job,) = (await stage.get(f"{ACTIONS}/runs/{one['id']}/jobs"))["jobs"]
            assert (await stage.client.get(f"{ACTIONS}/jobs/{job['id']}/logs")).status_code == 404
            await stage.time.advance(20)
            (job,) = (await stage.get(f"{ACTIONS}/runs/{one['id']}/jobs"))["jobs"]
            assert (job["name"], job["conclusion"]) == ("test", "failure")
            moved = await stage.client.get(f"{ACTIONS}/jobs/{job['id']}/logs")
            assert moved.status_code == 302
            text = await stage.client.get(moved.headers["location"], headers={"authorization": ""})
            assert (text.text, text.headers["content-type"]) == ("E   assert 1 == 2\n", "text/plain; charset=utf-8")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("checks", "/commits/{sha}/check-suites"),
        ("checks", "/commits/{sha}/check-runs"),
        ("statuses", "/commits/{sha}/status"),
        ("actions", "/actions/runs"),
        ("administration", "/branches/main/protection/required_status_checks"),
    ],
)
def test_a_token_may_lack_a_permission(permission: str, path: str) -> None:
    """403, and the header says what the endpoint takes; the pull request itself can be read."""

    async def run() -> None:
        async with served() as stage:
            sha = (await open_pull(stage))["head"]["sha"]
            await stage.command("github/permissions", permissions=[permission])
            answer = await stage.client.get("/github/repos/acme/shop" + path.format(sha=sha))
            assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
            assert answer.headers["x-accepted-github-permissions"] == f"{permission}=read"
            assert (await stage.client.get(f"{PULLS}/1")).status_code == 200

    asyncio.run(run())
