"""One SQLite file: opened when needed, written in groups, and never taken for empty when it is merely not there.

Every write that one tick of the event loop brings goes into one transaction (group commit), so that many writers share
one fsync. Reads and commits run in the loop itself; another process's lock is waited for without blocking it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from factory_core.errors import StoreUnavailable, VersionConflict

from ..record_sql import READ_SCHEMA, SCHEMA, SCHEMA_VERSION, TOUCH, Change, Statement

PAUSE = 0.003  # seconds between two looks at a lock that another process holds
OTHERS_MAKE_IT = 10.0  # seconds to wait while other processes make the same file
LOOK = 0.02  # seconds between two looks at whether the file is still in its place: SQLite itself would not notice
FORGETS = "DELETE FROM in_flight"
FAULTS = (sqlite3.Error, OSError, ValueError, OverflowError)  # the last two: values that SQLite cannot hold
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Write:
    """A change that waits for its commit; `stored` is None until then, False when it lost a swap."""

    change: Change
    stored: bool | None = None


class SqliteFile:
    """Shared by the stores of all tenants in this process, on one event loop; other processes may use the file too.

    The file must have been made by create_file(). `patience` is how many seconds a foreign lock is waited for.
    `commits` counts the write transactions.
    """

    def __init__(self, path: Path, patience: float = 2.0) -> None:
        self.path = path.absolute()
        self.patience = patience
        self.commits = 0
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)  # device and inode
        self._look_at = 0.0
        self._waiting: list[Write] = []
        self._holds_forgotten = False  # is what was deleted still in the log of writes?

    async def read(self, statement: Statement) -> list[Any]:
        """The rows, as of the last commit."""

        def rows() -> list[Any]:
            return self._open().execute(statement.sql, statement.values).fetchall()

        try:
            return rows()
        except FAULTS as error:
            return await self._retry(rows, error)

    async def write(self, change: Change) -> None:
        """Return when it is on the disk; raise VersionConflict when somebody else saved first, and store nothing."""
        write = Write(change)

        def flush() -> None:
            if write.stored is None:
                self._flush()

        self._waiting.append(write)
        try:
            await asyncio.sleep(0)  # what else this tick brings comes along; the first to go on commits for all
            if len(self._waiting) > 1:
                await asyncio.sleep(0)  # and whoever has its turn at the batch only now
            flush()
        except FAULTS as error:
            await self._retry(flush, error)
        finally:
            if write.stored is None:
                self._waiting.remove(write)
        if not write.stored:
            raise VersionConflict

    async def ping(self) -> float:
        """Milliseconds that a tiny durable write takes now."""
        start = monotonic()
        await self.write((TOUCH,))
        return (monotonic() - start) * 1000

    def close(self) -> None:
        """Let go of the file; whoever uses it afterwards gets StoreUnavailable."""
        self._closed = True
        self._drop()

    async def _retry(self, attempt: Callable[[], T], error: Exception) -> T:
        """Try again until no other process is in the way."""
        until = monotonic() + self.patience
        while _code(error) in BUSY and monotonic() < until:
            await asyncio.sleep(PAUSE)
            try:
                return attempt()
            except FAULTS as newest:
                error = newest
        if _code(error) not in BUSY | FULL:
            self._drop()  # it may have been opened without the right to write, or be damaged: begin afresh
        raise _unavailable(self.path, error) from error

    def _flush(self) -> None:
        """Commit what waits, and let each writer know.

        In the loop, not in a thread: with one writer at a time the hop to a thread costs a third of the throughput, and
        the loop stands still only for the fsync that everybody in the group waits for anyway.
        """
        connection, group = self._open(), self._waiting
        if len(group) == 1 and len(group[0].change) == 1:  # one statement is a transaction of its own
            outcomes = [_apply(connection, group[0].change)]
        else:
            outcomes = _transact(connection, [write.change for write in group])
        self._waiting = []
        self.commits += any(outcomes)
        for write, stored in zip(group, outcomes, strict=True):
            write.stored = stored
        self._holds_forgotten |= any(sql.startswith(FORGETS) for write in group for sql, _, _ in write.change)
        if self._holds_forgotten:  # while another process reads, it stays: the next write tries again
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._holds_forgotten = bool(busy)

    def _open(self) -> sqlite3.Connection:
        """The connection, made anew when the file at the path is not the one that it was."""
        now = monotonic()
        if self._connection is not None and now < self._look_at:
            return self._connection
        if self._closed:
            raise sqlite3.ProgrammingError("this process has closed it")
        about = self.path.stat()
        identity = (about.st_dev, about.st_ino)
        if self._connection is None or identity != self._identity:
            self._drop()
            self._connection, self._identity = _connect(self.path), identity
        self._look_at = now + LOOK
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def create_file(path: Path) -> None:
    """Make the store's file, readable by its owner alone, or find that it is one already. Raises StoreUnavailable."""
    path = path.absolute()
    with _translated(path):
        with suppress(FileExistsError):  # and then left unopened: closing it would drop this process's locks on it
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=OTHERS_MAKE_IT)
        try:
            connection.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and "factory_schema" not in tables:
                raise sqlite3.DatabaseError("it is another program's database")
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            connection.close()
        _connect(path, OTHERS_MAKE_IT).close()


def _connect(path: Path, timeout: float = 0) -> sqlite3.Connection:
    """Open a file that create_file() made; never makes one."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=timeout)
    try:
        versions = [version for (version,) in connection.execute(READ_SCHEMA.sql)]
        if versions != [SCHEMA_VERSION]:
            raise _other_schema(path, versions)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    except (sqlite3.Error, StoreUnavailable):
        connection.close()
        raise
    return connection


def _transact(connection: sqlite3.Connection, changes: Sequence[Change]) -> list[bool]:
    """All changes in one transaction; which of them were stored."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes = [_apply(connection, change) for change in changes]
        connection.execute("COMMIT")
    except FAULTS:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
    return outcomes


def _apply(connection: sqlite3.Connection, change: Change) -> bool:
    """False when a swap found another version: then nothing of the change is stored."""
    if len(change) == 1:  # atomic as it is
        sql, values, swaps = change[0]
        return bool(connection.execute(sql, values).rowcount or not swaps)
    connection.execute("SAVEPOINT change")
    stored = all(connection.execute(sql, values).rowcount or not swaps for sql, values, swaps in change)
    if not stored:
        connection.execute("ROLLBACK TO change")
    connection.execute("RELEASE change")
    return stored


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        raise _unavailable(path, error) from error


def _code(error: Exception) -> int:
    """SQLite's primary result code, 0 when SQLite gave none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _busy(error: Exception) -> bool:
    return _code(error) in BUSY


def _unavailable(path: Path, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the state store {path} cannot be used", why=str(error), fix=_fix(path, error))


def _fix(path: Path, error: Exception) -> str:
    code = _code(error)
    if code in BUSY:
        return f"In the shell: `fuser {path}` names the process that keeps the file locked; let it finish, or end it"
    if code in DAMAGED:
        return f"In the shell: keep a copy of {path}, then put the last backup in its place"
    if code in FULL:
        return f"In the shell: `df -h {path.parent}` shows whether the disk is full; make room, or mend the disk"
    if code == sqlite3.SQLITE_READONLY or isinstance(error, PermissionError):
        return f"In the shell: give the factory's user the right to write {path} and its directory"
    return f"In the shell: put {path} back where it was; only where there never was one, `factory init` makes it"


def _other_schema(path: Path, versions: list[int]) -> StoreUnavailable:
    return StoreUnavailable(
        f"the state store {path} has another schema than this release of the factory",
        why=f"its schema is {versions}, and this release knows {SCHEMA_VERSION}",
        fix="In the shell: run the newest release of the factory that ever used this file",
    )
