"""A factory at 03:12:06 with an item in every state, and the report that must come of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.dispatch.batch import Batch, QueueEntry, Slot
from factory_core.dispatch.effects import OpenPullRequest, Planned
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.dispatch.records import Block, Clarification, InFlightRecord, LogEntry, State, Summary
from factory_core.dispatch.routing import Route
from factory_core.runs.run import Run, RunReport, RunStatus, Usage
from factory_core.status import Line, StatusReport, report

NOW = datetime(2026, 11, 20, 3, 12, 6, tzinfo=UTC)
VERSION = "1.4.0"
TITLES = {
    131: "Move invoices to the v2 schema", 142: "Rate-limit the export endpoint", 143: "Widen the admin table",
    147: "Retry failed exports", 144: "Paginate the audit log", 140: "Cache the plan lookup",
    139: "Typo in the onboarding tour", 150: "Add CSV import to contacts", 153: "Show the plan on the profile",
    154: "Trim names on import", 151: "Split the billing worker", 152: "Dark mode for invoices",
    138: "Sort contacts by last reply", 135: "Rename plan tiers", 133: "Log the export job id",
    130: "Speed up the feed",
}  # fmt: skip


def before(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def config(**changes: object) -> FactoryConfig:
    values: dict[str, object] = {
        "tenant": "acme", "environment": "production", "intent_provider": "linear",
        "clarification_channel": "slack",
        "output_target": "github",
        "repositories": {"acme/api": {}, "acme/web": {}}, "merge": {"policy": "on-green-with-review"},
        "capacity": {"agents": 2, "per_repository": 1},
        "clarification": {"escalate_to": "<@U042>", "people": {"Priya Nair": "U042"}},
    }  # fmt: skip
    return config_model().model_validate(values | changes)


def pull_request(number: int, **changes: object) -> PullRequest:
    values: dict[str, object] = {
        "repository": "acme/api", "number": number,
        "url": f"https://github.com/acme/api/pull/{number}", "draft": False,
        "merged": False, "mergeable": True, "head_sha": "9f2c1ab", "base": "main", "branch": f"factory/ACME-{number}-x",
        "checks": (Check(name="tests", status="completed", conclusion="success"),), "reviews": (),
    }  # fmt: skip
    return PullRequest.model_validate(values | changes)


def record(number: int, state: State, since: datetime, **changes: object) -> InFlightRecord:
    key = f"ACME-{number}"
    summary = Summary(key=key, title=TITLES[number], url=f"https://linear.app/acme/issue/{key}", reporter="Maya Chen")
    log = (LogEntry(at=since - timedelta(minutes=5), by="tracker", text="Linear says that it is ready"),)
    values: dict[str, object] = {"work_item_id": key, "state": state, "since": since, "item": summary, "log": log}
    return InFlightRecord.model_validate(values | changes)


def run(number: int, minutes: float) -> Run:
    return Run(run_id=f"ACME-{number}:1", engine="claude", started_at=before(minutes=minutes))


API, WEB = Route(repository="acme/api", engine="claude", why="label api"), Route(repository="acme/web", engine="codex")


def records() -> list[InFlightRecord]:
    """One of every state, and three that need a person, in no order."""
    question = Clarification(
        question="Should the limit be per user or per workspace?", thread_id="C1:1", step="reminded",
        url="https://acme.slack.com/archives/C1/p1", asked_at=before(minutes=38),
    )  # fmt: skip
    failed_push = Planned(
        key="k", effect=OpenPullRequest(run_id="r"), attempts=2, not_before=NOW + timedelta(minutes=2),
        why="GitHub answered 502",
    )  # fmt: skip
    return [
        record(138, State.DONE, before(minutes=31), pull_request=pull_request(487, merged=True, state="closed"),
               spent=Usage(usd=Decimal("3.02"))),
        record(152, State.QUEUED, before(minutes=2), route=API, waits_for="the cooldown of acme/api"),
        record(151, State.QUEUED, before(minutes=12), route=API),
        record(147, State.RUNNING, before(minutes=31), route=API, attempt=2, run=run(147, 31),
               spent=Usage(usd=Decimal("2.31"), turns=40, input_tokens=900_000, cached_tokens=700_000),
               log=history()),
        record(142, State.WAITING, before(minutes=38), clarification=question, deadline=NOW + timedelta(minutes=22)),
        record(144, State.RUNNING, before(minutes=6), route=WEB, attempt=1, round=1, run=run(144, 6)),
        record(140, State.IN_REVIEW, before(hours=2, minutes=10), route=API, attempt=1, pull_request=pull_request(491),
               spent=Usage(usd=Decimal("2.90")), deadline=NOW + timedelta(hours=20)),
        record(139, State.MERGING, before(seconds=70), route=WEB, attempt=1, pull_request=pull_request(
            489, reviews=(Review(id="1", author="sam", state="approved", commit="9f2c1ab"),))),
        record(153, State.TRIAGING, before(seconds=14)),
        record(154, State.NEW, before(seconds=2)),
        record(150, State.DISPATCHING, before(seconds=41), route=WEB, attempt=1, outbox=(failed_push,)),
        record(131, State.BLOCKED, before(hours=1, minutes=6), route=API, attempt=2,
               pull_request=pull_request(488, draft=True),
               run=run(131, 120), spent=Usage(usd=Decimal("8.90")), block=Block(
                   reason="ci-failed", why="CI failed twice on the same check: contract",
                   fix='factory pipeline retry ACME-131 --reason "…"')),
        record(143, State.BLOCKED, before(minutes=20), block=Block(
            reason="unroutable", why="no repository is mapped to project Mobile",
            fix="In factory.config.yaml: map the project Mobile under routing.byProject")),
        record(135, State.CANCELLED, before(hours=2, minutes=22), spent=Usage(turns=9, cost_known=False)),
        record(133, State.DONE, before(hours=27), pull_request=pull_request(482, merged=True)),
        record(130, State.FAILED, before(hours=5), block=Block(
            reason="attempts-exhausted", why="2 tests fail", fix='factory pipeline retry ACME-130 --reason "…"')),
    ]  # fmt: skip


def history() -> tuple[LogEntry, ...]:
    return (
        LogEntry(at=before(minutes=79), by="tracker", text="Linear: Sam Ortiz moved it to Ready for Agent"),
        LogEntry(at=before(minutes=78), by="factory", text="Triage: not clear enough to start, 0.55 of 0.70"),
        LogEntry(at=before(minutes=78), by="factory", text="Asked in Slack",
                 quote="How many times should an export be retried before we tell its owner?"),
        LogEntry(at=before(minutes=59), by="person", text="Maya Chen answered in Slack",
                 quote="Three times, then give up and email the owner.\nNot the whole team."),
        LogEntry(at=before(minutes=59), by="factory", text="Started try 1, claude"),
        LogEntry(at=before(minutes=31), by="agent", text="Try 1 ended: 2 tests fail"),
        LogEntry(at=before(minutes=31), by="factory", text="Started try 2, claude"),
    )  # fmt: skip


def runs() -> dict[str, RunReport]:
    return {
        "ACME-147:1": RunReport(
            run_id="ACME-147:1", work_item_id="ACME-147", status=RunStatus.RUNNING, alive_at=before(seconds=3),
            progress_at=before(minutes=5), progress="ran 214 tests, 2 failing",
            usage=Usage(
                turns=38, usd=Decimal("2.39"), input_tokens=1_000_000, cached_tokens=910_000, output_tokens=40_000)),
        "ACME-144:1": RunReport(
            run_id="ACME-144:1", work_item_id="ACME-144", status=RunStatus.RUNNING, alive_at=before(seconds=1),
            progress_at=before(seconds=41), progress="editing audit/page.py",
            usage=Usage(turns=12, usd=Decimal("3.31"))),
    }  # fmt: skip


def batch() -> Batch:
    return Batch(
        slots={
            "ACME-147": Slot(repository="acme/api", state="running", since=before(minutes=31)),
            "ACME-144": Slot(repository="acme/web", state="running", since=before(minutes=6)),
            "ACME-140": Slot(repository="acme/api", state="in-review", since=before(minutes=130)),
        },
        queue=(
            QueueEntry(work_item_id="ACME-152", repository="acme/api", since=before(minutes=2)),
            QueueEntry(work_item_id="ACME-151", repository="acme/api", since=before(minutes=12)),
        ),
    )


def lines() -> list[Line]:
    return [
        Line(name="linear", status="ok", last_event_at=before(seconds=4)),
        Line(name="slack", status="ok", last_event_at=before(minutes=2)),
        Line(name="github", status="quiet", last_event_at=before(minutes=22),
             note="The check-in of 03:05 found 1 event that never came."),
        Line(name="store", status="ok", note="3 ms, SQLite"),
        Line(name="check-in", status="ok", last_event_at=before(minutes=7)),
    ]  # fmt: skip


def status(**changes: object) -> StatusReport:
    return report(records(), batch(), runs(), lines(), config(**changes), NOW, before(seconds=4), VERSION)


def empty() -> StatusReport:
    quiet = [
        Line(name="linear", status="ok", last_event_at=before(seconds=4)),
        Line(name="slack", status="ok", note="connected"),
        Line(name="github", status="ok", note="connected"),
        Line(name="store", status="ok", note="1 ms, SQLite"),
    ]
    return report([], Batch(), {}, quiet, config(), NOW, before(seconds=4), VERSION)
