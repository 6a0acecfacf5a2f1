"""Backup, restore, salvage: whole copies, refused where they cannot be, and nothing that was there is thrown away."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.local.presence import Presence
from adapters.local.sqlite_file import SqliteFile, create_file, damage_in
from adapters.local.store_copies import CannotRestore, Restored, backup, restore
from adapters.local.store_identity import StoreExchanged, holders_of, main_of
from adapters.record_sql import SCHEMA_VERSION
from adapters.sqlite_state_store import SqliteStateStore
from factory_core.dispatch.records import InFlightRecord

from .test_store_identity import NOW, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "p")


def backed_up(folder: Folder, name: str = "copy.db") -> Path:
    backup(folder.db, folder.home, folder.path / name, NOW)
    return folder.path / name


def restored(folder: Folder, copy: Path, after: timedelta = timedelta(0)) -> Restored:
    return restore(folder.db, folder.home, copy, NOW + after)


def test_a_backup_is_whole_while_others_write(folder: Folder) -> None:
    """What is still in the -wal is in it; it is one file, sound, and its owner's alone."""
    create_file(folder.db, folder.home)
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-1")))
        copy = backed_up(folder)
        asyncio.run(store.put_in_flight(InFlightRecord(work_item_id="A-2")))
    assert sorted(file.name for file in folder.path.iterdir()) == [
        ".factory",
        "copy.db",
        "factory.db",
        "factory.db.holders",
    ]
    assert (damage_in(copy, "integrity_check"), copy.stat().st_mode & 0o777) == ("", 0o600)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT work_item_id FROM in_flight").fetchall() == [("A-1",)]


def test_a_restore_keeps_what_was_there_and_says_what_is_repeated(folder: Folder) -> None:
    folder.stored("A-1", "A-2")
    copy = backed_up(folder)
    held = copy.read_bytes()
    folder.stored("A-3")
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        store = SqliteStateStore(file, "acme", lambda: NOW)
        record = asyncio.run(store.get_in_flight("A-2"))
        assert record
        asyncio.run(store.put_in_flight(record))
    done = restored(folder, copy)
    assert done == Restored(NOW.isoformat(), 2, folder.path / "factory.db.before-20261120-103000", ["A-3"], ["A-2"])
    assert folder.stored() == ["A-1", "A-2"]
    assert copy.read_bytes() == held
    assert done.kept
    back = restored(folder, done.kept, timedelta(seconds=1))
    assert (back.records, folder.stored()) == (3, ["A-1", "A-2", "A-3"])


def test_a_restore_over_a_killed_factory_sets_its_wal_aside(folder: Folder) -> None:
    """The -wal of the former file is never played over the copy."""
    folder.stored("A-1")
    copy = backed_up(folder)
    folder.killed_after("A-2")
    restored(folder, copy)
    assert folder.stored() == ["A-1"]


def test_what_was_refused_goes_on_as_the_fix_says(folder: Folder) -> None:
    """`factory restore factory.db` takes what lies there, whatever was put there and beside which -wal."""
    folder.killed_after("A-1", "copy", "A-2")
    shutil.copy(folder.path / "copy.db", folder.db)
    with pytest.raises(StoreExchanged) as refused:
        folder.stored()
    assert "factory restore" in refused.value.fix
    done = restored(folder, folder.db)
    assert (done.unknown, done.older) == (None, None)
    assert folder.stored("A-3") == ["A-1", "A-3"]
    assert done.kept and done.kept.with_name(f"{done.kept.name}-wal").exists()


@pytest.mark.parametrize("marks", ["of a later store", "gone"])
@pytest.mark.parametrize("where", ["in place", "elsewhere"])
def test_a_snapshot_is_restored_with_its_own_wal(folder: Folder, where: str, marks: str) -> None:
    """What a killed or running factory has written lies in its -wal, whose copy belongs to the file's."""
    folder.stored("A-1")
    folder.killed_after("A-2")
    snapshot = folder.path / "snapshot"
    snapshot.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(folder.wal(suffix), snapshot)
    folder.stored("A-3")
    folder.killed_after("A-4")
    source = snapshot / "factory.db"
    if where == "in place":
        for suffix in ("", "-wal"):
            shutil.copy(snapshot / f"factory.db{suffix}", folder.wal(suffix))
        source = folder.db
    if marks == "gone":
        shutil.rmtree(holders_of(folder.db))
        next(folder.home.glob("store-*.json")).unlink()
    if (where, marks) != ("in place", "gone"):
        assert restored(folder, source).foreign is None
    assert folder.stored() == ["A-1", "A-2"]


@pytest.mark.parametrize("where", ["in place", "elsewhere"])
@pytest.mark.parametrize("file", ["old.db", "copy.db"])
def test_the_wal_of_another_file_is_left_out_of_a_restore(folder: Folder, file: str, where: str) -> None:
    """An older file that was closed, or a copy that SQLite made, under the -wal of a killed factory."""
    folder.stored("A-1")
    shutil.copy(folder.db, folder.path / "old.db")
    folder.stored("A-2")
    folder.killed_after("A-3", "copy", "A-4")
    expected = ["A-1"] if file == "old.db" else ["A-1", "A-2", "A-3"]
    source, wal = folder.db, folder.wal()
    if where == "elsewhere":
        source, wal = folder.path / file, folder.path / f"{file}-wal"
        shutil.copy(folder.wal(), wal)
    else:
        shutil.copy(folder.path / file, folder.db)
    held = wal.read_bytes()
    done = restored(folder, source)
    assert (done.foreign, done.records) == (wal, len(expected))
    assert folder.stored() == expected
    kept = done.kept.with_name(f"{done.kept.name}-wal") if done.kept and where == "in place" else wal
    assert kept.read_bytes() == held


def test_restores_at_one_moment_keep_all_that_was_there(folder: Folder) -> None:
    """The clock may have been set back, too."""
    folder.stored("A-1")
    copy = backed_up(folder)
    folder.stored("A-2")
    kept = [restored(folder, copy).kept for _ in range(2)]
    assert None not in kept
    assert len(set(kept)) == 2
    folder.stored()
    assert restored(folder, kept[0] or copy).records == 2


def test_a_copy_from_before_an_update_is_restored(folder: Folder) -> None:
    """The store had no id then, and gets one when this release starts on it."""
    folder.stored("A-1")
    shutil.rmtree(holders_of(folder.db))
    shutil.rmtree(folder.home)
    folder.home.mkdir()
    with closing(sqlite3.connect(folder.db)) as connection, connection:
        connection.execute("DROP TABLE factory_store")
    copy = backed_up(folder)
    folder.stored("A-2")
    restored(folder, copy)
    assert folder.stored() == ["A-1"]
    assert main_of(folder.db).store


def test_a_backup_cannot_be_used_as_it_is(folder: Folder) -> None:
    folder.stored("A-1")
    shutil.copy(backed_up(folder), folder.db)
    assert "only `factory restore` puts in place" in folder.refusal()


def test_a_backup_begins_a_factory_where_there_was_none(folder: Folder, tmp_path: Path) -> None:
    """A new machine."""
    folder.stored("A-1")
    new = Folder(tmp_path / "new")
    assert restore(new.db, new.home, backed_up(folder), NOW).kept is None
    assert new.stored() == ["A-1"]


def no_database(copy: Path, folder: Folder) -> None:
    copy.write_bytes(b"This is not a database. " * 999)


def somebody_elses(copy: Path, folder: Folder) -> None:
    copy.unlink()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE photos (id)")


def from_the_future(copy: Path, folder: Folder) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE factory_schema SET version = ?", (SCHEMA_VERSION + 1,))


def damaged(copy: Path, folder: Folder) -> None:
    held = bytearray(copy.read_bytes())
    held[-4096:] = b"\x07" * 4096
    copy.write_bytes(held)


def another_factorys(copy: Path, folder: Folder) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE factory_store SET id = 'another'")


def missing(copy: Path, folder: Folder) -> None:
    copy.unlink()


def sound_itself(copy: Path, folder: Folder) -> None:
    copy.unlink()
    copy.symlink_to(folder.db)


@pytest.mark.parametrize(
    "change", [no_database, somebody_elses, from_the_future, damaged, another_factorys, missing, sound_itself]
)
def test_what_cannot_be_restored_changes_nothing(folder: Folder, change: Callable[[Path, Folder], None]) -> None:
    folder.stored("A-1")
    copy = backed_up(folder)
    folder.stored("A-2")
    change(copy, folder)
    with pytest.raises(CannotRestore):
        restored(folder, copy)
    assert folder.stored() == ["A-1", "A-2"]
    assert sorted(file.name for file in folder.path.glob("*factory.db*")) == ["factory.db", "factory.db.holders"]


def test_nothing_is_restored_under_a_running_factory(folder: Folder) -> None:
    folder.stored("A-1")
    copy = backed_up(folder)
    with closing(Presence(holders_of(folder.db))), pytest.raises(CannotRestore, match="not restored") as refused:
        restored(folder, copy)
    assert "a factory runs on factory.db" in refused.value.why
    assert restored(folder, copy).records == 1


def test_a_backup_overwrites_nothing(folder: Folder) -> None:
    folder.stored("A-1")
    for taken in (folder.db, backed_up(folder)):
        with pytest.raises(CannotRestore, match="cannot be written"):
            backup(folder.db, folder.home, taken, NOW)
