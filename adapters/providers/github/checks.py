"""GitHub's lists of what ran, runs and is to run at one commit become Checks. Pure.

A check's identity is its app, its workflow and its name; of each the newest result counts. Check runs alone do not tell
what is still to come: a job with `needs` has none before its turn, so suites, workflow runs and the rules of the branch
are read too. docs.github.com/rest/checks, docs.github.com/rest/actions/workflow-runs
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from factory_core.dispatch.merge_gate import FAILED, GREEN
from factory_core.dispatch.pull_request import Check
from factory_core.payload import at, moment, number, rows, text

ACTIONS = "github-actions"  # the slug of GitHub's own CI
LONGEST_SUMMARY = 500  # characters
SAME_PUSH = timedelta(minutes=1)  # suites that were created so close together belong to one push
NEVER, ALWAYS = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)

_VACUOUS = re.compile(
    r"\breview (?:was |has been |is )?(?:skipped|rate[- ]limited|cancell?ed|not started)\b"
    r"|\breview line limit reached\b|\busage limits?\b"
    r"|\brate[- ]limit(?:ed|s? (?:was |were )?(?:reached|exceeded|hit))\b",
    re.IGNORECASE,
)
_HEADLINE = 400  # characters of each text of a check in which it says what became of it; a report may follow

Rows = list[Any] | None


class Result(NamedTuple):
    """One result of one check, and what tells whether another one replaces it."""

    check: Check
    app: str = ""
    app_id: int | None = None
    workflow: str = ""  # the path of its file; empty where it is not known, or where there is none
    event: str = ""  # why the workflow ran: a push, a pull request …
    suite: int = 0  # 0: not known
    id: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    triggered: datetime | None = None

    @property
    def order(self) -> tuple[datetime, int]:
        return self.started or (ALWAYS if self.check.status == "completed" else NEVER), self.id

    @property
    def failed_job(self) -> int:
        """The id of the failed job of Actions, which is that of its check run; 0 where there is none."""
        return self.id if self.app == ACTIONS and self.check.conclusion in FAILED else 0

    def with_log(self, excerpt: str) -> Result:
        """With the end of its job's log in what is said of it."""
        if not excerpt:
            return self
        summary = f"{self.check.summary}\nThe end of its log:\n{excerpt}".strip()
        return self._replace(check=self.check.model_copy(update={"summary": summary}))


class Required(NamedTuple):
    """A check that a rule of the branch asks for; of one app, where the rule names it."""

    name: str
    app_id: int | None


def results_of(
    runs: Rows,
    statuses: Rows,
    suites: Rows = None,
    workflows: Rows = None,
    required: Sequence[Required] = (),
    rules: Rows = None,
) -> tuple[Result, ...] | None:
    """All that counts at this commit; None when a check run or a status is not known, for it might be the red one.

    Suites and workflow runs that the token may not read are None, and then tell nothing.
    """
    if runs is None or statuses is None:
        return None
    created = {id: moment(suite, "created_at") for suite in suites or () if (id := number(suite, "id"))}
    told = {suite: run for run in workflows or () if (suite := number(run, "check_suite_id"))}
    known = [_result_of_run(run, created, told) for run in sorted(runs, key=lambda run: number(run, "id") or 0)]
    latest = {text(status, "context"): status for status in sorted(statuses, key=lambda row: text(row, "updated_at"))}
    known += [_result_of_status(status) for status in latest.values()]
    if any(result is None for result in known):
        return None
    found = [result for result in known if result is not None]
    rest = [result for result in found if not any(_supersedes(other, result) for other in found)]
    rest = [result for result in rest if not any(_reruns(run, result) for run in workflows or ())]
    shown = [one for one in found if not any(other.suite == one.suite and _supersedes(other, one) for other in found)]
    rest += _workflow_runs(shown, workflows)
    rest += _suites(shown, suites, workflows)
    return (*rest, *_missing(found, required), *_missing_workflows(workflows, rules))


def since(results: Iterable[Result], suites: Rows) -> datetime | None:
    """When GitHub first knew of the commit, as far as anything at it tells."""
    seen = [moment(suite, "created_at") for suite in suites or ()] + [result.started for result in results]
    return min((when for when in seen if when), default=None)


def required_checks(rules: Rows, *protections: object) -> tuple[Required, ...]:
    """What rulesets and branch protection ask for; a protection is `required_status_checks` in GitHub's answer."""
    listed = [
        (text(row, "context"), number(row, "integration_id"))
        for rule in rules or ()
        if text(rule, "type") == "required_status_checks"
        for row in rows(rule, "parameters", "required_status_checks")
    ]
    for protection in protections:
        if text(protection, "enforcement_level") != "off":
            named = [(text(row, "context"), number(row, "app_id")) for row in rows(protection, "checks")]
            listed += named or [(name, None) for name in rows(protection, "contexts") if isinstance(name, str)]
    return tuple(dict.fromkeys(Required(name, app if app and app > 0 else None) for name, app in listed if name))


def is_vacuous(*texts: str) -> bool:
    """Does a success say itself that nothing was looked at?"""
    return any(_VACUOUS.search(said[:_HEADLINE]) for said in texts)


def _result_of_run(run: object, created: Mapping[int, datetime | None], told: Mapping[int, Any]) -> Result | None:
    name, status, suite = text(run, "name"), text(run, "status").lower(), number(run, "check_suite", "id") or 0
    if not name or not status:
        return None
    ended = status == "completed"
    conclusion = text(run, "conclusion").lower() if ended else ""
    title, summary, said = (text(run, "output", part) for part in ("title", "summary", "text"))
    check = Check(
        name=name,
        status="completed" if ended else "pending",
        conclusion=conclusion,
        vacuous=conclusion == "success" and is_vacuous(title, summary, said),
        summary=": ".join(filter(None, (title, summary)))[:LONGEST_SUMMARY],
        url=text(run, "html_url") or text(run, "details_url"),
    )
    started = moment(run, "started_at")
    return Result(
        check,
        app=_app(run),
        app_id=number(run, "app", "id"),
        workflow=_path(told.get(suite)),
        event=text(told.get(suite), "event"),
        suite=suite,
        id=number(run, "id") or 0,
        started=started,
        ended=moment(run, "completed_at") if ended else None,
        triggered=moment(told.get(suite), "run_started_at")
        or moment(told.get(suite), "created_at")
        or created.get(suite)
        or started,
    )


def _result_of_status(status: object) -> Result | None:
    """A commit status is pending, success, failure or error; the last two are one to us."""
    name, state, said = text(status, "context"), text(status, "state").lower(), text(status, "description")
    if not name or not state:
        return None
    check = Check(
        name=name,
        status="pending" if state == "pending" else "completed",
        conclusion={"pending": "", "error": "failure"}.get(state, state),
        vacuous=state == "success" and is_vacuous(said),
        summary=said[:LONGEST_SUMMARY],
        url=text(status, "target_url"),
    )
    return Result(check, app="status", started=moment(status, "created_at") or moment(status, "updated_at"))


def _supersedes(new: Result, old: Result) -> bool:
    """Is `new` a later result of the same check? Where the workflow is not known, what may be another check stays.

    A job that another event's run of the workflow skips is not done by that: its earlier result stands.
    """
    same = (new.app, new.check.name) == (old.app, old.check.name)
    if not same or new.app == "status":
        return False
    if new.suite == old.suite:
        return new.order > old.order and _is_rerun(new, old)
    if new.triggered and old.triggered and new.triggered != old.triggered:
        later = new.triggered > old.triggered  # a late job of an older run is old
    else:
        later = new.order > old.order
    if not later:
        return False
    if new.workflow and old.workflow:
        says_nothing = new.check.conclusion in {"skipped", "neutral"}
        replaced = old.check.conclusion in {"cancelled", "skipped", "neutral", "stale"} and not says_nothing
        return new.workflow == old.workflow and (new.event == old.event or replaced)
    if old.check.conclusion in {"cancelled", "skipped", "neutral", "stale"}:
        return True
    return bool(new.triggered and old.triggered and new.triggered - old.triggered >= SAME_PUSH)


def _is_rerun(new: Result, old: Result) -> bool:
    """Of one suite. A job of Actions never runs twice at once: what overlaps are two jobs of the same name."""
    if new.app != ACTIONS:
        return True
    if old.check.status != "completed":
        return False
    if new.started and old.started:
        return new.started >= old.ended if old.ended else new.started > old.started
    return True


def _reruns(run: object, result: Result) -> bool:
    """Is its workflow run being run again? The jobs of the new attempt that come in its place are made one by one.

    Those that succeeded need not come again: a person may have run again what failed.
    """
    began = moment(run, "run_started_at")
    ended_before = bool(began and result.ended and result.ended < began)
    here = result.suite != 0 and number(run, "check_suite_id") == result.suite
    under_way = here and text(run, "status").lower() != "completed"
    return under_way and ended_before and result.check.conclusion not in GREEN


def _workflow_runs(found: Sequence[Result], workflows: Rows) -> Iterator[Result]:
    """Workflow runs of Actions that have not ended, or ended badly without a job that shows it."""
    ordered = sorted(workflows or (), key=lambda run: number(run, "id") or 0)
    newest = {(_path(run), text(run, "event")): number(run, "id") for run in ordered}
    for run in workflows or ():
        shown = _state_of(run, text(run, "name") or _path(run), found, number(run, "check_suite_id") or 0)
        if shown and (shown.status == "pending" or newest[_path(run), text(run, "event")] == number(run, "id")):
            yield Result(shown, app=ACTIONS, workflow=_path(run), started=moment(run, "created_at"))


def _suites(found: Sequence[Result], suites: Rows, workflows: Rows) -> Iterator[Result]:
    """Suites likewise, where no workflow run tells. One whose app has reported nothing yet is expected, and may stay so
    for ever: GitHub makes one for every installed app. Of Actions it is, unless it is known that no run belongs to it.
    """
    told = {number(run, "check_suite_id") for run in workflows or ()} - {None}
    for suite in suites or ():
        id, app = number(suite, "id") or 0, _app(suite)
        shown = None if id in told else _state_of(suite, app or "a check suite", found, id)
        if shown is None:
            continue
        silent = not number(suite, "latest_check_runs_count") and not any(result.suite == id for result in found)
        if text(suite, "status").lower() == "queued" and silent and (app != ACTIONS or workflows is not None):
            shown = shown.model_copy(update={"status": "expected", "since": moment(suite, "created_at")})
        yield Result(shown, app=app, started=moment(suite, "created_at"))


def _state_of(row: object, name: str, found: Sequence[Result], suite: int) -> Check | None:
    """What a suite or a workflow run tells beyond its check runs; None when these tell it, or when it ended well.

    Of one that waits for a person's approval GitHub says that it is completed.
    """
    own = [result.check for result in found if result.suite == suite and suite]
    status, conclusion = text(row, "status").lower(), text(row, "conclusion").lower()
    if any(check.status == "pending" for check in own):
        return None
    if status != "completed":
        return Check(name=name, status="pending", url=text(row, "html_url"))
    if conclusion in GREEN or any(check.conclusion not in GREEN for check in own):
        return None
    if conclusion == "action_required":
        return Check(name=name, status="pending", url=text(row, "html_url"))
    return Check(name=name, status="completed", conclusion=conclusion, url=text(row, "html_url"))


def _missing(found: Sequence[Result], required: Sequence[Required]) -> Iterator[Result]:
    """What a rule of the branch asks for and nobody has reported yet."""
    for name, app in required:
        here = (result for result in found if result.check.name == name)
        if not any(app is None or result.app_id in {app, None} for result in here):
            yield Result(Check(name=name, status="expected"))


def _missing_workflows(workflows: Rows, rules: Rows) -> Iterator[Result]:
    """Workflows that a ruleset requires and that have no run yet."""
    for rule in rules or ():
        for asked in rows(rule, "parameters", "workflows") if text(rule, "type") == "workflows" else ():
            if workflows is not None and not any(_path(run).endswith(text(asked, "path")) for run in workflows):
                yield Result(Check(name=text(asked, "path"), status="expected"))


def _app(row: object) -> str:
    return text(row, "app", "slug") or str(at(row, "app", "id") or "")


def _path(run: object) -> str:
    """`.github/workflows/ci.yml`; GitHub may add the ref that it was taken from."""
    return text(run, "path").partition("@")[0] or str(number(run, "workflow_id") or "")
