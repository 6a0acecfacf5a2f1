"""What is to be seen of a tenant, gathered once for page, status.json and command line; and whether it is healthy."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple, TypeVar

from pydantic import Field

from .config import Workers
from .dispatch.batch import Batch, Circuit, LostConnection
from .dispatch.records import InFlightRecord, State
from .errors import Problem, UnreadableRecord
from .intake.intake import VendorContact
from .performing.connections import lost_connections
from .performing.event_recorder import EventRecorder
from .performing.reconcile import report_words
from .ports import DamageReport, DiskFleet, Fleet, StateStore, WalledFleet
from .run_queue import WorkerFleet
from .runs.queued_run import Worker, present
from .runs.run import RunReport
from .status import ItemReport, Line, StatusReport, item_report, report
from .text.redaction import redacted
from .work_item import Frozen

T = TypeVar("T")
MOST_PASSED_OVER = 20  # overdue items, in search of one that this release can read
LATE = timedelta(minutes=2)  # an effect that has been due for longer means that nobody performs
AT_WORK = frozenset({State.DISPATCHING, State.RUNNING})


class LoopState(Frozen):
    """One of the loops that keep a host going: how long ago its last whole round was, in seconds, and after how many it
    counts as late.

    `why`: what its last round met; empty when it went well. `restarts`: how often the loop ended and began again, the
    last time at `last_end_at` for the reason `last_end`.
    """

    last_round_s: float
    late_after_s: float
    restarts: int = 0
    why: str = ""
    last_end: str = ""
    last_end_at: datetime | None = None

    @property
    def is_late(self) -> bool:
        return self.last_round_s > self.late_after_s


class Health(Frozen):
    """`ok` only when the store answers, every loop goes round and nothing that is due is late; `problems` say what is
    wrong since when.

    `degraded` names each connection that needs a new credential, each engine that cannot work, and each item whose
    record cannot be read: webhooks are still stored, and what needs it waits.
    `oldest_waiting_effect_s` counts that waiting, too.
    """

    ok: bool
    problems: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    store_ms: float | None = None
    oldest_waiting_effect_s: float | None = None
    last_event_at: dict[str, datetime | None] = Field(default_factory=dict)
    last_success_at: dict[str, datetime | None] = Field(default_factory=dict)
    loops: dict[str, LoopState] = Field(default_factory=dict)


class Observed(NamedTuple):
    """A tenant as one process sees it: its records, its last contact with each vendor, and when the clock looked."""

    recorder: EventRecorder
    contacts: Mapping[str, VendorContact] = {}
    checked_in_at: datetime | None = None


async def overview(
    observed: Observed, fleet: Fleet, version: str, store_kind: str = "", more: Sequence[Line] = ()
) -> StatusReport:
    """The status report of now, with what the host knows beyond the factory in `more`; raises StoreUnavailable, for
    without the store there is no report. What of the store is damaged is named, and all the rest is shown."""
    begun = monotonic()
    records, unreadable = await _records(observed.recorder.store)
    batch, slots_unreadable = await _batch(observed.recorder.store)
    unreadable = unreadable or slots_unreadable or await _damage(observed.recorder.store)
    read_in = round((monotonic() - begun) * 1000)
    runs = {run.run_id: run for run in [await _run(record, fleet) for record in records] if run}
    store = Line(name="store", status="ok", note=f"{read_in} ms{', ' if store_kind else ''}{store_kind}")
    damaged = list[Line]()
    if unreadable:  # the others go on, and so does the intake
        note = f"{unreadable.what}: {unreadable.why}"
        damaged.append(Line(name="records", status="down", note=note, fix=unreadable.fix))
    checked = Line(
        name="check-in", status="ok" if observed.checked_in_at else "unknown", last_event_at=observed.checked_in_at
    )
    lost = _lost(records, lost_connections(batch, observed.recorder.config, observed.recorder.clock()))
    vendors = [
        _line(name, observed.contacts.get(name, VendorContact()), lost.get(name))
        for name in observed.recorder.config.providers()
    ]
    engines = [_engine_line(name, circuit) for name, circuit in sorted(batch.circuits.items())]
    lines = [
        *vendors,
        *engines,
        store,
        *damaged,
        checked,
        *([_sweep_line(batch)] if observed.recorder.config.sweep.every else []),
    ]
    if isinstance(fleet, WorkerFleet):
        lines.append(workers_line(await fleet.workers(), observed.recorder.clock(), observed.recorder.config.workers))
    if isinstance(fleet, WalledFleet) and (wall := await fleet.wall(observed.recorder.config.engines())):
        lines.append(Line(name="wall", status="down" if wall.fix else "ok", note=wall.note, fix=wall.fix))
    if isinstance(fleet, DiskFleet):
        disk = await fleet.disk()
        lines.append(Line(name="disk", status="down" if disk.fix else "ok", note=disk.note, fix=disk.fix))
    lines += more
    known = [record for record in records if record.state is not State.NEW]
    found = report(
        known,
        batch,
        runs,
        lines,
        observed.recorder.config,
        observed.recorder.clock(),
        observed.recorder.clock(),
        version,
    )
    return redacted(found, observed.recorder.redact)


async def _records(store: StateStore) -> tuple[list[InFlightRecord], UnreadableRecord | None]:
    """Those that can be read; one that is damaged hides no other."""
    records = list[InFlightRecord]()
    try:
        async for record in store.list_in_flight():
            records.append(record)
    except UnreadableRecord as problem:
        return records, problem
    return records, None


async def _batch(store: StateStore) -> tuple[Batch, UnreadableRecord | None]:
    """An empty one in the place of one that cannot be read: to be shown beside that problem, never to be stored."""
    try:
        return await store.get_batch(), None
    except UnreadableRecord as problem:
        return Batch(), problem


async def _damage(store: StateStore) -> UnreadableRecord | None:
    return await store.damage() if isinstance(store, DamageReport) else None


async def item_overview(observed: Observed, fleet: Fleet, key: str, version: str) -> ItemReport | None:
    """One item by its key; None when nobody knows it."""
    record = await observed.recorder.store.get_in_flight(key)
    if record is None or record.state is State.NEW:
        return None
    output = await _of_run(fleet.tail(record.run.run_id), ()) if record.run else ()
    found = item_report(
        record, await _run(record, fleet), observed.recorder.config, observed.recorder.clock(), version, output
    )
    return redacted(found, observed.recorder.redact)


async def health(observed: Observed, loops: Mapping[str, LoopState] = {}) -> Health:
    """As overview(), in short, and also without a store. `loops`: those of this process, by name."""
    found = await _health(observed)
    late = tuple(_late_words(name, state) for name, state in loops.items() if state.is_late)
    known = {"ok": found.ok and not late, "problems": (*found.problems, *late), "loops": dict(loops)}
    return redacted(found.model_copy(update=known), observed.recorder.redact)


def loop_lines(loops: Mapping[str, LoopState]) -> list[Line]:
    """One for each loop that is late, or that ended and was begun again."""
    late = "In the factory's log: see why it ended, and restart the factory if it does not go round again"
    return [
        Line(name=f"loop {name}", status="down", note=_late_words(name, state), fix=late)
        if state.is_late
        else Line(name=f"loop {name}", status="ok", last_event_at=state.last_end_at, note=_restarts_words(state))
        for name, state in loops.items()
        if state.is_late or state.restarts
    ]


def log_lines(dropped: int, hangs: bool) -> list[Line]:
    """One where nobody reads what this process logs, or lines of it were lost."""
    lost = f"{dropped} lines are lost since the start" if dropped else "up to 1,000 lines wait"
    if hangs:
        fix = "In your shell: look at what reads the standard error of factory serve, or whether its disk is full"
        return [Line(name="log", status="down", note=f"nobody reads it, {lost}; the work goes on", fix=fix)]
    return [Line(name="log", status="ok", note=lost)] if dropped else []


def _late_words(name: str, state: LoopState) -> str:
    why = f" ({state.why})" if state.why else ""
    return f"{name} has not been round for {state.last_round_s:.0f} s{why}"


def _restarts_words(state: LoopState) -> str:
    times = "once" if state.restarts == 1 else f"{state.restarts} times"
    return f"ended {times} and began again, last at {state.last_end_at:%Y-%m-%d %H:%M:%S} UTC: {state.last_end}"


async def _health(observed: Observed) -> Health:
    """Costs a few small reads: the longest overdue item, its record, and which connections are lost."""
    begun, now = monotonic(), observed.recorder.clock()
    contacts = {name: observed.contacts.get(name, VendorContact()) for name in observed.recorder.config.providers()}
    last = {name: one.at for name, one in contacts.items()}
    answered = {name: one.answered_at for name, one in contacts.items()}
    try:
        damage = await _damage(observed.recorder.store)
        record, unread = await _longest_overdue(observed.recorder.store, now)
        batch = await observed.recorder.store.get_batch()
        lost = lost_connections(batch, observed.recorder.config, now)
    except Problem as problem:
        return Health(
            ok=False, problems=(f"{problem.what}: {problem.why}",), last_event_at=last, last_success_at=answered
        )
    waited = now - record.wake_at if record and record.wake_at else timedelta(0)
    late = (f"{record.key} has been due since {record.wake_at:%H:%M:%S} UTC",) if record and waited > LATE else ()
    waits = [*([waited] if record else []), *(now - one.since for one in lost.values())]
    damaged = (f"{damage.what}: {damage.why}: {damage.fix}",) if damage else ()
    return Health(
        ok=not (damaged or late),
        problems=(*damaged, *late),
        degraded=(
            *unread,
            *(_lost_words(*one) for one in sorted(lost.items())),
            *map(_paused_words, batch.circuits.items()),
        ),
        store_ms=round((monotonic() - begun) * 1000, 2),
        oldest_waiting_effect_s=max(waits).total_seconds() if waits else None,
        last_event_at=last,
        last_success_at=answered,
    )


async def _longest_overdue(store: StateStore, now: datetime) -> tuple[InFlightRecord | None, tuple[str, ...]]:
    """It, and what was passed over because this release cannot read it: that is one item's matter."""
    unread = list[str]()
    for item in await store.due(now, MOST_PASSED_OVER):
        try:
            return await store.get_in_flight(item), tuple(unread)
        except UnreadableRecord as problem:
            unread.append(f"{item}: {problem.what}: {problem.why}")
    return None, tuple(unread)


def _lost_words(name: str, lost: LostConnection) -> str:
    return f"{name} is not authorised since {lost.since:%Y-%m-%d %H:%M:%S} UTC ({lost.why}): factory connect {name}"


def _paused_words(paused: tuple[str, Circuit]) -> str:
    name, circuit = paused
    return f"{name} cannot work since {circuit.since:%Y-%m-%d %H:%M:%S} UTC ({circuit.why}): {circuit.fix}"


def _lost(records: Sequence[InFlightRecord], noted: Mapping[str, LostConnection]) -> dict[str, LostConnection]:
    """What is noted for the tenant, and what an order waits for though nobody noted it."""
    lost = dict(noted)
    for planned in (planned for record in records for planned in record.outbox):
        if planned.lost and planned.lost_since:
            known = lost.get(planned.lost)
            since = min(planned.lost_since, known.since) if known else planned.lost_since
            lost[planned.lost] = LostConnection(since=since, seen_at=since, why=known.why if known else planned.why)
    return lost


def _line(name: str, contact: VendorContact, lost: LostConnection | None) -> Line:
    """Needs auth: it refuses our credential, whatever it sends. Down: the last thing that came was refused, and nothing
    good has come since."""
    if lost:
        fix = f"factory connect {name}"
        return Line(name=name, status="needs-auth", since=lost.since, last_event_at=contact.at, note=lost.why, fix=fix)
    if contact.refused_at and (contact.at is None or contact.refused_at > contact.at):
        return Line(name=name, status="down", last_event_at=contact.at, note=contact.why, fix=f"factory doctor {name}")
    last = max((at for at in (contact.at, contact.answered_at) if at), default=None)
    return Line(name=name, status="ok" if last else "unknown", last_event_at=last)


def _engine_line(name: str, circuit: Circuit) -> Line:
    """Paused: one ticket after the other tries it, from then on."""
    others = "" if circuit.alone else "; other workers go on"
    note = f"{circuit.why} (tried again from {circuit.retry_at:%H:%M} UTC on{others})"
    return Line(name=name, status="paused", since=circuit.since, note=note, fix=circuit.fix)


def _sweep_line(batch: Batch) -> Line:
    """When somebody looked for missed events, and what was found; unknown, too, when a source did not answer."""
    found, at = batch.sweep.report, batch.sweep.at
    failed = bool(found and found.failed)
    note, fix = report_words(found) if found else "", "factory check" if failed else ""
    return Line(name="sweep", status="ok" if at and not failed else "unknown", last_event_at=at, note=note, fix=fix)


def workers_line(seen: Sequence[Worker], now: datetime, rules: Workers) -> Line:
    """How many are there, or when the last one was; without one, what is in line waits."""
    there, last = present(seen, now, rules), max((one.seen_at for one in seen if one.seen_at), default=None)
    if not there:
        return Line(
            name="workers", status="down", last_event_at=last, note="none was heard", fix="factory worker --help"
        )
    slots = sum(one.slots for one in there)
    engines = ", ".join(sorted({name for one in there for name in one.engines}))
    note = f"{len(there)} heard lately, {slots} {'slot' if slots == 1 else 'slots'}: {engines}"
    return Line(name="workers", status="ok", last_event_at=last, note=note)


async def _run(record: InFlightRecord, fleet: Fleet) -> RunReport | None:
    if record.run is None or record.state not in AT_WORK:
        return None
    return await _of_run(fleet.look(record.run.run_id), None)


async def _of_run(look: Awaitable[T], otherwise: T) -> T:
    """What is shown of a run that cannot be looked at: everything else is shown."""
    try:
        return await look
    except Problem as problem:
        if problem.everywhere:
            raise
        return otherwise
