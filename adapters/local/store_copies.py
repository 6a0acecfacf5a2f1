"""The store as one thing: a whole copy of it while it runs, and a copy put in its place."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from factory_core.errors import Refused, Retryable, StoreUnavailable, UnreadableRecord

from ..fleets.local_engines.run_files import RunFiles
from ..stores.durable_files import sync_directory
from ..stores.record_sql import READ_SCHEMA, SCHEMA_VERSION, put_back
from ..stores.sqlite.sqlite_file import FAULTS, FULL, connect, damage_in, fix_of, result_code
from ..stores.sqlite.store_identity import (
    IDENTITY_SCHEMA,
    Identity,
    Mark,
    Marks,
    behind_link,
    belongs,
    beside,
    holders_of,
    identity_in,
    wal_size,
)
from .presence import is_held

PARTS = ("", "-wal", "-shm", "-journal")  # of what SQLite makes of one file
UNREAD = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ})
KEPT, STAMP = ".before-", "%Y%m%d-%H%M%S"


class CannotRestore(Refused):
    """The file cannot take the store's place, or the store cannot be replaced now. Nothing was changed."""

    code = "E-RESTORE"


class Copy(NamedTuple):
    """A copy that was made, for `factory restore`."""

    file: Path
    size: int  # bytes
    records: int


class Restored(NamedTuple):
    """`kept` is where the former store lies. `unknown` and `older`: the tickets that the former store knew and this one
    does not, and those that have moved on since; None when the former store could not be read. `foreign` is a -wal
    beside the source that belongs to another file, and was left out. `unknown_by_runs`: the tickets that this store
    does not know, and whose runs lie here."""

    copied_at: str
    records: int
    kept: Path | None
    unknown: list[str] | None
    older: list[str] | None
    foreign: Path | None = None
    unknown_by_runs: tuple[str, ...] = ()


def backup(path: Path, home: Path, to: Path, now: datetime) -> Copy:
    """Copy the store whole while others read and write it.

    Raises StoreUnavailable, CannotRestore, and UnreadableRecord for a store that is damaged.
    """
    with new_file(to) as new:
        with (
            readable(path),
            closing(connect(path, Marks(path, home), timeout=5)) as source,
            closing(sqlite3.connect(new, isolation_level=None)) as copy,
        ):
            source.backup(copy)  # in one step: a copy in several begins anew whenever somebody writes
            records = seal(copy, identity_in(copy), now)
        if found := damage_in(new, "integrity_check"):
            what = f"no backup was made: the state store {path.name} is damaged"
            raise UnreadableRecord(what, why=found, fix=f"factory salvage {path.stem}-salvaged{path.suffix}")
    return Copy(to, to.stat().st_size, records)


def restore(path: Path, home: Path, source: Path, now: datetime) -> Restored:
    """Put a copy of `source` in the store's place. `source` is kept as it is, and so is what was there.

    `source` may be the store's own file: then that is taken as it is. A -wal beside it comes along where it is its own.
    Raises CannotRestore.
    """
    source = behind_link(source)
    if not source.is_file():
        raise CannotRestore(f"{source} cannot be restored.", why="there is no such file", fix="factory restore --help")
    _refuse_running(path, source)
    _refuse_foreign_owner(path, source)
    marks = Marks(path, home)
    itself = path.exists() and source.samefile(path)
    with _unfinished(path, f"{source} was not restored.") as copy:
        shutil.copyfile(source, copy)
        foreign = _take_wal(source, copy, marks)
        about = _examined(copy, source)
        former = _known(path, marks)
        if itself and former:
            why = "it is the store's own file, and nothing is wrong with it"
            raise CannotRestore(f"{source} was not restored.", why=why, fix="factory serve")
        store = _id_for(about, former, marks, source, path)
        known = [about.generation, *(mark.latest for mark in marks.written())]
        generation = max([*known, former[0].generation] if former else known) + 1
        mark, versions, ids = _adopted(copy, store, generation, now)
        _refuse_running(path, source)  # one may have begun meanwhile
        kept = _set_aside(path, now)
        _put(copy, path)
        with suppress(OSError):  # a store that is newer than its marks is accepted
            marks.write(mark)
    unknown = older = None
    if former:
        unknown = sorted(name for name in former[1] if name not in versions)
        older = sorted(name for name, version in former[1].items() if versions.get(name, version) < version)
    unknown_by_runs = {name for item, name in _tickets_of_runs(home) if item not in ids}
    return Restored(about.copied_at, len(versions), kept, unknown, older, foreign, tuple(sorted(unknown_by_runs)))


def seal(copy: sqlite3.Connection, about: Identity, now: datetime) -> int:
    """Make it one file, which nothing but a restore puts in a store's place. How many records it has.

    A copy of a store of an older release gets no id: the store itself will get another one.
    """
    copy.execute("PRAGMA journal_mode = DELETE")
    for statement in IDENTITY_SCHEMA:
        copy.execute(statement)
    said = (about.store, about.generation, now.isoformat(timespec="seconds"))
    copy.execute("UPDATE factory_store SET id = ?, generation = ?, copied_at = ?", said)
    [(records,)] = copy.execute("SELECT count(*) FROM in_flight").fetchall()
    return int(records)


def _refuse_running(path: Path, source: Path) -> None:
    if is_held(holders_of(path)):
        why, fix = f"a factory runs on {path.name}, and would go on with what it knows", "stop it, and type this again"
        raise CannotRestore(f"{source} was not restored.", why=why, fix=f"In the shell: {fix}")


def _refuse_foreign_owner(path: Path, source: Path) -> None:
    """What another user writes, the factory's own could not read."""
    owner = path.stat().st_uid if path.exists() else os.geteuid()
    if owner != os.geteuid():
        why = f"{path.name} belongs to the user {owner}, and you are {os.geteuid()}: the factory could not read it then"
        fix = f"In the shell: type it as that user, with `sudo -u '#{owner}'` before the command"
        raise CannotRestore(f"{source} was not restored.", why=why, fix=fix)


def _take_wal(source: Path, copy: Path, marks: Marks) -> Path | None:
    """Bring the -wal beside the source into the copy; return it instead where it belongs to another file."""
    wal = beside(source, "-wal")
    if not wal_size(source):
        return None
    shutil.copyfile(wal, beside(copy, "-wal"))
    try:
        with closing(sqlite3.connect(copy)) as connection:
            if belongs(source, identity_in(connection), marks):
                return None
    except sqlite3.Error as error:
        if result_code(error) in FULL:
            raise
    beside(copy, "-wal").unlink(missing_ok=True)
    shutil.copyfile(source, copy)
    return wal


def _examined(copy: Path, source: Path) -> Identity:
    """Raise CannotRestore for what is no whole store of a release that this one can read."""
    what, other = f"{source} cannot be restored.", "In the shell: type `factory restore` with another backup"
    try:
        with closing(sqlite3.connect(copy)) as connection:
            versions = [version for (version,) in connection.execute(READ_SCHEMA.sql)]
            about = identity_in(connection)
    except sqlite3.Error as error:
        raise CannotRestore(what, why=f"it is no state store of a factory: {error}", fix=other) from None
    if any(version > SCHEMA_VERSION for version in versions) or not versions:
        why = f"its schema is {versions}, and this release knows {SCHEMA_VERSION}"
        raise CannotRestore(
            what, why=why, fix="In the shell: run the release of the factory that made it, or a newer one"
        )
    if found := damage_in(copy, "integrity_check"):
        fix = f"factory salvage --from {source} {source.stem}-salvaged{source.suffix}"
        raise CannotRestore(what, why=f"it is damaged: {found}", fix=fix)
    return about


def _id_for(
    about: Identity, former: tuple[Identity, dict[str, int]] | None, marks: Marks, source: Path, path: Path
) -> str:
    """The store's id from now on. One of an older release has none, and is taken for ours.

    Raises CannotRestore for another factory's.
    """
    known = {mark.store for mark in marks.written()} | ({former[0].store} if former else set())
    known.discard("")
    if about.store and known and about.store not in known:
        raise CannotRestore(
            f"{source} cannot be restored.",
            why=f"it is of another factory: its id is {about.store[:8]}, and {min(known)[:8]} was here",
            fix=f"In the shell: restore it in a folder of its own; {path.parent} keeps its own factory",
        )
    return about.store or min(known, default=uuid4().hex)


def _known(path: Path, marks: Marks) -> tuple[Identity, dict[str, int]] | None:
    """What the store says of itself, and its records' names with their versions; None when it cannot be used."""
    try:
        with closing(connect(path, marks)) as connection:
            return identity_in(connection), _versions(connection)
    except (StoreUnavailable, *FAULTS):
        return None


def _versions(connection: sqlite3.Connection) -> dict[str, int]:
    """By the name that people use, where there is one."""
    rows = connection.execute(
        "SELECT CASE WHEN json_valid(body) THEN coalesce(json_extract(body, '$.item.key'), work_item_id)"
        " ELSE work_item_id END, version FROM in_flight"
    )
    return dict(rows.fetchall())


def _tickets_of_runs(home: Path) -> Iterator[tuple[str, str]]:
    """Id and name of the ticket of each run that lies here; not of one that cannot be read."""
    for path in home.glob("fleet/*/runs/*"):
        with suppress(Retryable):
            if order := RunFiles(path).order():
                yield order.work_item_id, order.name


def _adopted(copy: Path, store: str, generation: int, now: datetime) -> tuple[Mark, dict[str, int], set[str]]:
    """Make the copy the next generation of the store; its mark, its records' names with their versions, their ids."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        for statement in IDENTITY_SCHEMA:
            connection.execute(statement)
        said = (store, generation)
        connection.execute("UPDATE factory_store SET id = ?, generation = ?, copied_at = ''", said)
        connection.execute("BEGIN")
        for row, body in connection.execute("SELECT rowid, body FROM in_flight").fetchall():
            connection.execute("UPDATE in_flight SET body = ? WHERE rowid = ?", (put_back(body, now), row))
        connection.execute("COMMIT")
        about, versions = identity_in(connection), _versions(connection)
        ids = {item for (item,) in connection.execute("SELECT work_item_id FROM in_flight")}
    mark = Mark(store=about.store, main=generation, latest=generation, cookie=about.cookie)
    return mark, versions, ids


def former_stores(path: Path) -> list[Path]:
    """What restores have kept beside this store, each with its -wal."""
    return sorted(path.parent.glob(f"{escape(path.name)}{KEPT}*"))


def _set_aside(path: Path, now: datetime) -> Path | None:
    """Keep what lies in the store's place under a name of its own, with its -wal; None when nothing does.

    Nothing is taken away before both are kept, so that a restore that is killed and repeated parts them nowhere.
    """
    for again in itertools.count(1):
        kept = path.with_name(f"{path.name}{KEPT}{now:{STAMP}}{f'-{again}' if again > 1 else ''}")
        if not any(beside(kept, suffix).exists() for suffix in PARTS):
            break
    for suffix in ("-wal", ""):
        if beside(path, suffix).exists():
            _keep(beside(path, suffix), beside(kept, suffix))
    for suffix in ("-wal", "-shm"):
        beside(path, suffix).unlink(missing_ok=True)
    return kept if kept.exists() else None


@contextmanager
def new_file(to: Path) -> Iterator[Path]:
    """A file beside `to` that takes its name when all went well; readable by its owner alone."""
    what = f"{to} cannot be written."
    if to.name.endswith(("-wal", "-shm", "-journal")):
        why = "SQLite takes a file of such a name for a part of another one"
        raise CannotRestore(what, why=why, fix="In the shell: choose another name")
    if to.exists() or to.is_symlink() or not to.parent.is_dir():
        why = f"there is no directory {to.parent}" if not to.parent.is_dir() else "there is such a file already"
        raise CannotRestore(what, why=why, fix="In the shell: choose another name")
    with _unfinished(to, what) as new:
        yield new
        _put(new, to)


@contextmanager
def _unfinished(to: Path, what: str) -> Iterator[Path]:
    """An empty file beside `to`, its owner's alone. What a killed process has left of it is begun anew.

    Raises CannotRestore, also for what a full disk or a missing right refuses meanwhile.
    """
    new = to.with_name(f".{to.name}.unfinished")
    parts = [beside(new, suffix) for suffix in PARTS]
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with _locked(new) as held:
            os.fchmod(held, 0o600)
            os.ftruncate(held, 0)
            try:
                for part in parts[1:]:
                    part.unlink(missing_ok=True)
                yield new
            finally:
                for part in parts:
                    part.unlink(missing_ok=True)
    except BlockingIOError:
        why, fix = "another process is about to", "In the shell: let it end, and type this again"
        raise CannotRestore(what, why=why, fix=fix) from None
    except (OSError, sqlite3.Error) as error:
        fix = f"In {to.parent}: `df -h .` and `ls -la` show whether there is room and the right to write"
        raise CannotRestore(what, why=str(error), fix=fix) from None


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file's descriptor, while no other process has it. Raises OSError."""
    held = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield held
    finally:
        os.close(held)


def _put(new: Path, to: Path) -> None:
    """On the disk, too. Raises OSError."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(to)
    sync_directory(to.parent)


def _keep(old: Path, kept: Path) -> None:
    """Under another name as well, without a copy where the disk can do that. Raises OSError."""
    try:
        os.link(old, kept)
    except OSError:
        shutil.copy2(old, kept)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raises StoreUnavailable for what SQLite says of the file."""
    try:
        yield
    except FAULTS as error:
        if result_code(error) in FULL and getattr(error, "sqlite_errorcode", 0) not in UNREAD:
            raise  # it is the copy that cannot be written
        what = f"the state store {path} cannot be read"
        raise StoreUnavailable(what, why=str(error), fix=fix_of(path, error)) from error
