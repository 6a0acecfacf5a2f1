"""Is the store's file the one that was there? An identity and a generation lie in it, and marks beside it repeat them.

SQLite plays a `-wal` over whatever file has the right name, and takes a file without its `-wal` for whole. So the first
transaction of each new `-wal` counts the generation up, and a mark says which generation the file alone has, and which
it has with its `-wal`. By that an older copy, a missing part and another factory's file are known before SQLite opens
anything. A file that is newer than a mark is accepted: a crash may come between the two. Another program may have
written to the store: its `-wal` shows that the file is still its own.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from pydantic import ValidationError

from factory_core.errors import StoreUnavailable
from factory_core.payload import parse_as, to_json
from factory_core.work_item import Frozen

IDENTITY_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS factory_store (
        id TEXT NOT NULL, generation INTEGER NOT NULL, copied_at TEXT NOT NULL)""",
    """INSERT INTO factory_store SELECT lower(hex(randomblob(16))), 0, ''
        WHERE NOT EXISTS (SELECT 1 FROM factory_store)""",
)
"""`copied_at` is empty but in a backup, which is put in place by `factory restore` alone."""

NEXT_GENERATION = "UPDATE factory_store SET generation = generation + 1"
WAL_HEADER, FRAME_HEADER = 32, 24  # bytes, see https://sqlite.org/fileformat2.html#the_write_ahead_log
ATTEMPTS, PAUSE = 3, 0.05  # before a refusal: another process may be between its commit and its mark


class StoreExchanged(StoreUnavailable):
    """The file at the store's place is not the one that was there: nothing is read from it, and nothing written."""

    code = "E-STORE-EXCHANGED"


class Identity(NamedTuple):
    """What a file says of itself. A file of an older release has no id, and the generation -1."""

    store: str = ""
    generation: int = -1
    copied_at: str = ""
    cookie: int = 0  # SQLite's schema version: a copy that SQLite made has another


class Mark(Frozen):
    """`main` is the generation of the file alone, `latest` the one with its -wal."""

    store: str
    main: int
    latest: int
    cookie: int


class Marks:
    """The marks of one store: beside its file, where each writer keeps it exact, and in the folder of the runs."""

    def __init__(self, path: Path, home: Path | None = None) -> None:
        self.path = path
        self.beside = holders_of(path) / "store.json"
        relative = os.path.relpath(path, home.parent) if home else ""
        self.with_runs = home / f"store-{quote(relative, safe='')}.json" if home else None

    def written(self) -> list[Mark]:
        return [mark for mark in (_mark(self.beside), self.with_runs and _mark(self.with_runs)) if mark]

    def write(self, mark: Mark) -> None:
        """Raises OSError, and then no mark is beside the file: one that stays behind would soon speak against it."""
        try:
            for path in (self.beside, self.with_runs):
                if (path and path.parent.is_dir()) or path == self.beside:
                    _write(path, to_json(mark))
        except OSError:
            with suppress(OSError):
                self.beside.unlink()
            raise

    def follow(self, found: Identity) -> None:
        """Let the mark say what a file without a -wal is, where it is behind: somebody died between commit and mark, or
        the schema is a newer one. Call it with the file locked."""
        exact = _mark(self.beside)
        is_behind = exact and (exact.latest, exact.cookie) != (found.generation, found.cookie)
        if is_behind and not wal_size(self.path):
            generation = found.generation
            with suppress(OSError):
                self.write(Mark(store=found.store, main=generation, latest=generation, cookie=found.cookie))

    def refuse_empty(self, runs: Path) -> None:
        """Raise StoreExchanged for a file without a mark and a record, where runs lie: they were begun by somebody."""
        if self.written() or not any(runs.glob("*")):
            return
        try:
            with closing(sqlite3.connect(self.path)) as connection:
                known = connection.execute("SELECT 1 FROM in_flight LIMIT 1").fetchall()
        except sqlite3.Error:
            return  # what cannot be read is not empty, and whoever reads it says so
        if not known:
            raise StoreExchanged(
                f"the state store {self.path.name} is empty, and a factory has run here",
                why=f"runs of its tickets lie in {runs}, and it knows none of them",
                fix=f"In {self.path.parent}: bring back the {self.path.name} that was there, with its -wal, or type"
                f" `factory restore BACKUP`; to begin with nothing, remove {runs.parent}",
            )

    def refuse_gone(self) -> None:
        """Raise StoreExchanged where a factory has run and its file is gone."""
        traces = [path for path in (holders_of(self.path), self.with_runs) if path and path.exists()]
        if traces and not self.path.exists():
            raise StoreExchanged(
                f"the state store {self.path.name} is gone",
                why=f"a factory has run here, as {traces[0].name} shows, and what it knew is not there",
                fix=f"In {self.path.parent}: bring {self.path.name} back with its -wal, or type `factory restore"
                f" BACKUP`; to begin with nothing, remove {' and '.join(map(str, traces))}",
            )

    def lacks_generation(self) -> bool:
        """Was the -wal begun by another program, or brought into the file? Then it counts as no generation, and nobody
        would miss it."""
        exact = _mark(self.beside)
        return bool(exact and wal_size(self.path) and main_of(self.path).generation == exact.latest)

    def refuse_exchanged(self) -> None:
        """Raise StoreExchanged for a file that must not be opened, for its -wal would be played over it."""
        self._refuse(lambda: self._why_not_open(main_of(self.path)))

    def refuse_other(self, connection: sqlite3.Connection) -> None:
        """Raise StoreExchanged for an opened file that is not, with its -wal, what was there; or sqlite3.Error."""
        self._refuse(lambda: self._why_not_use(identity_in(connection)))

    def _refuse(self, reason: Callable[[], str]) -> None:
        for attempt in range(ATTEMPTS):
            why = reason()
            if not why:
                return
            if attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE)
        raise StoreExchanged(
            f"the state store {self.path.name} is not the one that was there",
            why=why,
            fix=f"In {self.path.parent}: bring back what was there; or stop the factory and type `factory restore"
            f" {os.path.relpath(self.path)}` to go on with what lies there now",
        )

    def _why_not_open(self, main: Identity) -> str:
        if main.copied_at:
            return f"it is a backup of {main.copied_at}, which only `factory restore` puts in place"
        for mark in self.written():
            if main.store and main.store != mark.store:
                return f"it is another factory's: its id is {main.store[:8]}, and {mark.store[:8]} was here"
        exact = _mark(self.beside)
        if exact and main.store and wal_size(self.path):
            if main.generation not in (exact.main, exact.latest):
                return (
                    f"it is of generation {main.generation}, and the {self.path.name}-wal beside it belongs to"
                    f" generation {exact.main}: another copy was put in its place"
                )
            if main.cookie != exact.cookie and not _is_from_wal(self.path):
                return f"a copy was put in its place, beside the {self.path.name}-wal of the former one"
        return ""

    def _why_not_use(self, found: Identity) -> str:
        for mark in self.written():
            if found.store != mark.store:
                other = f"its id is {found.store[:8]}" if found.store else "it has no id"
                return f"{other}, and {mark.store[:8]} was here: it is another factory's, or of an older release"
            if found.generation < mark.latest:
                lacks = "" if wal_size(self.path) else f", or its {self.path.name}-wal is missing"
                return f"it is an older copy{lacks}: of generation {found.generation}, and {mark.latest} was here"
        return ""


def behind_link(path: Path) -> Path:
    """Where the file itself lies: SQLite keeps the -wal there."""
    return path.resolve() if path.is_symlink() else path


def holders_of(path: Path) -> Path:
    """The directory of the store's marks and of who holds it."""
    return path.with_name(f"{path.name}.holders")


def identity_in(connection: sqlite3.Connection) -> Identity:
    """Raises sqlite3.Error."""
    [(cookie,)] = connection.execute("PRAGMA schema_version").fetchall()
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'factory_store'").fetchall()
    rows = connection.execute("SELECT id, generation, copied_at FROM factory_store").fetchall() if known else []
    store, generation, copied_at = rows[0] if rows else Identity()[:3]
    return Identity(store, generation, copied_at, cookie)


def main_of(path: Path) -> Identity:
    """What the file says without its -wal. One that cannot be read says nothing: opening it will say why."""
    try:
        with closing(_alone(path)) as connection:
            return identity_in(connection)
    except sqlite3.Error:
        return Identity()


def _is_from_wal(path: Path) -> bool:
    """Has the file's first page come out of its -wal? Then whatever changed its schema wrote to both, as VACUUM does.

    A copy that SQLite makes has another first page than anything that was ever written to the -wal.
    """
    with suppress(OSError, sqlite3.Error), beside(path, "-wal").open("rb") as wal, closing(_alone(path)) as connection:
        size = int.from_bytes(wal.read(WAL_HEADER)[8:12])
        first = connection.serialize()[:size]  # by SQLite: to open and close the file drops this process's locks on it
        while frame := wal.read(FRAME_HEADER + size):
            if int.from_bytes(frame[:4]) == 1 and frame[FRAME_HEADER:] == first:
                return True
    return False


def belongs(path: Path, whole: Identity, marks: Marks) -> bool:
    """Is the -wal beside this file its own? `whole` is what the two say together.

    A -wal is one generation more than its file, or none where another program began it or brought it in.
    """
    main, known = main_of(path), marks.written()
    if main.copied_at or main.store not in ("", whole.store):
        return False
    here = [mark for mark in known if (mark.store, mark.latest) == (whole.store, whole.generation)]
    if any(mark.cookie == main.cookie for mark in here) or _is_from_wal(path):
        return whole.generation - main.generation in (0, 1)
    return (
        not here and main.cookie == whole.cookie and whole.generation - main.generation in ((1,) if known else (0, 1))
    )


def _alone(path: Path) -> sqlite3.Connection:
    """The file without its -wal. Raises sqlite3.Error."""
    return sqlite3.connect(f"{uri_of(path)}&immutable=1", uri=True)


def uri_of(path: Path) -> str:
    """To open it for reading alone."""
    return f"{path.absolute().as_uri()}?mode=ro"


def wal_size(path: Path) -> int:
    """Bytes in the -wal; 0 when there is none."""
    try:
        return beside(path, "-wal").stat().st_size
    except FileNotFoundError:
        return 0


def beside(path: Path, suffix: str) -> Path:
    """`-wal` or `-shm` of this file."""
    return path.with_name(path.name + suffix)


def _mark(path: Path) -> Mark | None:
    """None, too, for one that was cut off: it guards nothing, and the next start writes it anew."""
    try:
        return parse_as(Mark, path.read_text("utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """All of it, or what was there before; on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with open(new, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
