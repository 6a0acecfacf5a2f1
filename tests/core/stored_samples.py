"""A value of each stored kind, with something in every field that holds another model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from factory_core.dispatch.batch import (
    Batch,
    CatchUp,
    Circuit,
    DeliveryGap,
    Lap,
    LostConnection,
    QueueEntry,
    Slot,
    SweepReport,
    SweepState,
)
from factory_core.dispatch.effects import PostComment, StartAgent
from factory_core.dispatch.events import Reply
from factory_core.dispatch.records import ClarificationRecord, LogEntry, State
from factory_core.dispatch.routing import RememberedRoute
from factory_core.dispatch.spending import DaySpending, Grant
from factory_core.dispatch.triage import Verdict
from factory_core.runs.queued_run import QueuedRun, RunState, Worker
from factory_core.runs.run import RunOrder, RunReport, RunStatus, Usage
from factory_core.runs.run_checks import CheckResult
from factory_core.work_item import StoredModel

from .machine_samples import records_in

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
SAID = Reply(id="m-1", author="maya", text="In the page.", at=NOW)
REPORT = RunReport(
    run_id="r", work_item_id="ACME-1", status=RunStatus.RUNNING, started_at=NOW, usage=Usage(turns=3, usd=Decimal(1)),
    checks=(CheckResult(name="verify", exit_code=0, seconds=1),),
)  # fmt: skip
ORDER = RunOrder(
    run_id="r", work_item_id="ACME-1", title="t", repository="acme/shop", clone_url="u", base="main", branch="b",
    engine="console", task="Do it.", max_turns=9, max_duration=timedelta(hours=1), max_usd=Decimal(3),
)  # fmt: skip
SAMPLES: tuple[StoredModel, ...] = (
    *(
        record.plan([StartAgent(max_usd=Decimal(1)), PostComment(body="Hello")])
        .but(verdict=Verdict(missing=("goal",)), answers=(SAID,), log=(LogEntry(at=NOW, by="agent", text="x"),))
        .but(lease=record.lease.model_copy(update={"holder": "h", "until": NOW}), spent=Usage(turns=1))
        for state in State
        for record in records_in(state)
    ),
    ClarificationRecord(thread_id="C1:1", replies=(SAID,), deadline=NOW),
    Batch(
        slots={"ACME-1": Slot(repository="acme/shop", state="running", since=NOW)},
        queue=(QueueEntry(work_item_id="ACME-2", repository="acme/shop", since=NOW, asks=Grant(usd=Decimal(1))),),
        sweep=SweepState(at=NOW, cursors={"ready": "x"}, report=SweepReport(started=1)),
        catch_up=CatchUp(gap=DeliveryGap(until=NOW, cause="a start"), began=NOW, paid_until=NOW, laps={"x": Lap()}),
        lost={"slack": LostConnection(since=NOW, seen_at=NOW, why="revoked")},
        circuits={"console": Circuit(engine="console", why="away", fix="factory doctor", since=NOW, retry_at=NOW)},
        routes={"shop": RememberedRoute(repository="acme/shop", key="ACME-1", at=NOW)},
        spending=DaySpending(usd=Decimal(3)).granted("ACME-1", Grant(usd=Decimal(1)), Decimal(1), NOW),
    ),
    QueuedRun(run_id="r", state=RunState.RUNNING, order=ORDER, queued_at=NOW, report=REPORT),
    Worker(id="worker-1", engines=("console",)),
)  # fmt: skip
