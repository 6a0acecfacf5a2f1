"""SqliteStateStore keeps the laws of the port; each store that is opened has a connection of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.stores.sqlite.run_queue import SqliteRunQueue
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore

from .state_store_laws import HandClock, StateStoreLaws


class SqliteWorld:
    def __init__(self, path: Path) -> None:
        self.clock = HandClock()
        self.path = path
        self.files: list[SqliteFile] = []
        create_file(path)

    async def open(self, tenant: str) -> SqliteStateStore:
        self.files.append(SqliteFile(self.path))
        return SqliteStateStore(self.files[-1], tenant, self.clock)

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            row = (tenant, work_item_id, version, body)
            connection.execute("INSERT INTO in_flight (tenant, work_item_id, version, body) VALUES (?, ?, ?, ?)", row)

    async def open_queue(self, tenant: str) -> SqliteRunQueue:
        self.files.append(SqliteFile(self.path))
        return SqliteRunQueue(self.files[-1], tenant)

    def everything(self) -> str:
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(connection.iterdump())

    def cut(self) -> None:
        for file in self.files:
            file.close()


class TestSqliteStateStore(StateStoreLaws):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[SqliteWorld]:
        world = SqliteWorld(tmp_path / "factory.db")
        yield world
        world.cut()
