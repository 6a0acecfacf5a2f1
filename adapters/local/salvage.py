"""A new file with all that can be read of a damaged store, and the names of what cannot."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from factory_core.errors import UnreadableRecord

from ..stores.record_sql import SCHEMA, Statement
from ..stores.sqlite.rows_around_damage import rows_around_damage
from ..stores.sqlite.sqlite_file import DAMAGED
from ..stores.sqlite.store_identity import IDENTITY_SCHEMA, Identity, Marks, identity_in, uri_of
from .store_copies import Copy, new_file, readable, seal

UNNAMED = "some whose names cannot be read"


class Rows(NamedTuple):
    """How a table with rowids is read: one row, and the names of all by the index alone, from both ends."""

    row: str
    names: str
    names_backwards: str
    insert: str


class Keyed(NamedTuple):
    """How a table without rowids is read, from both ends."""

    rows: str
    rows_backwards: str
    insert: str


ROWS = {
    "in_flight": Rows(
        "SELECT tenant, work_item_id, version, wake_at, body FROM in_flight NOT INDEXED WHERE rowid = ?",
        "SELECT tenant, work_item_id FROM in_flight ORDER BY tenant, work_item_id",
        "SELECT tenant, work_item_id FROM in_flight ORDER BY tenant DESC, work_item_id DESC",
        "INSERT INTO in_flight (tenant, work_item_id, version, wake_at, body) VALUES (?, ?, ?, ?, ?)",
    ),
    "runs": Rows(
        "SELECT tenant, run_id, work_item_id, version, due_at, body FROM runs NOT INDEXED WHERE rowid = ?",
        "SELECT tenant, run_id FROM runs ORDER BY tenant, run_id",
        "SELECT tenant, run_id FROM runs ORDER BY tenant DESC, run_id DESC",
        "INSERT INTO runs (tenant, run_id, work_item_id, version, due_at, body) VALUES (?, ?, ?, ?, ?, ?)",
    ),
}
KEYED = {
    "aliases": Keyed(
        "SELECT tenant, alias, work_item_id FROM aliases ORDER BY tenant, alias",
        "SELECT tenant, alias, work_item_id FROM aliases ORDER BY tenant DESC, alias DESC",
        "INSERT OR IGNORE INTO aliases (tenant, alias, work_item_id) VALUES (?, ?, ?)",
    ),
    "clarifications": Keyed(
        "SELECT tenant, thread_id, version, deadline, body FROM clarifications ORDER BY tenant, thread_id",
        "SELECT tenant, thread_id, version, deadline, body FROM clarifications ORDER BY tenant DESC, thread_id DESC",
        "INSERT OR IGNORE INTO clarifications (tenant, thread_id, version, deadline, body) VALUES (?, ?, ?, ?, ?)",
    ),
    "batches": Keyed(
        "SELECT tenant, version, body FROM batches ORDER BY tenant",
        "SELECT tenant, version, body FROM batches ORDER BY tenant DESC",
        "INSERT OR IGNORE INTO batches (tenant, version, body) VALUES (?, ?, ?)",
    ),
    "workers": Keyed(
        "SELECT tenant, id, seen_at, body FROM workers ORDER BY tenant, id",
        "SELECT tenant, id, seen_at, body FROM workers ORDER BY tenant DESC, id DESC",
        "INSERT OR IGNORE INTO workers (tenant, id, seen_at, body) VALUES (?, ?, ?, ?)",
    ),
}


class Salvaged(NamedTuple):
    """`lost` names, by table, what could not be read."""

    copy: Copy
    lost: dict[str, list[str]]


async def salvage(path: Path, home: Path, to: Path, now: datetime) -> Salvaged:
    """Write `to`, for `factory restore`; `path` is not changed. Raises StoreUnavailable and CannotRestore.

    The aliases are made anew from the records. Slots that are lost are given again as items ask for them.
    """
    marks = Marks(path, home)
    lost: dict[str, list[str]] = {}
    with new_file(to) as new:
        with (
            readable(path),
            closing(sqlite3.connect(uri_of(path), uri=True, isolation_level=None)) as source,
            closing(sqlite3.connect(new, isolation_level=None)) as copy,
        ):
            source.execute("BEGIN")  # all of it as of one moment
            copy.execute("BEGIN")
            for statement in (*SCHEMA, *IDENTITY_SCHEMA):
                copy.execute(statement)
            about = _identity(source, marks)
            for table, rows in ROWS.items():
                lost[table] = await _copy_rows(source, copy, table, rows)
            for table, keyed in KEYED.items():
                found, broken = _from_both_ends(source, keyed.rows, keyed.rows_backwards)
                copy.executemany(keyed.insert, found)
                lost[table] = [UNNAMED] if broken else []
            lost["aliases"] = []
            _restore_aliases(copy)
            copy.execute("COMMIT")
            records = seal(copy, about, now)
        size = new.stat().st_size
    return Salvaged(Copy(to, size, records), {table: names for table, names in lost.items() if names})


async def _copy_rows(source: sqlite3.Connection, copy: sqlite3.Connection, table: str, rows: Rows) -> list[str]:
    """The names of what could not be read."""

    async def read(statement: Statement) -> Sequence[Sequence[Any]]:
        try:
            return source.execute(statement.sql, statement.values).fetchall()
        except sqlite3.DatabaseError as error:
            raise _hole(error) from None

    found = set[tuple[str, str]]()
    async for row in rows_around_damage(read, table):
        found.add((row.tenant, row.name))
        copy.execute(rows.insert, source.execute(rows.row, (row.rowid,)).fetchone())
    names, broken = _from_both_ends(source, rows.names, rows.names_backwards)
    left = sorted(name for tenant, name in {(tenant, name) for tenant, name in names} - found)
    return left or ([UNNAMED] if broken else [])


def _from_both_ends(source: sqlite3.Connection, ascending: str, descending: str) -> tuple[list[Any], bool]:
    """The rows up to what cannot be read; and whether there is such a part."""
    rows, broken = _until_damage(source, ascending)
    return (rows + _until_damage(source, descending)[0], True) if broken else (rows, False)


def _until_damage(source: sqlite3.Connection, select: str) -> tuple[list[Any], bool]:
    rows = list[Any]()
    try:
        rows.extend(source.execute(select))
    except sqlite3.DatabaseError as error:
        _hole(error)
        return rows, True
    return rows, False


def _hole(error: sqlite3.DatabaseError) -> UnreadableRecord:
    """Raises the error itself when it is no damaged page."""
    if error.sqlite_errorcode & 0xFF != DAMAGED:
        raise error
    return UnreadableRecord("a part of the file", why=str(error), fix="factory salvage --help")


def _restore_aliases(copy: sqlite3.Connection) -> None:
    for tenant, name, body in copy.execute("SELECT tenant, work_item_id, body FROM in_flight").fetchall():
        with suppress(ValueError):
            known = json.loads(body).get("aliases", ())
            copy.executemany(KEYED["aliases"].insert, [(tenant, one, name) for one in known])


def _identity(source: sqlite3.Connection, marks: Marks) -> Identity:
    """As the file says; where that cannot be read, as its marks say."""
    with suppress(sqlite3.DatabaseError):
        return identity_in(source)
    known = marks.written()
    return Identity(known[0].store, known[0].latest) if known else Identity(generation=0)
