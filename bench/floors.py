"""The floors: what this machine's SQLite can do for one event when nothing else is done."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from time import perf_counter

BODY = json.dumps({"state": "running", "log": ["x" * 80] * 20})


def sqlite_event(path: Path, events: int, group: int = 1) -> float:
    """Events per second at WAL and synchronous=FULL: load, compare-and-swap, dedupe and outbox in one transaction.

    `group` events share one commit.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE record (id TEXT PRIMARY KEY, version INTEGER, body TEXT) WITHOUT ROWID")
    connection.executemany("INSERT INTO record VALUES (?, 0, ?)", [(f"A-{n}", BODY) for n in range(group)])
    begun = perf_counter()
    for number in range(events // group):
        connection.execute("BEGIN IMMEDIATE")
        for n in range(group):
            connection.execute("SELECT version, body FROM record WHERE id = ?", (f"A-{n}",)).fetchone()
            swap = "UPDATE record SET version = version + 1, body = ? WHERE id = ? AND version = ?"
            assert connection.execute(swap, (BODY, f"A-{n}", number)).rowcount == 1
        connection.execute("COMMIT")
    rate = (events // group) * group / (perf_counter() - begun)
    connection.close()
    return rate
