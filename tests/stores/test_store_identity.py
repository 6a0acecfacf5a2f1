"""A store that is not the one that was there is refused, whenever that is noticed; what is merely newer is not."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.stores.sqlite import sqlite_file, store_identity
from adapters.stores.sqlite.sqlite_file import LONGEST_WAL, LOOK, SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from adapters.stores.sqlite.store_identity import Marks, StoreExchanged, holders_of, main_of, wal_size
from factory_core.dispatch.records import InFlightRecord

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
PROGRAM = """
import asyncio, os, signal, sqlite3, sys
from datetime import UTC, datetime
from pathlib import Path
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.records import InFlightRecord

path = Path(sys.argv[1])
home = path.parent / ".factory"
create_file(path, home)
store = SqliteStateStore(SqliteFile(path, home=home), "acme", lambda: datetime.now(UTC))

async def main():
    for name in sys.argv[2:]:
        if name == "copy":
            with sqlite3.connect(path) as source, sqlite3.connect(path.with_name("copy.db")) as copy:
                source.backup(copy)
        elif name == "unmarked":
            SqliteFile._mark = lambda *_: None
        else:
            await store.put_in_flight(InFlightRecord(work_item_id=name))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


class Folder:
    """A folder with a store, as a factory has it."""

    def __init__(self, path: Path) -> None:
        self.path, self.db, self.home = path, path / "factory.db", path / ".factory"
        self.home.mkdir(parents=True)

    def killed_after(self, *names: str) -> None:
        """A process stores these records and is killed; `copy` makes a copy by SQLite itself on the way, and after
        `unmarked` it dies before the mark of its first commit."""
        subprocess.run([sys.executable, "-c", PROGRAM, str(self.db), *names], cwd=ROOT, check=False)

    def stored(self, *names: str) -> list[str]:
        """The ids that the store knows once these are stored, too; whoever asks closes it in good order."""

        async def ask(store: SqliteStateStore) -> list[str]:
            for name in names:
                await store.put_in_flight(InFlightRecord(work_item_id=name))
            return sorted([record.work_item_id async for record in store.list_in_flight()])

        create_file(self.db, self.home)
        with closing(SqliteFile(self.db, home=self.home)) as file:
            return asyncio.run(ask(SqliteStateStore(file, "acme", lambda: NOW)))

    def wal(self, suffix: str = "-wal") -> Path:
        return self.db.with_name(f"factory.db{suffix}")

    def refusal(self) -> str:
        """Why it is refused, by whoever makes the file and by whoever only opens it."""
        before = {file: file.read_bytes() for file in self.path.glob("factory.db*") if file.is_file()}
        with pytest.raises(StoreExchanged) as made:
            create_file(self.db, self.home)
        with closing(SqliteFile(self.db, home=self.home)) as file, pytest.raises(StoreExchanged) as opened:
            asyncio.run(SqliteStateStore(file, "acme", lambda: NOW).get_batch())
        assert made.value.why == opened.value.why
        assert {file: file.read_bytes() for file in before if not file.name.endswith("-shm")} == {
            file: held for file, held in before.items() if not file.name.endswith("-shm")
        }
        return made.value.why


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "p")


def test_each_wal_is_a_generation(folder: Folder) -> None:
    """Every start that writes counts the generation up, and the mark says what the file has alone and with its -wal."""
    folder.stored("A-1")
    first = main_of(folder.db)
    folder.killed_after("A-2")
    assert main_of(folder.db) == first
    [beside, with_runs] = Marks(folder.db, folder.home).written()
    assert (beside.main, beside.latest) == (first.generation, first.generation + 1)
    assert with_runs == beside
    assert folder.stored("A-3") == ["A-1", "A-2", "A-3"]
    assert main_of(folder.db)[:2] == (first.store, first.generation + 2)


def test_a_long_wal_is_brought_into_the_file(folder: Folder) -> None:
    """Nobody else does that, so that each new -wal is begun knowingly."""
    create_file(folder.db, folder.home)
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        words = "x" * 500_000

        async def puts() -> None:
            for n in range(10):
                await store.put_in_flight(InFlightRecord(work_item_id=f"A-{n}", branch=words))
                assert folder.wal().stat().st_size < LONGEST_WAL + 1_000_000

        asyncio.run(puts())
    [beside, _] = Marks(folder.db, folder.home).written()
    assert beside.latest > 1


def test_a_copy_under_the_wal_of_the_former_file_is_refused(folder: Folder) -> None:
    """SQLite would play the -wal over it, and the restore would be undone; both are left as they are."""
    folder.killed_after("A-1", "copy", "A-2")
    shutil.copy(folder.path / "copy.db", folder.db)
    assert "beside the factory.db-wal of the former one" in folder.refusal()


def test_an_older_file_under_a_newer_wal_is_refused(folder: Folder) -> None:
    """Pages of two moments would be one file."""
    folder.stored("A-1")
    shutil.copy(folder.db, folder.path / "old.db")
    folder.stored("A-2")
    folder.killed_after("A-3")
    shutil.copy(folder.path / "old.db", folder.db)
    assert "belongs to generation 2" in folder.refusal()


def test_a_file_without_its_wal_is_refused(folder: Folder) -> None:
    """What was written last was in the -wal."""
    folder.killed_after("A-1")
    folder.wal().unlink()
    assert "or its factory.db-wal is missing" in folder.refusal()


def test_an_older_copy_is_refused(folder: Folder) -> None:
    folder.stored("A-1")
    shutil.copy(folder.db, folder.path / "old.db")
    folder.stored("A-2")
    shutil.copy(folder.path / "old.db", folder.db)
    assert ": of generation 1, and 2 was here" in folder.refusal()


def test_another_factorys_file_is_refused(folder: Folder, tmp_path: Path) -> None:
    folder.stored("A-1")
    other = Folder(tmp_path / "other")
    other.stored("B-1", "B-2")
    shutil.copy(other.db, folder.db)
    assert "another factory's" in folder.refusal()


@pytest.mark.parametrize("lost", ["beside the file", "with the runs"])
def test_one_mark_is_enough(folder: Folder, lost: str) -> None:
    """The store's own folder may come from a backup as a whole, or the folder of the runs be new."""
    folder.killed_after("A-1")
    folder.wal().unlink()
    shutil.rmtree(holders_of(folder.db) if lost == "beside the file" else folder.home)
    folder.home.mkdir(exist_ok=True)
    assert folder.refusal()


def test_a_file_that_is_gone_is_refused_where_a_factory_has_run(folder: Folder) -> None:
    folder.stored("A-1")
    folder.db.unlink()
    shutil.rmtree(holders_of(folder.db))
    with pytest.raises(StoreExchanged, match="gone"):
        Marks(folder.db, folder.home).refuse_gone()


def test_an_empty_file_beside_runs_is_refused(folder: Folder) -> None:
    """Without any mark, too: the runs were begun by somebody."""
    runs = folder.home / "fleet" / "acme" / "runs"
    create_file(folder.db, folder.home)
    Marks(folder.db, folder.home).refuse_empty(runs)
    (runs / "r1").mkdir(parents=True)
    with pytest.raises(StoreExchanged, match="empty"):
        Marks(folder.db, folder.home).refuse_empty(runs)
    folder.stored("A-1")
    Marks(folder.db, folder.home).refuse_empty(runs)


def test_a_damaged_file_is_not_an_empty_one(folder: Folder) -> None:
    """Nor does the start end in a fault of its own: damage hides what is on its page, and no more."""
    folder.stored("A-1")
    without_marks(folder)
    (folder.home / "runs" / "r1").mkdir(parents=True)
    with closing(sqlite3.connect(folder.db)) as connection:
        [(size,)] = connection.execute("PRAGMA page_size")
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'in_flight'").fetchall()
    with folder.db.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    Marks(folder.db, folder.home).refuse_empty(folder.home / "runs")


def moved(folder: Folder) -> None:
    """The whole folder, copied elsewhere."""
    new = folder.path.with_name("new")
    shutil.copytree(folder.path, new)
    shutil.rmtree(folder.path)
    new.rename(folder.path)


def brought_in(folder: Folder) -> None:
    """Somebody looked at it with another program, which brought the -wal into the file."""
    with closing(sqlite3.connect(folder.db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def without_marks(folder: Folder) -> None:
    shutil.rmtree(holders_of(folder.db))
    shutil.rmtree(folder.home)
    folder.home.mkdir()


def marks_of_before(folder: Folder) -> None:
    """The process died between its commit and its mark."""
    for mark in (holders_of(folder.db) / "store.json", next(folder.home.glob("store-*.json"))):
        mark.write_text(mark.read_text().replace('"main":0,"latest":1', '"main":-1,"latest":0'))


def vacuumed(folder: Folder) -> None:
    by_another_program(folder, "VACUUM")


def analyzed(folder: Folder) -> None:
    by_another_program(folder, "ANALYZE")


def by_another_program(folder: Folder, *statements: str, brought_in: bool = False, killed: bool = False) -> None:
    """A process of its own does this; `brought_in`: as a large VACUUM does, which copies the -wal into the file."""
    last = [*statements, *(["PRAGMA wal_checkpoint(PASSIVE)"] if brought_in else [])]
    program = (
        "import os, sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[3:]: connection.execute(statement).fetchall()\n"
        "if sys.argv[2]: os.kill(os.getpid(), 9)\n"
        "connection.close()"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(folder.db), "k" if killed else "", *last], check=False)
    assert ended.returncode == (-9 if killed else 0)


@pytest.mark.parametrize("change", [vacuumed, analyzed, moved, brought_in, without_marks, marks_of_before])
def test_what_is_whole_goes_on(folder: Folder, change: Callable[[Folder], None]) -> None:
    folder.killed_after("A-1", "A-2")
    change(folder)
    assert folder.stored() == ["A-1", "A-2"]


def test_deaths_before_each_mark_in_turn_are_no_exchange(folder: Folder) -> None:
    folder.stored("A-1")
    for name in ("A-2", "A-3", "A-4"):
        folder.killed_after("unmarked", name)
    assert folder.stored() == ["A-1", "A-2", "A-3", "A-4"]


def test_a_death_before_the_mark_of_a_newer_schema_is_no_exchange(folder: Folder) -> None:
    folder.stored("A-1")
    with closing(sqlite3.connect(folder.db)) as connection:
        connection.execute("CREATE TABLE newer (x)")
    folder.killed_after("unmarked", "A-2")
    assert folder.stored() == ["A-1", "A-2"]


def test_a_wal_is_one_generation_although_two_begin_it(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process stores something after this one has found no -wal."""
    create_file(folder.db, folder.home)
    asked = wal_size

    def late(path: Path) -> int:
        monkeypatch.setattr(sqlite_file, "wal_size", asked)
        size = asked(path)
        folder.killed_after("A-1")
        return size

    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        asyncio.run(store.get_in_flight("A-2"))
        monkeypatch.setattr(sqlite_file, "wal_size", late)
        asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-2")))
        assert folder.stored() == ["A-1", "A-2"]
    [beside, _] = Marks(folder.db, folder.home).written()
    assert (beside.main, beside.latest) == (0, 1)


def test_a_mark_that_cannot_follow_is_taken_away(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would speak against a store that went on without it."""
    folder.stored("A-1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(store_identity, "_write", full)
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        for name in ("A-2", "A-3"):
            brought_in(folder)
            asyncio.run(store.put_in_flight(InFlightRecord(work_item_id=name)))
        assert folder.stored() == ["A-1", "A-2", "A-3"]


def test_a_store_of_an_older_release_goes_on(folder: Folder) -> None:
    """It has no identity until this release starts on it."""
    folder.stored("A-1")
    without_marks(folder)
    with closing(sqlite3.connect(folder.db)) as connection, connection:
        connection.execute("DROP TABLE factory_store")
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        assert asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-2"))).version == 1
    assert folder.stored() == ["A-1", "A-2"]
    assert main_of(folder.db).store


def renamed(folder: Folder, old: Path) -> None:
    folder.db.rename(folder.path / "away.db")
    shutil.copy(old, folder.db)


def written_over(folder: Folder, old: Path) -> None:
    folder.db.write_bytes(old.read_bytes())


@pytest.mark.parametrize("exchange", [renamed, written_over])
def test_a_file_exchanged_under_a_running_factory_is_refused(
    folder: Folder, exchange: Callable[[Folder, Path], None]
) -> None:
    """Neither read nor written from then on, and not even the last close plays the -wal over it."""
    folder.stored("A-1")
    old = folder.path / "old.db"
    shutil.copy(folder.db, old)
    folder.stored("A-2")
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        saved = asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-3")))
        exchange(folder, old)
        time.sleep(2 * LOOK)
        for _ in range(2):
            with pytest.raises(StoreExchanged):
                asyncio.run(store.get_in_flight("A-3"))
            with pytest.raises(StoreExchanged):
                asyncio.run(store.put_in_flight(saved))
    assert folder.db.read_bytes() == old.read_bytes()


@pytest.mark.parametrize("brought_in", [False, True], ids=["in the -wal", "brought in"])
@pytest.mark.parametrize("statement", ["VACUUM", "ANALYZE", "CREATE INDEX own ON in_flight (version)"])
@pytest.mark.parametrize("before", [(), ("A-2",)], ids=["no -wal", "its own -wal"])
def test_another_program_may_write_to_the_store_while_the_factory_runs(
    folder: Folder, before: tuple[str, ...], statement: str, brought_in: bool
) -> None:
    """The factory goes on, its -wal stays where it is, and from then on it is missed again when it is gone."""
    folder.stored("A-1")
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)

        def put(*names: str) -> None:
            for name in names:
                asyncio.run(store.put_in_flight(InFlightRecord(work_item_id=name)))
            time.sleep(2 * LOOK)

        asyncio.run(store.get_batch())
        put(*before)
        by_another_program(folder, statement, brought_in=brought_in)
        put("B-1", "B-2")
        by_another_program(folder, "SELECT 1 FROM in_flight")
        put("B-3")
        copy = folder.path.with_name("killed")
        shutil.copytree(folder.path, copy)  # as a kill leaves it
        [beside, _] = Marks(folder.db, folder.home).written()
        assert beside.latest == beside.main + 1 and beside.cookie == main_of(folder.db).cookie
    expected = sorted(["A-1", *before, "B-1", "B-2", "B-3"])
    assert folder.stored() == expected
    shutil.rmtree(folder.path)
    shutil.copytree(copy, folder.path)
    assert folder.stored() == expected
    shutil.rmtree(folder.path)
    copy.rename(folder.path)
    folder.wal().unlink()
    assert "or its factory.db-wal is missing" in folder.refusal()


@pytest.mark.parametrize("brought_in", [False, True], ids=["in the -wal", "brought in"])
def test_a_write_that_follows_another_programs_at_once_is_no_exchange(
    folder: Folder, brought_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any look of a reader: each write looks for itself."""
    folder.stored("A-1")
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-2")))
        monkeypatch.setattr(sqlite_file, "LOOK", 3_600)
        asyncio.run(store.get_in_flight("A-2"))
        time.sleep(2 * LOOK)
        asyncio.run(store.get_in_flight("A-2"))
        by_another_program(folder, "VACUUM", brought_in=brought_in)
        for name in ("B-1", "B-2"):
            asyncio.run(store.put_in_flight(InFlightRecord(work_item_id=name)))
        copy = folder.path.with_name("killed")
        shutil.copytree(folder.path, copy)  # as a kill leaves it
    shutil.rmtree(folder.path)
    copy.rename(folder.path)
    assert folder.stored() == ["A-1", "A-2", "B-1", "B-2"]


@pytest.mark.parametrize("statement", ["VACUUM", "ANALYZE"])
def test_another_program_that_is_killed_beside_a_killed_factory_is_no_exchange(folder: Folder, statement: str) -> None:
    """Nobody was there to take note of it."""
    folder.killed_after("A-1", "A-2")
    by_another_program(folder, statement, brought_in=True, killed=True)
    assert wal_size(folder.db)
    assert folder.stored() == ["A-1", "A-2"]


def test_a_copy_is_refused_under_a_wal_that_another_program_wrote_to(folder: Folder) -> None:
    """What may explain another schema is the file's own history alone."""
    folder.killed_after("A-1", "copy", "A-2")
    by_another_program(folder, "ANALYZE", brought_in=True, killed=True)
    shutil.copy(folder.path / "copy.db", folder.db)
    assert "beside the factory.db-wal of the former one" in folder.refusal()
