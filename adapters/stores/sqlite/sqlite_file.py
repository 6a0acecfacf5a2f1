"""One SQLite file: opened when needed, written in groups, and never taken for empty when it is merely not there.

Every write that one tick of the event loop brings goes into one transaction (group commit), so that many writers share
one fsync. Reads and commits run in the loop itself; another process's lock is waited for without blocking it.

A file that is not the one that was there is refused (store_identity). A damaged page hides what is on it: what needs it
raises DamagedPage, and everything else goes on.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from factory_core.errors import RecordTooLarge, StoreUnavailable, UnreadableRecord, VersionConflict

from ..record_sql import READ_SCHEMA, SCHEMA, SCHEMA_VERSION, TOUCH, Change, Statement
from .store_identity import (
    IDENTITY_SCHEMA,
    NEXT_GENERATION,
    Mark,
    Marks,
    StoreExchanged,
    beside,
    identity_in,
    uri_of,
    wal_size,
)

logger = logging.getLogger("factory.store")
PAUSE = 0.003  # seconds between two looks at a lock that another process holds
OTHERS_MAKE_IT = 10.0  # seconds to wait while other processes make the same file
LOOK = 0.02  # seconds between two looks at whether the file is still in its place: SQLite itself would not notice
FORGETS = "DELETE FROM in_flight"
FAULTS = (sqlite3.Error, OSError, ValueError, OverflowError)  # the last two: values that SQLite cannot hold
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
DAMAGED = sqlite3.SQLITE_CORRUPT
ONES_OWN = frozenset({DAMAGED, sqlite3.SQLITE_TOOBIG})  # the fault of one write, not of those beside it
LONGEST_WAL = 4_000_000  # bytes; then it is brought into the file, and a new one begins

T = TypeVar("T")


class Seen(NamedTuple):
    """What the file system says of the file: another inode is another file, another time may be."""

    inode: tuple[int, int] = (0, 0)  # with its device
    wal: tuple[int, bool] = (0, False)  # its inode, and whether anything is in it
    changed: tuple[int, int] = (0, 0)  # nanoseconds and bytes


@dataclass(eq=False, slots=True)
class Write:
    """A change that waits for its commit; `stored` is None until then, False when it lost a swap."""

    change: Change
    stored: bool | None = None


class DamagedPage(UnreadableRecord):
    """A page of the file is damaged: what is on it cannot be read, and nothing can be stored there."""

    code = "E-STORE-DAMAGED"


class SqliteFile:
    """Shared by the stores of all tenants in this process, on one event loop; other processes may use the file too.

    The file must have been made by create_file(). `patience` is how many seconds a foreign lock is waited for.
    `commits` counts the write transactions. `home` is the folder of the runs, where a second mark lies.
    """

    def __init__(self, path: Path, patience: float = 2.0, home: Path | None = None) -> None:
        self.path = path.absolute()
        self.patience = patience
        self.commits = 0
        self._marks = Marks(self.path, home)
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._seen = Seen()
        self._look_at = 0.0
        self._waiting: list[Write] = []
        self._holds_forgotten = False  # is what was deleted still in the log of writes?
        self._damage: DamagedPage | None = None
        self._checked = False

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
            if write.stored is not None:
                return
            try:
                self._flush(self._waiting)
            except sqlite3.Error as error:
                if result_code(error) not in ONES_OWN:
                    raise
                write.change = tuple(statement for statement in write.change if not statement.housekeeping)
                self._flush([write])  # alone: whose fault it is, no other write fails with it

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
        while result_code(error) in BUSY and monotonic() < until:
            await asyncio.sleep(PAUSE)
            try:
                return attempt()
            except FAULTS as newest:
                error = newest
        if result_code(error) not in BUSY | FULL and not isinstance(error, StoreUnavailable):
            self._drop()  # it may have been opened without the right to write, or be damaged: begin afresh
        problem = _unavailable(self.path, error)
        if isinstance(problem, DamagedPage):
            self._note(problem)
        raise problem from error

    async def damage(self) -> DamagedPage | None:
        """What is damaged in the file; the first call looks at all of it, beside the loop."""
        if not self._checked:
            self._checked = True
            found = await asyncio.to_thread(damage_in, self.path, "quick_check")
            if found:
                self._note(_damaged(self.path, found))
        return self._damage

    def _note(self, damage: DamagedPage) -> None:
        """The log says it once; a restart with a sound file forgets it."""
        if self._damage is None:
            self._damage = damage
            logger.error("%s: %s: %s", damage.what, damage.why, damage.fix, extra={"action": "store"})

    def _flush(self, group: Sequence[Write]) -> None:
        """Commit these, and let each writer know.

        In the loop, not in a thread: with one writer at a time the hop to a thread costs a third of the throughput, and
        the loop stands still only for the fsync that everybody in the group waits for anyway.
        """
        self._look_at = 0.0  # what another program has just written shows only until we begin its -wal anew
        connection, wal = self._open(), wal_size(self.path)
        if not wal or len(group) > 1 or len(group[0].change) > 1:
            outcomes, begins = _transact(connection, self.path, [write.change for write in group])
        else:  # one statement is a transaction of its own
            outcomes, begins = [_apply(connection, group[0].change)], False
        self._waiting = [write for write in self._waiting if write not in group]
        self.commits += any(outcomes)
        for write, stored in zip(group, outcomes, strict=True):
            write.stored = stored
        if begins:
            self._mark(connection)
        self._holds_forgotten |= any(one.sql.startswith(FORGETS) for write in group for one in write.change)
        if self._holds_forgotten or wal > LONGEST_WAL:
            self._holds_forgotten &= not _bring_in(connection)

    def _mark(self, connection: sqlite3.Connection) -> None:
        """Write down what the file is from now on. Without it the next start knows less: that stops no write."""
        try:
            latest = identity_in(connection)
            mark = Mark(store=latest.store, main=latest.generation - 1, latest=latest.generation, cookie=latest.cookie)
            self._marks.write(mark)
        except FAULTS as error:
            logger.warning("the store's mark cannot be written: %s", error, extra={"action": "store"})

    def _open(self) -> sqlite3.Connection:
        """The connection, made anew when the file at the path is not the one that it was, if it may be used."""
        now = monotonic()
        if self._connection is not None and now < self._look_at:
            return self._connection
        if self._closed:
            raise sqlite3.ProgrammingError("this process has closed it")
        seen = _look_at(self.path)
        if self._connection is not None and seen != self._seen:
            try:
                self._marks.refuse_exchanged()
            except StoreExchanged:
                self._abandon()
                raise
            if (seen.inode, seen.wal[0]) != (self._seen.inode, self._seen.wal[0]):
                self._drop()
        if self._connection is None:
            self._connection = connect(self.path, self._marks)
        if seen != self._seen and self._marks.lacks_generation():
            _bring_in(self._connection)
        self._seen = _look_at(self.path)
        self._look_at = now + LOOK
        return self._connection

    def _abandon(self) -> None:
        """Never close it: closing would play its -wal over a file that is not its own."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
        self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def create_file(path: Path, home: Path | None = None) -> None:
    """Make the store's file, readable by its owner alone, or find that it is one already. Raises StoreUnavailable.

    `home` as of SqliteFile.
    """
    path = path.absolute()
    marks = Marks(path, home)
    marks.refuse_exchanged()
    with _translated(path):
        with suppress(FileExistsError):  # and then left unopened: closing it would drop this process's locks on it
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=OTHERS_MAKE_IT)
        try:
            connection.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and "factory_schema" not in tables:
                raise sqlite3.DatabaseError("it is another program's database")
            marks.refuse_other(connection)
            for statement in (*SCHEMA, *IDENTITY_SCHEMA):
                connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            connection.close()
        with closing(connect(path, marks, OTHERS_MAKE_IT)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            marks.follow(identity_in(connection))


def connect(path: Path, marks: Marks, timeout: float = 0) -> sqlite3.Connection:
    """Open a file that create_file() made; never makes one. Raises StoreUnavailable, or sqlite3.Error."""
    marks.refuse_exchanged()
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=timeout)
    try:
        versions = [version for (version,) in connection.execute(READ_SCHEMA.sql)]
        if versions != [SCHEMA_VERSION]:
            raise _other_schema(path, versions)
        marks.refuse_other(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # each new -wal is begun knowingly
    except (sqlite3.Error, StoreUnavailable) as error:
        connection.close()
        if result_code(error) == DAMAGED:  # not only a page of it
            raise _unusable(path, error) from error
        raise
    return connection


def _bring_in(connection: sqlite3.Connection) -> bool:
    """Bring the -wal into the file, so that a new one begins; False when another process is in the way."""
    with suppress(sqlite3.Error):
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    return False


def _has_identity(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'factory_store'").fetchall())


def _look_at(path: Path) -> Seen:
    """Raises FileNotFoundError when it is gone."""
    about = path.stat()
    try:
        wal = beside(path, "-wal").stat()
    except FileNotFoundError:
        return Seen((about.st_dev, about.st_ino), (0, False), (about.st_mtime_ns, about.st_size))
    return Seen((about.st_dev, about.st_ino), (wal.st_ino, wal.st_size > 0), (about.st_mtime_ns, about.st_size))


def damage_in(path: Path, check: str) -> str:
    """What SQLite finds damaged by this pragma, which reads every page; empty for a sound file."""
    try:
        with closing(sqlite3.connect(uri_of(path), uri=True, timeout=5)) as connection:
            found = "; ".join(str(row[0]) for row in connection.execute(f"PRAGMA {check}(3)"))
    except sqlite3.Error as error:
        return str(error) if result_code(error) == DAMAGED else ""  # using it says why it cannot be opened
    return "" if found == "ok" else " ".join(found.split())


def _transact(connection: sqlite3.Connection, path: Path, changes: Sequence[Change]) -> tuple[list[bool], bool]:
    """All changes in one transaction: which of them were stored, and whether it counts as the first of a new -wal."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        begins = not wal_size(path) and _has_identity(
            connection
        )  # asked with the lock: no other process begins one now
        if begins:
            connection.execute(NEXT_GENERATION)
        outcomes = [_apply(connection, change) for change in changes]
        connection.execute("COMMIT")
    except FAULTS:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
    return outcomes, begins


def _apply(connection: sqlite3.Connection, change: Change) -> bool:
    """False when a swap found another version: then nothing of the change is stored."""
    if len(change) == 1:  # atomic as it is
        sql, values, swaps, _ = change[0]
        return bool(connection.execute(sql, values).rowcount or not swaps)
    connection.execute("SAVEPOINT change")
    stored = all(connection.execute(sql, values).rowcount or not swaps for sql, values, swaps, _ in change)
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


def result_code(error: Exception) -> int:
    """SQLite's primary result code, 0 when SQLite gave none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _unavailable(path: Path, error: Exception) -> StoreUnavailable | RecordTooLarge:
    if isinstance(error, StoreUnavailable):
        return error
    if result_code(error) == DAMAGED:
        return _damaged(path, str(error))
    if result_code(error) == sqlite3.SQLITE_TOOBIG:
        fix = "In the tracker: cancel the ticket and open a new one for what is left to do"
        return RecordTooLarge("a record is too large for the state store", why=str(error), fix=fix)
    return _unusable(path, error)


def _unusable(path: Path, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the state store {path} cannot be used", why=str(error), fix=fix_of(path, error))


def _damaged(path: Path, why: str) -> DamagedPage:
    what, fix = f"a part of the state store {path} is damaged", f"factory salvage {path.stem}-salvaged{path.suffix}"
    return DamagedPage(what, why=f"{why}; what is there is hidden, and the rest goes on", fix=fix)


def fix_of(path: Path, error: Exception) -> str:
    """What a person can do about a file that cannot be used."""
    code, read_only = result_code(error), isinstance(error, OSError) and error.errno == errno.EROFS
    if code in BUSY:
        return f"In the shell: `fuser {path}` names the process that keeps the file locked; let it finish, or end it"
    if code in (DAMAGED, sqlite3.SQLITE_NOTADB):
        return "In the shell: stop the factory, and type `factory restore BACKUP` with the newest backup"
    if code in FULL:
        return f"In the shell: `df -h {path.parent}` shows whether the disk is full; make room, or repair the disk"
    is_kept_from_us = code == sqlite3.SQLITE_CANTOPEN and path.exists() and not os.access(path, os.R_OK | os.W_OK)
    if code == sqlite3.SQLITE_READONLY or isinstance(error, PermissionError) or read_only or is_kept_from_us:
        return f"In the shell: give the factory's user the right to write {path} and its directory"
    return f"In the shell: put {path} back where it was; only where there never was one, `factory init` makes it"


def _other_schema(path: Path, versions: list[int]) -> StoreUnavailable:
    return StoreUnavailable(
        f"the state store {path} has another schema than this release of the factory",
        why=f"its schema is {versions}, and this release knows {SCHEMA_VERSION}",
        fix="In the shell: run the newest release of the factory that ever used this file",
    )
