"""The SQLite of one Durable Object, as the stores' database: a change is one transaction, and sets the alarm in it.

https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from factory_core.errors import StoreUnavailable, VersionConflict

from ..record_sql import READ_SCHEMA, SCHEMA, SCHEMA_VERSION, Change, Statement

logger = logging.getLogger("factory.store")


class Storage(Protocol):
    """What is used of `ctx.storage`."""

    sql: Any

    def transactionSync(self, work: Callable[[], None]) -> None: ...


class ObjectDatabase:
    """`changed` is called inside each transaction, after the change: what it does is stored with it, or not at all."""

    def __init__(self, storage: Storage, changed: Callable[[], None]) -> None:
        self._storage, self._changed = storage, changed

    def create(self) -> None:
        """Make the tables, or find that they are there. Raises StoreUnavailable for another release's."""
        for statement in SCHEMA:
            self._storage.sql.exec(statement)
        (version,) = self.rows(READ_SCHEMA)[0]
        if version != SCHEMA_VERSION:
            raise StoreUnavailable(
                "the object's store has another schema than this release of the factory",
                why=f"its schema is {version}, and this release knows {SCHEMA_VERSION}",
                fix="In the shell: deploy the newest release of the factory that ever ran here",
            )

    def rows(self, statement: Statement) -> list[Sequence[Any]]:
        return list(self._storage.sql.exec(statement.sql, *statement.values).raw())

    async def read(self, statement: Statement) -> list[Sequence[Any]]:
        """The rows. Nothing is awaited between a read and the next line of the caller: the object is one thread."""
        return self.rows(statement)

    async def write(self, change: Change) -> None:
        """Raise VersionConflict when somebody else saved first, and store nothing."""

        def apply() -> None:
            for statement in change:
                cursor = self._storage.sql.exec(statement.sql, *statement.values)
                if statement.swaps and not cursor.rowsWritten:
                    raise VersionConflict
            self._changed()

        self._storage.transactionSync(apply)
