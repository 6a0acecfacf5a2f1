"""The stores that a schedule can run over. Another host's store joins by one line of STORES.

What a store needs is imported with it: the simulator itself runs where there is no SQLite library, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.stores import record_sql
from adapters.stores.memory.state_store import InMemoryStateStore
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.ports import Clock, StateStore

if TYPE_CHECKING:
    from adapters.stores.sqlite.sqlite_file import SqliteFile


class Storage(NamedTuple):
    """Where the stores of all tenants of one schedule lie.

    `open`: a tenant's as a process opens it, (tenant, process) → store; the same tenant has the same records.
    `backup` copies all of them, and gives what puts that copy back; None where the factory cannot do that.
    `text`: all that lies there of a tenant.
    """

    open: Callable[[int, int], StateStore]
    backup: Callable[[], Callable[[], None]] | None
    text: Callable[[int], str]


def memory(clock: Clock) -> Storage:
    return _in_memory(lambda: InMemoryStateStore(clock), clock)


def _in_memory(new: Callable[[], InMemoryStateStore], clock: Clock) -> Storage:
    stores: dict[int, InMemoryStateStore] = {}

    def content(store: InMemoryStateStore) -> dict[str, Any]:
        return {name: value for name, value in vars(store).items() if isinstance(value, dict | list)}

    def backup() -> Callable[[], None]:
        kept = {tenant: deepcopy(content(store)) for tenant, store in stores.items()}

        def put_back() -> None:
            for tenant, values in kept.items():
                shelf = {
                    item: entry._replace(body=record_sql.put_back(entry.body, clock()))
                    for item, entry in values["_in_flight"].items()
                }
                vars(stores[tenant]).update(deepcopy(values) | {"_in_flight": shelf})

        return put_back

    return Storage(
        lambda tenant, process: stores.setdefault(tenant, new()), backup, lambda tenant: str(content(stores[tenant]))
    )


class Apart(InMemoryStateStore):
    """A store without transactions, as DynamoDB is one: companions come first, and stay when their record loses."""

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        if batch is not None:
            await self.put_batch(batch)
        if clarification is not None:
            await self.put_waiting_clarification(clarification)
        return await super().put_in_flight(record)


def apart(clock: Clock) -> Storage:
    return _in_memory(lambda: Apart(clock), clock)


def sqlite(clock: Clock) -> Storage:
    """One file for all tenants, a connection for each process; the file is used again by the next schedule."""
    import sqlite3

    from adapters.stores.sqlite.state_store import SqliteStateStore

    with closing(sqlite3.connect(_file())) as connection, connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def backup() -> Callable[[], None]:
        from adapters.local import store_copies

        copy = Path(_directory().name) / "backup.db"
        copy.unlink(missing_ok=True)
        store_copies.backup(_file(), _file().parent, copy, clock())

        def put_back() -> None:
            for file in _connections.values():
                file.close()
            _connections.clear()
            store_copies.restore(_file(), _file().parent, copy, clock()).kept.unlink()  # type: ignore[union-attr]

        return put_back

    def text(tenant: int) -> str:
        with closing(sqlite3.connect(_file())) as connection:
            select = "SELECT * FROM {} WHERE tenant = ?"
            rows = (connection.execute(select.format(table), (f"tenant-{tenant}",)).fetchall() for table in TABLES)
            return str(list(rows))

    return Storage(lambda tenant, process: SqliteStateStore(_shared(process), f"tenant-{tenant}", clock), backup, text)


def dynamodb(clock: Clock) -> Storage:
    """One table for all tenants, in moto in this process: sixteen times as slow as SQLite, so only on demand."""
    from adapters.aws.dynamo_state_store import DynamoStateStore
    from adapters.aws.table import EXPIRES, create_table

    client = _moto()
    client.delete_table(TableName="factory")
    create_table(client, "factory")

    async def at_once(call: Callable[[], Any]) -> Any:
        return call()

    def rows() -> list[Any]:
        """But those past their time, which DynamoDB deletes by itself, and moto does not."""
        pages = client.get_paginator("scan").paginate(TableName="factory")
        now, every = clock().timestamp(), [row for page in pages for row in page["Items"]]
        return [row for row in every if float(row.get(EXPIRES, {"N": "inf"})["N"]) > now]

    return Storage(
        lambda tenant, process: DynamoStateStore(lambda: client, "factory", f"tenant-{tenant}", clock, at_once),
        None,
        lambda tenant: str(rows()),
    )


STORES: dict[str, Callable[[Clock], Storage]] = {"memory": memory, "apart": apart, "sqlite": sqlite}
EVERY = {**STORES, "dynamodb": dynamodb}
TABLES = ("in_flight", "aliases", "clarifications", "batches")
_connections: dict[int, SqliteFile] = {}


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    """In memory where the machine has such a place: what a disk does is not the matter here."""
    fast = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(prefix="factory-simulate-", dir=fast if fast.is_dir() else None)


@cache
def _file() -> Path:
    from adapters.stores.sqlite.sqlite_file import create_file

    path = Path(_directory().name) / "factory.db"
    create_file(path)
    return path


def _shared(process: int) -> SqliteFile:
    """Kept open between schedules: opening is what costs."""
    from adapters.stores.sqlite.sqlite_file import SqliteFile

    if process not in _connections:
        _connections[process] = SqliteFile(_file())
    return _connections[process]


@cache
def _moto() -> Any:
    """A client of DynamoDB as moto plays it, with a table to begin with."""
    from moto import mock_aws

    from adapters.aws.dynamo_client import new_client
    from adapters.aws.table import create_table

    mock_aws().start()
    client = new_client(region_name="us-east-1")
    create_table(client, "factory")
    return client
