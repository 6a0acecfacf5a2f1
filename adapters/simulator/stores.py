"""The stores that a schedule can run over. Another host's store joins by one line of STORES.

What a store needs is imported with it: the simulator itself runs where there is no SQLite library, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.ports import Clock, StateStore

from ..memory.state_store import InMemoryStateStore

if TYPE_CHECKING:
    from ..local.sqlite_file import SqliteFile

Opens = Callable[[int, int], StateStore]
"""The store of a tenant as a process opens it: (tenant, process) → store; the same tenant has the same records."""


def memory(clock: Clock) -> Opens:
    stores: dict[int, InMemoryStateStore] = {}
    return lambda tenant, process: stores.setdefault(tenant, InMemoryStateStore(clock))


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


def apart(clock: Clock) -> Opens:
    stores: dict[int, InMemoryStateStore] = {}
    return lambda tenant, process: stores.setdefault(tenant, Apart(clock))


def sqlite(clock: Clock) -> Opens:
    """One file for all tenants, a connection for each process; the file is used again by the next schedule."""
    import sqlite3

    from ..sqlite_state_store import SqliteStateStore

    with closing(sqlite3.connect(_file())) as connection, connection:
        for table in ("in_flight", "aliases", "clarifications", "batches"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
    return lambda tenant, process: SqliteStateStore(_shared(process), f"tenant-{tenant}", clock)


def dynamodb(clock: Clock) -> Opens:
    """One table for all tenants, in moto in this process: sixteen times as slow as SQLite, so only on demand."""
    from ..aws.dynamo_state_store import DynamoStateStore
    from ..aws.table import create_table

    client = _moto()
    client.delete_table(TableName="factory")
    create_table(client, "factory")

    async def at_once(call: Callable[[], Any]) -> Any:
        return call()

    return lambda tenant, process: DynamoStateStore(lambda: client, "factory", f"tenant-{tenant}", clock, at_once)


STORES: dict[str, Callable[[Clock], Opens]] = {"memory": memory, "apart": apart, "sqlite": sqlite}
EVERY = {**STORES, "dynamodb": dynamodb}


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    """In memory where the machine has such a place: what a disk does is not the matter here."""
    fast = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(prefix="factory-simulate-", dir=fast if fast.is_dir() else None)


@cache
def _file() -> Path:
    from ..local.sqlite_file import create_file

    path = Path(_directory().name) / "factory.db"
    create_file(path)
    return path


@cache
def _shared(process: int) -> SqliteFile:
    """Kept open between schedules: opening is what costs."""
    from ..local.sqlite_file import SqliteFile

    return SqliteFile(_file())


@cache
def _moto() -> Any:
    """A client of DynamoDB as moto plays it, with a table to begin with."""
    from moto import mock_aws

    from ..aws.dynamo_client import new_client
    from ..aws.table import create_table

    mock_aws().start()
    client = new_client(region_name="us-east-1")
    create_table(client, "factory")
    return client
