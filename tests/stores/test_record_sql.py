"""The SQL that SQLite hosts share: stored text is small and reads back exactly, and reads cost what they return."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.stores import record_sql as sql
from factory_core.dispatch.batch import Batch, Slot
from factory_core.dispatch.effects import Effect, Planned
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.dispatch.routing import RememberedRoute
from factory_core.runs.run import Usage

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
EFFECTS = get_args(get_args(Effect)[0])
SLOTS = st.dictionaries(st.text(), st.from_type(Slot))
ROUTES = st.dictionaries(st.text(), st.from_type(RememberedRoute))
USAGES = st.builds(Usage, usd=st.decimals(0, 1000, places=4))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for _ in range(2):  # it must be safe to run again
            for statement in sql.SCHEMA:
                connection.execute(statement)
        yield connection


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # as our models take them
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))


@given(
    st.builds(InFlightRecord, spent=USAGES)
    | st.from_type(ClarificationRecord)
    | st.builds(Batch, slots=SLOTS, routes=ROUTES)
)
def test_what_is_stored_reads_back_exactly(record: InFlightRecord | ClarificationRecord | Batch) -> None:
    """Leaving out defaults loses nothing of any record, thread or batch."""
    model: type[Any] = type(record)
    assert sql.decode(model, sql.encode(record)) == record


@pytest.mark.parametrize("effect", EFFECTS)
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_every_effect_survives(effect: type[Effect], data: st.DataObject) -> None:
    """An order in the outbox is read back as the order that it was."""
    record = InFlightRecord(work_item_id="A", outbox=(Planned(key="A::0", effect=data.draw(st.from_type(effect))),))
    assert sql.decode(InFlightRecord, sql.encode(record)) == record


def test_defaults_are_not_written() -> None:
    """A record holds only what is not the default."""
    assert sql.encode(InFlightRecord(work_item_id="A", version=1)) == '{"work_item_id":"A","version":1}'


def test_defaults_are_part_of_the_format() -> None:
    """What a stored body leaves out means what it meant when it was written: changing a default breaks old records."""
    old = {
        "format": 1, "version": 0, "born": "", "state": "new", "since": None, "deadline": None, "wake_at": None,
        "item": None, "session_id": "", "applied": [], "outbox": [], "planned": 0, "generation": 1, "attempt": 0,
        "lease": {"holder": "", "epoch": 0, "until": None, "doing": ""}, "round": 0, "route": None,
        "clarification": None, "answers": [], "feedback": [], "handled": [], "run": None, "pull_request": None,
        "block": None, "waits_for": "", "log": [],
    }  # fmt: skip
    record = sql.decode(InFlightRecord, '{"work_item_id":"A"}').model_dump(mode="json")
    assert {name: record[name] for name in old} == old


@pytest.mark.parametrize(
    "statement",
    [
        sql.select_in_flight("acme", "ACME-1"),
        sql.select_page("acme", "ACME-1"),
        sql.select_due("acme", NOW, 10),
        sql.select_clarification("acme", "T1", NOW),
        sql.select_batch("acme"),
        sql.select_run("acme", "R-1"),
        sql.select_due_runs("acme", NOW, 10),
        sql.select_runs_of("acme", "ACME-1"),
        sql.select_workers("acme", NOW),
        *sql.put_clarification("acme", ClarificationRecord(thread_id="T", version=2, deadline=NOW), NOW),
    ],
    ids=lambda statement: statement.sql[:40],
)
def test_nothing_is_scanned_or_sorted(connection: sqlite3.Connection, statement: sql.Statement) -> None:
    """Each statement finds its rows, and their order, in an index: it costs what it returns, not what exists."""
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.values).fetchall()
    steps = [step for *_, step in plan]
    assert steps
    assert all(step.startswith("SEARCH") for step in steps), steps


def test_due_reads_only_the_index(connection: sqlite3.Connection) -> None:
    """Looking for due items touches no record."""
    due = sql.select_due("acme", NOW, 10)
    ((*_, step),) = connection.execute(f"EXPLAIN QUERY PLAN {due.sql}", due.values)
    assert "COVERING INDEX in_flight_due" in step
