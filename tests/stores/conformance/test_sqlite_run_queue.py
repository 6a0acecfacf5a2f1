"""SqliteRunQueue keeps the laws of the port, also in a file that an older release made."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.stores.sqlite.run_queue import SqliteRunQueue
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.records import InFlightRecord

from .run_queue_laws import NOW, RunQueueLaws, a_run


class SqliteWorld:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[SqliteFile] = []
        create_file(path)

    async def open(self, tenant: str) -> SqliteRunQueue:
        self.files.append(SqliteFile(self.path))
        return SqliteRunQueue(self.files[-1], tenant)

    def cut(self) -> None:
        for file in self.files:
            file.close()


class TestSqliteRunQueue(RunQueueLaws):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[SqliteWorld]:
        world = SqliteWorld(tmp_path / "factory.db")
        yield world
        world.cut()


def test_a_file_of_an_older_release_gets_what_is_new(tmp_path: Path) -> None:
    """Its records stay, and runs can be queued in it as soon as this release has opened it."""
    path = tmp_path / "factory.db"
    create_file(path)
    with closing(SqliteFile(path)) as file:
        saved = asyncio.run(SqliteStateStore(file, "acme", lambda: NOW).put_in_flight(InFlightRecord(work_item_id="A")))
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("runs", "workers"):
            connection.execute(f"DROP TABLE {table}")
    create_file(path)
    with closing(SqliteFile(path)) as file:
        assert asyncio.run(SqliteStateStore(file, "acme", lambda: NOW).get_in_flight("A")) == saved
        assert asyncio.run(SqliteRunQueue(file, "acme").put_run(a_run())).version == 1
