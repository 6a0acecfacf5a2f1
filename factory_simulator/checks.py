"""What GitHub lists of the checks of a head, so long after its push, in its own shape.

The product's own reading makes checks of it. `lint` is green within a minute; what counts is `ci`, which ends an hour
after the push.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from adapters.providers.github.checks import Required, results_of
from factory_core.dispatch.pull_request import Check

from .schedule import HOUR, Ci

LINTED, OVERTAKEN, RERUN = 60.0, 60.0, 2_700.0  # seconds after the push
MADE: Mapping[Ci, float] = {
    "job": HOUR / 2, "rule": HOUR / 2, "unseen": HOUR / 2, "app": 300.0, "cancelled": 30.0, "failed": 30.0,
    "rerun": 3_000.0,
}  # fmt: skip
"""When the run of `ci` that counts is made; at once where nothing is said."""
SUITE: Mapping[Ci, int] = {"cancelled": 2, "failed": 2, "rule": 3, "unseen": 3, "app": 3}
"""Where it is made: 1 is the suite of the push, 2 that of a newer run of the workflow, and 3 that of another app."""
FIRST: Mapping[Ci, tuple[float, str]] = {
    "cancelled": (OVERTAKEN, "cancelled"), "failed": (OVERTAKEN, "failure"), "rerun": (RERUN, "failure"),
}  # fmt: skip
"""The run of `ci` before it, in the suite of the push: when and how it ended."""
ACTIONS, APP = {"id": 15368, "slug": "github-actions"}, {"id": 77, "slug": "builder"}


def moments(ci: Ci) -> tuple[float, ...]:
    """When a webhook tells of a check before the last one ends, in seconds after the push."""
    return tuple(dict.fromkeys((LINTED, MADE[ci], FIRST.get(ci, (LINTED, ""))[0]))) if ci else ()


def checks(ci: Ci, pushed: datetime, age: float, conclusion: str) -> tuple[Check, ...]:
    """As the code host shows them `age` seconds after the push. `conclusion` is that of `ci`; empty until it ends."""
    head = _Head(ci, pushed, age, conclusion)
    suites, workflows = (None, None) if ci == "unseen" else (head.suites(), head.workflows())
    rules = (Required("ci", None),) if ci == "rule" else ()
    return tuple(result.check for result in results_of(head.runs(), [], suites, workflows, rules) or ())


class _Head(NamedTuple):
    ci: Ci
    pushed: datetime
    age: float
    conclusion: str

    def runs(self) -> list[dict[str, Any]]:
        ends = min(self.age, HOUR) if self.conclusion else self.age + 1
        made = (
            self._run(10, "lint", 1, 0.0, LINTED, "success") if self.ci else None,
            self._run(11, "ci", 1, 1.0, *FIRST[self.ci]) if self.ci in FIRST else None,
            self._run(12, "ci", SUITE.get(self.ci, 1), MADE.get(self.ci, 0.0), ends, self.conclusion),
        )
        return [run for run in made if run]

    def suites(self) -> list[dict[str, Any]]:
        ours = [self._row(run["check_suite_id"], 0.0, run.get("conclusion", "")) for run in self.workflows()]
        listed = [{**suite, "app": ACTIONS, "latest_check_runs_count": 1} for suite in ours]
        return [*listed, self._app_suite()] if self.ci == "app" else listed

    def workflows(self) -> list[dict[str, Any]]:
        """Runs of one workflow, of which a newer one may come in the place of the first."""
        listed = [self._row(101, 0.0, self._first_ended(), check_suite_id=1)]
        if SUITE.get(self.ci) == 2 and self.age >= MADE[self.ci]:
            listed.append(self._row(102, MADE[self.ci], self.conclusion, check_suite_id=2))
        if self.ci == "rerun" and self.age >= RERUN:
            listed[0]["run_started_at"] = self._at(RERUN)
        return [{**run, "name": "CI", "path": ".github/workflows/ci.yml", "event": "push"} for run in listed]

    def _first_ended(self) -> str:
        """How the workflow run of the push ended; empty while it is under way."""
        suite = SUITE.get(self.ci, 1)
        ends, conclusion = FIRST[self.ci] if suite == 2 else (LINTED, "success")
        return self.conclusion if suite == 1 else conclusion if self.age >= ends else ""

    def _app_suite(self) -> dict[str, Any]:
        begun = self.age >= MADE["app"]
        row = self._row(3, 0.0, self.conclusion, app=APP, latest_check_runs_count=int(begun))
        return row if begun else {**row, "status": "queued"}

    def _run(
        self, id: int, name: str, suite: int, begins: float, ends: float, conclusion: str
    ) -> dict[str, Any] | None:
        """A check run, if it is there by now; what ended is listed a second later."""
        if self.age < begins:
            return None
        over = self.age >= ends
        ended = {"completed_at": self._at(ends - 1.0)} if over else {}
        shown = self._row(id, begins, conclusion if over else "", name=name, started_at=self._at(begins), **ended)
        return {**shown, "app": APP if suite == 3 else ACTIONS, "check_suite": {"id": suite}}

    def _row(self, id: int, since: float, conclusion: str, **more: Any) -> dict[str, Any]:
        status = {"status": "completed", "conclusion": conclusion} if conclusion else {"status": "in_progress"}
        return {"id": id, "created_at": self._at(since), **status, **more}

    def _at(self, seconds: float) -> str:
        return (self.pushed + timedelta(seconds=seconds)).isoformat()
