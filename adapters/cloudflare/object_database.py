"""The SQLite of one Durable Object, as the stores' database: a change is one transaction, and arms the alarm in it.

https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from pyodide.ffi import JsException

from factory_core.errors import RecordTooLarge, StoreUnavailable, VersionConflict

from ..stores.record_sql import OBJECT_SCHEMA, READ_SCHEMA, SCHEMA_VERSION, Change, Statement
from .alarm import Alarm


class Storage(Protocol):
    """What is used of `ctx.storage`, as the Workers SDK wraps it."""

    sql: Any

    def transactionSync(self, work: Callable[[], None]) -> None: ...


class ObjectDatabase:
    """Nothing is awaited within a call: the object has one thread, and nobody comes between."""

    def __init__(self, storage: Storage, alarm: Alarm) -> None:
        self._storage, self._alarm = storage, alarm
        self._wake_at: datetime | None = None

    def create(self) -> None:
        """Make the tables, or find that they are there. Raises StoreUnavailable for those of another release."""
        with _translated():
            for sql in OBJECT_SCHEMA:
                self._storage.sql.exec(sql)
        [(version,)] = self._rows(READ_SCHEMA)
        if version != SCHEMA_VERSION:
            raise StoreUnavailable(
                "the object's store has another schema than this release of the factory",
                why=f"its schema is {version}, and this release knows {SCHEMA_VERSION}",
                fix="In the shell: deploy the newest release of the factory that ever ran here",
            )

    def wakes(self, moment: datetime | None) -> None:
        """The write that follows is to be looked at then: the alarm is armed with it, or not at all."""
        self._wake_at = moment

    async def read(self, statement: Statement) -> Sequence[Sequence[Any]]:
        return self._rows(statement)

    async def write(self, change: Change) -> None:
        moment, self._wake_at = self._wake_at, None

        def apply() -> None:
            for statement in change:
                cursor = self._storage.sql.exec(statement.sql, *statement.values)
                if statement.swaps and not cursor.rowsWritten:
                    raise VersionConflict
            if moment:
                self._alarm.at(moment)

        with _translated():
            self._storage.transactionSync(apply)

    def _rows(self, statement: Statement) -> Sequence[Sequence[Any]]:
        with _translated():
            return list(self._storage.sql.exec(statement.sql, *statement.values).raw())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except JsException as error:
        if "SQLITE_TOOBIG" in str(error):  # a row of more than 2 MB
            fix = "In the tracker: cancel the ticket and open a new one for what is left to do"
            raise RecordTooLarge("a record is too large for the object's store", why=str(error), fix=fix) from None
        fix = "In the shell: `wrangler tail` shows more; the object's data can be set back to any minute of 30 days"
        raise StoreUnavailable("the object's store cannot be used", why=str(error), fix=fix) from None
