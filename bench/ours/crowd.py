"""A store in which many items wait for an answer: one is led there, the others are its copies."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.stores import record_sql
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord

from ..processes import ROOT
from .world import TENANT, World, now

FIRST = "ACME-0"


def key_of(number: int) -> str:
    return f"ACME-{number}"


def thread_of(number: int) -> str:
    return f"C1:{number}.5"


def gather(path: Path, count: int) -> Path:
    """`path` becomes a store with so many that wait."""
    shutil.copy(Path(_made(count).name) / "crowd.db", path)
    with path.open("rb") as copied:
        os.fsync(copied.fileno())  # before anything is timed
    return path


@cache
def _made(count: int) -> TemporaryDirectory[str]:
    """Made once in a run; gone with it."""
    kept = TemporaryDirectory(dir=ROOT / ".bench", prefix="crowd-")
    file = Path(kept.name) / "crowd.db"
    record, waits = asyncio.run(_lead(file))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for statement in _copies(record, waits, count):
            connection.execute(statement.sql, statement.values)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return kept


async def _lead(path: Path) -> tuple[InFlightRecord, ClarificationRecord]:
    world = World(path)
    thread = await world.start(FIRST)
    record, waits = await world.record(FIRST), await world.store.get_waiting_clarification(thread)
    assert waits is not None and record.version > 1
    await world.store.delete_in_flight(FIRST)
    await world.store.delete_waiting_clarification(thread)
    world.file.close()
    return record, waits


def _copies(record: InFlightRecord, waits: ClarificationRecord, count: int) -> Iterator[record_sql.Statement]:
    for number in range(count):
        key, thread = key_of(number), thread_of(number)
        item = record.item and record.item.model_copy(update={"key": key})
        asked = record.clarification and record.clarification.model_copy(update={"thread_id": thread})
        one = record.but(work_item_id=key, item=item, clarification=asked, version=1)
        thread_record = waits.model_copy(update={"work_item_id": key, "thread_id": thread, "version": 1})
        yield record_sql.put_in_flight(TENANT, one)[0]
        yield record_sql.put_clarification(TENANT, thread_record, now())[-1]
