"""One SQL for SQLite on this machine and SQLite in a Durable Object: the schema, each read and each change.

Nothing here executes anything. A host runs the statements of one change inside one transaction; where one that `swaps`
changes no row, somebody else saved first: roll the change back and raise VersionConflict.

Bodies leave out what equals a field's default, so the defaults of stored models are part of the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from factory_core.dispatch.asking import STRANDED
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.effects import Planned
from factory_core.dispatch.records import ENDED, ClarificationRecord, InFlightRecord, State, birth
from factory_core.errors import NewerRecord, UnreadableRecord
from factory_core.payload import parse_as, whole
from factory_core.runs.queued_run import QueuedRun, Worker
from factory_core.runs.reported import is_of_newer_release
from factory_core.work_item import Frozen

from .unreadable_records import UnreadableRecords

SCHEMA_VERSION = 1
STATE = "CASE WHEN json_valid(body) THEN coalesce(json_extract(body, '$.state'), 'new') END"
SINCE = "CASE WHEN json_valid(body) THEN json_extract(body, '$.since') END"
"""Of a record's body; NULL where it is damaged."""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS factory_schema (version INTEGER NOT NULL)",
    "INSERT INTO factory_schema SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM factory_schema)",
    # A record fills a good part of a page, so its table is clustered by rowid: a b-tree over the key would spill every
    # body into overflow pages. The others' rows are small or single.
    """CREATE TABLE IF NOT EXISTS in_flight (
        tenant TEXT NOT NULL, work_item_id TEXT NOT NULL, version INTEGER NOT NULL, wake_at INTEGER, body TEXT NOT NULL,
        PRIMARY KEY (tenant, work_item_id))""",
    """CREATE INDEX IF NOT EXISTS in_flight_due ON in_flight (tenant, wake_at, work_item_id)
        WHERE wake_at IS NOT NULL""",
    # by what is in the body, so that an older release keeps it as well; items are counted out of it alone
    f"CREATE INDEX IF NOT EXISTS in_flight_state ON in_flight (tenant, {STATE}, work_item_id, {SINCE})",
    """CREATE TABLE IF NOT EXISTS aliases (
        tenant TEXT NOT NULL, alias TEXT NOT NULL, work_item_id TEXT NOT NULL,
        PRIMARY KEY (tenant, alias)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS clarifications (
        tenant TEXT NOT NULL, thread_id TEXT NOT NULL, version INTEGER NOT NULL, deadline INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (tenant, thread_id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS clarifications_past ON clarifications (tenant, deadline)",
    """CREATE TABLE IF NOT EXISTS batches (
        tenant TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
    # A run holds the whole task, so its table is clustered by rowid, too.
    """CREATE TABLE IF NOT EXISTS runs (
        tenant TEXT NOT NULL, run_id TEXT NOT NULL, work_item_id TEXT NOT NULL, version INTEGER NOT NULL,
        due_at INTEGER, body TEXT NOT NULL, PRIMARY KEY (tenant, run_id))""",
    "CREATE INDEX IF NOT EXISTS runs_due ON runs (tenant, due_at, run_id) WHERE due_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS runs_of_item ON runs (tenant, work_item_id)",
    """CREATE TABLE IF NOT EXISTS workers (
        tenant TEXT NOT NULL, id TEXT NOT NULL, seen_at INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (tenant, id)) WITHOUT ROWID""",
)
"""Safe to run again, in one transaction: so a file of an older release gets the tables that are new, and that release
can still use it. Times are microseconds since 1970 in UTC."""

INDEXES_OF_FILES = ("in_flight_due", "in_flight_state", "clarifications_past", "runs_of_item")
OBJECT_SCHEMA = tuple(
    f"{sql} WITHOUT ROWID" if sql.startswith("CREATE TABLE") and sql.endswith("))") else sql
    for sql in SCHEMA
    if not any(f"INDEX IF NOT EXISTS {index} " in sql for index in INDEXES_OF_FILES)
)
"""For a Durable Object, where each row of an index that is written is billed as one: docs/decisions/0020."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUTBOX = TypeAdapter(tuple[Planned, ...])
PAGE = 100  # records, decoded in a few milliseconds

Model = TypeVar("Model", bound=Frozen)
Stored = TypeVar("Stored", InFlightRecord, ClarificationRecord, Batch, QueuedRun, Worker)
Versioned = TypeVar("Versioned", InFlightRecord, ClarificationRecord, Batch, QueuedRun)


class Statement(NamedTuple):
    """One statement, with its values in order; `swaps`: it must change a row; `housekeeping`: it may be left out."""

    sql: str
    values: tuple[str | int | None, ...] = ()
    swaps: bool = False
    housekeeping: bool = False


Change = tuple[Statement, ...]

READ_SCHEMA = Statement("SELECT version FROM factory_schema")
TOUCH = Statement("UPDATE factory_schema SET version = version")
"""A write that changes nothing, to see whether writing works."""


def select_in_flight(tenant: str, work_item_id: str) -> Statement:
    return Statement("SELECT body FROM in_flight WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id))


def select_by_alias(tenant: str, alias: str) -> Statement:
    return Statement(
        "SELECT body FROM aliases JOIN in_flight USING (tenant, work_item_id) WHERE tenant = ? AND alias = ?",
        (tenant, alias),
    )


def select_page(tenant: str, after: str) -> Statement:
    """The ids and bodies of the next PAGE records whose ids follow `after`; the first page is after the empty id."""
    return Statement(
        "SELECT work_item_id, body FROM in_flight WHERE tenant = ? AND work_item_id > ? ORDER BY work_item_id LIMIT ?",
        (tenant, after, PAGE),
    )


FROM_ROWID = {
    "in_flight": "SELECT rowid, tenant, work_item_id, wake_at, body FROM in_flight NOT INDEXED"
    " WHERE rowid >= ? ORDER BY rowid LIMIT 1",
    "runs": "SELECT rowid, tenant, run_id, due_at, body FROM runs NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1",
}


def select_from(table: str, rowid: int) -> Statement:
    """The first row of `in_flight` or `runs` from this rowid on: its rowid, tenant, name, moment of waking and body.

    No index is used, so a damaged page of one hides nothing.
    """
    return Statement(FROM_ROWID[table], (rowid,))


def select_names(tenant: str, after: str) -> Statement:
    """As select_page(), without the bodies: the index alone is read."""
    sql = "SELECT work_item_id FROM in_flight WHERE tenant = ? AND work_item_id > ? ORDER BY work_item_id LIMIT ?"
    return Statement(sql, (tenant, after, PAGE))


def select_due(tenant: str, now: datetime, limit: int) -> Statement:
    return Statement(
        "SELECT work_item_id FROM in_flight WHERE tenant = ? AND wake_at <= ? ORDER BY wake_at LIMIT ?",
        (tenant, microseconds(now), limit),
    )


def select_in_state(tenant: str, state: State, after: str, limit: int) -> Statement:
    return Statement(
        f"SELECT work_item_id FROM in_flight WHERE tenant = ? AND {STATE} = ? AND work_item_id > ?"  # noqa: S608
        " ORDER BY work_item_id LIMIT ?",
        (tenant, state.value, after, limit),
    )


def select_states(tenant: str) -> Statement:
    """Each state, the number of its items, and since when, in ISO 8601, the oldest of them is in it; out of the index
    alone. The state is null for items whose body is damaged."""
    return Statement(
        f"SELECT {STATE} AS state, count(*), min({SINCE}) FROM in_flight"  # noqa: S608 - no values
        " WHERE tenant = ? GROUP BY state",
        (tenant,),
    )


def select_overdue(tenant: str, now: datetime) -> Statement:
    """How many records are due, and since when the first of them is; null where none is."""
    sql = "SELECT count(*), min(wake_at) FROM in_flight WHERE tenant = ? AND wake_at <= ?"
    return Statement(sql, (tenant, microseconds(now)))


def select_clarification(tenant: str, thread_id: str, now: datetime) -> Statement:
    return Statement(
        "SELECT body FROM clarifications WHERE tenant = ? AND thread_id = ? AND deadline >= ?",
        (tenant, thread_id, microseconds(now)),
    )


def select_batch(tenant: str) -> Statement:
    return Statement("SELECT body FROM batches WHERE tenant = ?", (tenant,))


def put_aliases(tenant: str, record: InFlightRecord) -> Change:
    """The newest record that goes by a name has it."""
    sql = "INSERT OR REPLACE INTO aliases (tenant, alias, work_item_id) VALUES (?, ?, ?)"
    return tuple(Statement(sql, (tenant, alias, record.work_item_id)) for alias in record.new_aliases)


def put_in_flight(tenant: str, saved: InFlightRecord) -> Change:
    """`saved` is what successor() made, here and below."""
    if saved.version == 1:
        return (_insert_in_flight(tenant, saved),)
    wake_at = microseconds(saved.wake_at) if saved.wake_at else None
    sql = "UPDATE in_flight SET version = ?, wake_at = ?, body = ? WHERE tenant = ? AND work_item_id = ?"
    return (_update(sql, saved.version, wake_at, encode(saved), tenant, saved.work_item_id),)


def select_wakes(tenant: str) -> Statement:
    """One JSON object of every record that wakes, id to moment."""
    sql = "SELECT json_group_object(work_item_id, wake_at) FROM in_flight WHERE tenant = ? AND wake_at IS NOT NULL"
    return Statement(sql, (tenant,))


def sweep_clarifications(tenant: str, now: datetime) -> Change:
    """Those past their deadline are absent: nobody needs their rows."""
    sql = "DELETE FROM clarifications WHERE tenant = ? AND deadline < ?"
    return (Statement(sql, (tenant, microseconds(now)), housekeeping=True),)


def put_clarification(tenant: str, saved: ClarificationRecord, now: datetime) -> Change:
    """A thread past its deadline is absent, so it can be opened anew."""
    past = "DELETE FROM clarifications WHERE tenant = ? AND thread_id = ? AND deadline < ?"
    sweep = Statement(past, (tenant, saved.thread_id, microseconds(now)))
    deadline = microseconds(saved.deadline)
    if saved.version == 1:
        sql = "INSERT INTO clarifications (version, deadline, body, tenant, thread_id) VALUES (?, ?, ?, ?, ?)"
        return (sweep, _insert(sql, 1, deadline, encode(saved), tenant, saved.thread_id))
    sql = "UPDATE clarifications SET version = ?, deadline = ?, body = ? WHERE tenant = ? AND thread_id = ?"
    return (sweep, _update(sql, saved.version, deadline, encode(saved), tenant, saved.thread_id))


def put_batch(tenant: str, saved: Batch) -> Change:
    if saved.version == 1:
        return (_insert("INSERT INTO batches (version, body, tenant) VALUES (?, ?, ?)", 1, encode(saved), tenant),)
    return (_update("UPDATE batches SET version = ?, body = ? WHERE tenant = ?", saved.version, encode(saved), tenant),)


def _insert_in_flight(tenant: str, saved: InFlightRecord) -> Statement:
    wake_at = microseconds(saved.wake_at) if saved.wake_at else None
    sql = "INSERT INTO in_flight (version, wake_at, body, tenant, work_item_id) VALUES (?, ?, ?, ?, ?)"
    return _insert(sql, saved.version, wake_at, encode(saved), tenant, saved.work_item_id)


def delete_in_flight(
    tenant: str, work_item_id: str, version: int | None, leaving: InFlightRecord | None = None
) -> Change:
    """Its aliases go with it, but for those that another record goes by meanwhile; `leaving` comes in its place."""
    aliases = (
        "DELETE FROM aliases WHERE tenant = ? AND work_item_id = ? AND alias IN (SELECT value FROM in_flight,"
        " json_each(body, '$.aliases') WHERE tenant = ? AND in_flight.work_item_id = ? AND json_valid(body))"
    )
    delete, place = "DELETE FROM in_flight WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id)
    record = Statement(delete, place)
    if version is not None:
        record = Statement(f"{delete} AND version = ?", (*place, version), swaps=True)
    left = (_insert_in_flight(tenant, successor(leaving.but(version=version or 0))),) if leaving else ()
    return (Statement(aliases, (*place, *place)), record, *left)


def delete_clarification(tenant: str, thread_id: str) -> Change:
    return (Statement("DELETE FROM clarifications WHERE tenant = ? AND thread_id = ?", (tenant, thread_id)),)


def _insert(sql: str, *values: str | int | None) -> Statement:
    return Statement(f"{sql} ON CONFLICT DO NOTHING", values, swaps=True)


def _update(sql: str, version: int, *values: str | int | None) -> Statement:
    return Statement(f"{sql} AND version = ?", (version, *values, version - 1), swaps=True)


def select_run(tenant: str, run_id: str) -> Statement:
    return Statement("SELECT body FROM runs WHERE tenant = ? AND run_id = ?", (tenant, run_id))


def select_due_runs(tenant: str, now: datetime, limit: int) -> Statement:
    return Statement(
        "SELECT run_id FROM runs WHERE tenant = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
        (tenant, microseconds(now), limit),
    )


def select_runs_of(tenant: str, work_item_id: str) -> Statement:
    return Statement("SELECT body FROM runs WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id))


def select_workers(tenant: str, since: datetime) -> Statement:
    """A tenant has a handful of them."""
    return Statement("SELECT body FROM workers WHERE tenant = ? AND seen_at >= ?", (tenant, microseconds(since)))


def put_run(tenant: str, saved: QueuedRun) -> Change:
    due_at = microseconds(saved.due_at) if saved.due_at else None
    item = saved.order.work_item_id if saved.order else ""
    if saved.version == 1:
        sql = "INSERT INTO runs (version, due_at, work_item_id, body, tenant, run_id) VALUES (?, ?, ?, ?, ?, ?)"
        return (_insert(sql, 1, due_at, item, encode(saved), tenant, saved.run_id),)
    sql = "UPDATE runs SET version = ?, due_at = ?, work_item_id = ?, body = ? WHERE tenant = ? AND run_id = ?"
    return (_update(sql, saved.version, due_at, item, encode(saved), tenant, saved.run_id),)


def delete_run(tenant: str, run_id: str) -> Change:
    return (Statement("DELETE FROM runs WHERE tenant = ? AND run_id = ?", (tenant, run_id)),)


def put_worker(tenant: str, worker: Worker) -> Change:
    """Sweeps first: a worker that was not seen for so long is not coming back under this id."""
    seen = worker.seen_at or EPOCH
    old = microseconds(seen - timedelta(days=30)) if seen > EPOCH else 0
    sweep = Statement("DELETE FROM workers WHERE tenant = ? AND seen_at < ?", (tenant, old), housekeeping=True)
    sql = "INSERT OR REPLACE INTO workers (tenant, id, seen_at, body) VALUES (?, ?, ?, ?)"
    return (sweep, Statement(sql, (tenant, worker.id, microseconds(seen), encode(worker))))


def successor(record: Versioned) -> Versioned:
    """The record as a put stores it: with the next version, and without aliases that are still to be stored."""
    changes: dict[str, Any] = {"version": record.version + 1}
    if isinstance(record, InFlightRecord) and record.new_aliases:
        changes["new_aliases"] = ()
    return record.model_copy(update=changes)


def encode(record: InFlightRecord | ClarificationRecord | Batch | QueuedRun | Worker) -> str:
    """JSON without defaults, except in the outbox: there the default `kind` tells one effect from another."""
    try:
        return _encoded(record)
    except PydanticSerializationError:
        return _encoded(whole(record))


def put_back(body: str, now: datetime) -> str:
    """A record's body, restored from a backup now; of any release.

    What it plans from now on has keys that were used for nothing since the backup was made. What was planned keeps its
    key, for it may have been done. Its work may be further than it knows: its ticket in progress, its branch merged.
    """
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not document.get("born"):
        return body
    goes_on = document.get("state", State.NEW) not in ENDED | {State.NEW}
    stranded = {"handled": [*document.get("handled", ()), STRANDED]} if goes_on else {}
    return json.dumps({**document, "born": birth(now), **stranded})


def _encoded(record: InFlightRecord | ClarificationRecord | Batch | QueuedRun | Worker) -> str:
    if not isinstance(record, InFlightRecord) or not record.outbox:
        return record.model_dump_json(exclude_defaults=True)
    body = record.model_dump_json(exclude_defaults=True, exclude={"outbox"})
    return f'{body[:-1]},"outbox":{OUTBOX.dump_json(record.outbox, exclude_none=True).decode()}}}'


def decode(model: type[Model], body: str) -> Model:
    """Raise UnreadableRecord for a body that this release cannot read: NewerRecord where a newer one wrote it."""
    try:
        return parse_as(model, body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        if is_of_newer_release(error):
            raise NewerRecord(
                f"a stored {model.__name__} was written by a newer release of the factory",
                why=f"{where} has a value that this release does not know; it leaves the record as it is",
                fix="In the shell: run the newest release of the factory that ever used this store",
            ) from None
        raise UnreadableRecord(
            f"a stored {model.__name__} cannot be read",
            why=f"{where}: {first['msg']}; it is damaged, or a newer release of the factory wrote it",
            fix="In the shell: run the newest release of the factory that ever used this store",
        ) from None


def readable(model: type[Model], bodies: Iterable[str]) -> list[Model]:
    """Those that this release can read."""
    damage = UnreadableRecords()
    return [one for body in bodies if (one := damage.read("", partial(decode, model, body)))]


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
