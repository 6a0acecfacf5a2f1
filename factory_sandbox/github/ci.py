"""A scripted CI: what each workflow or app reports for a commit, and when.

A suite exists as soon as its app has received the push; a check run only when its job's turn has come.
https://docs.github.com/rest/checks/suites and https://docs.github.com/actions/using-workflows
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from factory_core.errors import NotFound

from ..clock import Clock, iso_seconds
from ..node import Node
from . import shapes
from .records import ACTIONS, BOT, Check, Pull, Repository, Suite

STARTS, TAKES = 10.0, 20.0  # seconds, scaled
PASSES = ("success", "neutral", "skipped")


class JobPlan(BaseModel):
    """One check run: when all in `needs` have passed it runs for `takes` seconds; `ends` False: it never does.

    When one of them has failed it is skipped. Title, summary and text are the run's output, the log is the job's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "ci"
    conclusion: str = "success"
    needs: tuple[str, ...] = ()
    takes: float = TAKES
    ends: bool = True
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    log: str = ""


class WorkflowPlan(BaseModel):
    """A workflow of Actions, or what another `app` reports.

    The suite is there after `appears` seconds, its first check run `starts` seconds later. Without jobs the suite
    stays queued for ever, as an app's does that never reports. `held` is a run that waits for a person: approval of
    a deployment (waiting), a concurrency group (pending), a first-time contributor (requested). `run_events` False: no
    workflow_run webhooks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "ci"
    app: str = ACTIONS
    event: str = "pull_request"
    appears: float = 0.0
    starts: float = STARTS
    held: Literal["", "requested", "waiting", "pending"] = ""
    run_events: bool = True
    jobs: tuple[JobPlan, ...] = (JobPlan(),)


class Step(NamedTuple):
    """At this second a job starts, or ends."""

    at: float
    job: JobPlan
    conclusion: str  # empty: it starts


def timeline(plan: WorkflowPlan) -> list[Step]:
    """When each job of a workflow starts and ends, counted from the suite's beginning; what hangs holds up the rest."""
    steps: list[Step] = []
    ended: dict[str, Step] = {}
    waiting = list(plan.jobs)
    while ready := next((job for job in waiting if all(name in ended for name in job.needs)), None):
        waiting.remove(ready)
        begin = max((ended[name].at for name in ready.needs), default=plan.starts)
        if any(ended[name].conclusion not in PASSES for name in ready.needs):
            ended[ready.name] = Step(begin, ready, "skipped")
            steps.append(ended[ready.name])
            continue
        steps.append(Step(begin, ready, ""))
        if ready.ends:
            ended[ready.name] = Step(begin + ready.takes, ready, ready.conclusion)
            steps.append(ended[ready.name])
    return sorted(steps, key=lambda step: step.at)


def conclude(conclusions: Sequence[str | None]) -> str:
    """A suite's conclusion from those of its runs."""
    for worst in ("startup_failure", "failure", "timed_out", "action_required", "cancelled", "stale"):
        if worst in conclusions:
            return worst
    return next((kind for kind in ("success", "neutral") if kind in conclusions), "skipped")


@dataclass
class Ci:
    """Plays plans. `ended` is called when all checks of a suite are in; `start` runs something in the background."""

    clock: Clock
    ids: Iterator[int]
    announce: Callable[
        [Repository, str, Node, str], None
    ]  # repository, event, body, commit whose pull requests changed
    start: Callable[[Coroutine[Any, Any, None]], None]
    ended: Callable[[Repository, str], Awaitable[None]]

    def begin(self, repo: Repository, branch: str, sha: str, plan: WorkflowPlan) -> None:
        """A commit is there for this workflow."""
        if plan.appears:
            self.start(self._later(repo, branch, sha, plan))
        else:
            self._run(repo, self._suite(repo, branch, sha, plan), plan)

    async def _later(self, repo: Repository, branch: str, sha: str, plan: WorkflowPlan) -> None:
        await self.clock.wait(plan.appears)
        self._run(repo, self._suite(repo, branch, sha, plan), plan)

    def again(self, repo: Repository, pull: Pull, plan: WorkflowPlan) -> Suite:
        """Another event at the same head starts the workflow anew; its run that has not ended is cancelled by it."""
        for suite in repo.suites:
            if _is_of(suite, pull, plan) and suite.status != "completed":
                self._cancel(repo, suite, plan)
        suite = self._suite(repo, pull.head, pull.head_sha, plan)
        self._run(repo, suite, plan)
        return suite

    def rerun(self, repo: Repository, pull: Pull, plan: WorkflowPlan) -> Suite:
        """Re-run all jobs: the newest run of the workflow, the same suite, and new check runs in it."""
        mine = [suite for suite in repo.suites if _is_of(suite, pull, plan)]
        if not mine:
            raise NotFound(f"workflow {plan.name!r}", why="it has not run here", fix="factory sandbox --help")
        suite = mine[-1]
        suite.status, suite.conclusion, suite.attempt = "queued", None, suite.attempt + 1
        self._run(repo, suite, plan)
        return suite

    def _suite(self, repo: Repository, branch: str, sha: str, plan: WorkflowPlan) -> Suite:
        path = path_of(plan)
        number = 1 + sum(suite.path == path for suite in repo.suites)
        run = next(self.ids) if plan.app == ACTIONS else 0
        status = plan.held or "queued"
        suite = Suite(
            next(self.ids), sha, branch, self._now(), plan.app, plan.name, path, plan.event, status,
            run=run, run_number=number,
        )  # fmt: skip
        repo.suites.append(suite)
        return suite

    def _run(self, repo: Repository, suite: Suite, plan: WorkflowPlan) -> None:
        self._announce_run(repo, suite, plan, "requested")
        if plan.jobs and not plan.held:
            self.start(self._play(repo, suite, plan))

    async def _play(self, repo: Repository, suite: Suite, plan: WorkflowPlan) -> None:
        attempt, at = suite.attempt, 0.0
        runs: dict[str, Check] = {}
        for step in timeline(plan):
            if step.at > at:
                await self.clock.wait(step.at - at)
                at = step.at
            if suite.attempt != attempt or suite.status == "completed":
                return  # run again, or cancelled
            if suite.status == "queued":
                suite.status = "in_progress"
                self._announce_run(repo, suite, plan, "in_progress")
            self._take(repo, suite, runs, step)
            ended = [check.conclusion for check in runs.values()]
            if step.conclusion and len(ended) == len(plan.jobs) and all(ended):
                suite.status, suite.conclusion, suite.updated_at = "completed", conclude(ended), self._now()
            if step.conclusion:
                self._announce_check(repo, runs[step.job.name], "completed")
        if suite.status == "completed":
            self._announce_suite(repo, suite)
            self._announce_run(repo, suite, plan, "completed")
            await self.ended(repo, suite.sha)

    def _take(self, repo: Repository, suite: Suite, runs: dict[str, Check], step: Step) -> None:
        job = step.job
        if job.name not in runs:
            check = Check(next(self.ids), suite.sha, suite.branch, self._now(), job.name)
            check.suite, check.app, check.attempt = suite.id, suite.app, suite.attempt
            check.title, check.summary, check.text, check.log = job.title, job.summary, job.text, job.log
            runs[job.name] = check
            repo.checks.append(check)
            self._announce_check(repo, check, "created")
        if step.conclusion:
            complete(runs[job.name], step.conclusion, self._now())

    def _cancel(self, repo: Repository, suite: Suite, plan: WorkflowPlan) -> None:
        """The newer run of a concurrency group ends the older one, and whatever of it has begun."""
        suite.status, suite.conclusion, suite.updated_at = "completed", "cancelled", self._now()
        for check in repo.checks:
            if check.suite == suite.id and check.status != "completed":
                complete(check, "cancelled", self._now())
                self._announce_check(repo, check, "completed")
        self._announce_suite(repo, suite)
        self._announce_run(repo, suite, plan, "completed")

    def _announce_check(self, repo: Repository, check: Check, action: str) -> None:
        body = shapes.event(repo, action, BOT, check_run=shapes.check_json(repo, check))
        self.announce(repo, "check_run", body, check.sha if action == "completed" else "")

    def _announce_suite(self, repo: Repository, suite: Suite) -> None:
        body = shapes.event(repo, "completed", BOT, check_suite=shapes.suite_json(repo, suite))
        self.announce(repo, "check_suite", body, "")

    def _announce_run(self, repo: Repository, suite: Suite, plan: WorkflowPlan, action: str) -> None:
        """Apps that are not Actions have no workflow runs."""
        if suite.run and plan.run_events:
            run, workflow = shapes.workflow_run_json(repo, suite), shapes.workflow_json(suite)
            body = shapes.event(repo, action, BOT, workflow_run=run, workflow=workflow)
            self.announce(repo, "workflow_run", body, "")

    def _now(self) -> str:
        return iso_seconds(self.clock.now())


def complete(check: Check, conclusion: str, at: str) -> None:
    check.status, check.conclusion, check.completed_at = "completed", conclusion, at


def path_of(plan: WorkflowPlan) -> str:
    return f".github/workflows/{plan.name}.yml" if plan.app == ACTIONS else ""


def _is_of(suite: Suite, pull: Pull, plan: WorkflowPlan) -> bool:
    return (suite.sha, suite.workflow, suite.app) == (pull.head_sha, plan.name, plan.app)
