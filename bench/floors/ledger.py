"""The durable event, by hand: dedupe, load, compare-and-swap and outbox in one SQLite transaction at WAL FULL.

Three tables: what was heard, the records, and the orders that are to be carried out. A record is 1,000 bytes.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from ..workload import TICKET

BODY = json.dumps(TICKET)
ORDER = json.dumps({"kind": "ask", "text": "What is the total to be? " * 6})
SCHEMA = """
CREATE TABLE heard (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE record (
  id TEXT PRIMARY KEY, version INTEGER NOT NULL, waits_on TEXT, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX record_waits ON record (waits_on) WHERE waits_on IS NOT NULL;
CREATE TABLE outbox (n INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL);
"""
LOAD = "SELECT version, body FROM record WHERE id = ?"
SWAP = "UPDATE record SET version = version + 1, waits_on = ?, state = ?, body = ? WHERE id = ? AND version = ?"


class Ledger:
    """Nothing commits by itself: a caller says which events share a commit."""

    def __init__(self, path: Path) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.sql.execute("PRAGMA journal_mode = WAL")
        self.sql.execute("PRAGMA synchronous = FULL")
        if not self.sql.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.sql.executescript(SCHEMA)
        self.commits = 0

    def __enter__(self) -> None:
        self.sql.execute("BEGIN IMMEDIATE")

    def __exit__(self, *failed: object) -> None:
        self.sql.execute("COMMIT" if failed[0] is None else "ROLLBACK")
        self.commits += 1

    def event(self, heard: str, item: str, state: str = "asking", order: str = ORDER) -> bool:
        """The whole event; False when it was heard before, and then nothing is written."""
        if not self.sql.execute("INSERT INTO heard VALUES (?) ON CONFLICT DO NOTHING", (heard,)).rowcount:
            return False
        known = self._load(item)
        if known is None:
            self.sql.execute("INSERT INTO record VALUES (?, 1, NULL, ?, ?)", (item, state, BODY))
        else:
            self._swap(item, known, state, None)
        self.sql.execute("INSERT INTO outbox (id, body) VALUES (?, ?)", (item, order))
        return True

    def carried_out(self, item: str, state: str, waits_on: str | None = None) -> None:
        """The order was carried out: out of the outbox, and the record moves on."""
        self.sql.execute("DELETE FROM outbox WHERE n = (SELECT n FROM outbox WHERE id = ? ORDER BY n LIMIT 1)", (item,))
        known = self._load(item)
        assert known is not None
        self._swap(item, known, state, waits_on)

    def _load(self, item: str) -> tuple[int, str] | None:
        found: tuple[int, str] | None = self.sql.execute(LOAD, (item,)).fetchone()
        return found

    def _swap(self, item: str, known: tuple[int, str], state: str, waits_on: str | None) -> None:
        version, body = known
        if not self.sql.execute(SWAP, (waits_on, state, body, item, version)).rowcount:
            raise sqlite3.IntegrityError("somebody else saved first")

    def waiting_on(self, key: str) -> str:
        (item,) = self.sql.execute("SELECT id FROM record WHERE waits_on = ?", (key,)).fetchone()
        return str(item)

    def count(self, table: str) -> int:
        (rows,) = self.sql.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(rows)

    def close(self) -> None:
        """Everything into the one file, so that its size is what is on the disk."""
        self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.sql.close()
