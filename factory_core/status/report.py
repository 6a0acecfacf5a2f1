"""report(): from the records to status.json. Pure; every number shown anywhere comes from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce

from ..config import FactoryConfig
from ..dispatch import capacity
from ..dispatch.batch import Batch
from ..dispatch.records import ENDED, InFlightRecord, State
from ..dispatch.spending import ZERO, Grant, next_day
from ..runs.run import RunReport, Usage
from ..settings import VendorSettings
from .explain import merged
from .formatting import arguments, cents, clock, command
from .items import finished_of, item_of, queue_of, run_of, spent_of
from .schema import Item, Line, LineReport, Queued, StatusReport, Step, Today, Vitals
from .verdict import verdict

MOST_FINISHED = 10


def report(
    records: Sequence[InFlightRecord],
    batch: Batch,
    runs: Mapping[str, RunReport],
    lines: Sequence[Line],
    config: FactoryConfig,
    now: datetime,
    data_at: datetime,
    version: str,
) -> StatusReport:
    """`runs` by run id, the newest of each running item at least; `data_at` is when the store was read."""
    open_items = [
        item_of(record, run_of(record, runs), config, now)
        for record in records
        if record.state not in ENDED and record.state is not State.QUEUED
    ]
    needs = sorted((item for item in open_items if item.reason), key=_oldest_first)
    moving = sorted((item for item in open_items if not item.reason), key=_oldest_first)  # no usual times known yet
    queue = queue_of(records, batch, config, now)
    finished = finished_of(records, config, now)
    shown = (*(_line(line, config, now) for line in lines), _agents(batch, config))
    vitals = _vitals(records, runs, batch, queue, config, now)
    holding = capacity.holds_up(batch, capacity.Limits.of(config), now)
    held_up_by = [record.key for record in records if record.work_item_id in holding]
    judged = verdict((*needs, *moving), queue, shown, vitals, config, now, held_up_by)
    return StatusReport(
        generated_at=now, data_at=data_at, tenant=config.tenant, environment=config.environment, version=version,
        verdict=judged, lines=shown, vitals=vitals, items=(*needs, *moving), queue=queue,
        finished=finished[:MOST_FINISHED], start=_start(config) if judged.level == "idle" else (),
    )  # fmt: skip


def _oldest_first(item: Item) -> tuple[int, str]:
    return (-(item.since_s or 0), item.key)


def _line(line: Line, config: FactoryConfig, now: datetime) -> LineReport:
    what = "cannot work" if line.status == "paused" else "not authorised"
    note = f"{what} since {clock(line.since, now)}: {line.note}" if line.since else line.note
    return LineReport(
        name=line.name, title=config.title(line.name), status=line.status, since=line.since,
        last_event_at=line.last_event_at, note=note, fix=arguments(line.fix), fix_in_words=line.fix,
    )  # fmt: skip


def _busy(batch: Batch) -> int:
    return sum(slot.state == "running" for slot in batch.slots.values())


def _agents(batch: Batch, config: FactoryConfig) -> LineReport:
    note = f"{_busy(batch)} of {config.capacity.agents} busy"
    return LineReport(name="agents", title="Agents", status="ok", note=note)


def _vitals(
    records: Sequence[InFlightRecord],
    runs: Mapping[str, RunReport],
    batch: Batch,
    queue: Sequence[Queued],
    config: FactoryConfig,
    now: datetime,
) -> Vitals:
    spent = reduce(Usage.plus, (spent_of(record, run_of(record, runs)) for record in records), Usage())
    return Vitals(
        in_flight=sum(record.state not in ENDED and record.state is not State.QUEUED for record in records),
        agents_busy=_busy(batch),
        agents_max=config.capacity.agents,
        queue=len(queue),
        queue_oldest_s=max((item.since_s for item in queue if item.since_s is not None), default=None),
        spent_usd=cents(spent.usd),
        cost_known=spent.cost_known,
        budget_usd=cents(config.budget.daily),
        today=_today(batch, config, now),
        merged_24h=sum(
            merged(record) and record.since is not None and now - record.since <= timedelta(hours=24)
            for record in records
        ),
    )


def _today(batch: Batch, config: FactoryConfig, now: datetime) -> Today:
    today, daily = batch.spending.at(now), Decimal(str(config.budget.daily))
    another = Grant(usd=Decimal(str(config.agents.max_usd)))
    left = max(ZERO, daily - today.usd - today.reserved)
    return Today(
        spent_usd=cents(today.usd), reserved_usd=cents(today.reserved), left_usd=cents(left),
        reached=today.cap(another, config.budget, now) is None, resumes_at=next_day(now),
    )  # fmt: skip


def _start(config: FactoryConfig) -> tuple[Step, ...]:
    """Three ways to a first ticket."""
    tracker, label = config.title(config.intent_provider), next(iter(config.triage.go_labels), "")
    labelled = f" with the label {label}" if config.triage.require_go_label and label else ""
    state = f" to {config.section(config.intent_provider, VendorSettings).ready_state()}"
    sample = command("trigger", f"{config.intent_provider}.issue.ready")
    return (
        Step(words=f"Move a {tracker} ticket{labelled}{state}."),
        Step(words="No ticket at hand? Send a signed sample:", command=sample),
        Step(words="It shows up here within 15 s. If not:", command="factory check"),
    )  # fmt: skip
