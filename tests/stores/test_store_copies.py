"""Backup, restore, salvage: whole copies, refused where they cannot be, and nothing that was there is thrown away."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.fleets.local_engines.run_files import RunFiles
from adapters.local import store_copies
from adapters.local.presence import Presence
from adapters.local.store_copies import CannotRestore, Restored, backup, restore
from adapters.stores.record_sql import SCHEMA_VERSION
from adapters.stores.sqlite import store_identity
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file, damage_in
from adapters.stores.sqlite.state_store import SqliteStateStore
from adapters.stores.sqlite.store_identity import StoreExchanged, behind_link, holders_of, main_of
from factory_core.dispatch.effects import ReadItem
from factory_core.dispatch.records import InFlightRecord, State

from ..fleets.fleet_stand import order
from .test_store_identity import NOW, ROOT, Folder


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


def test_what_is_planned_after_a_restore_has_keys_of_its_own(folder: Folder) -> None:
    """What was done since the backup was done under the next keys; what was planned in it keeps its key."""

    def key_of_the_newest(record: InFlightRecord) -> str:
        return record.plan([ReadItem()]).outbox[-1].key

    create_file(folder.db, folder.home)
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        begun = InFlightRecord(work_item_id="A-1", state=State.TRIAGING).born_at(NOW).plan([ReadItem()])
        before = asyncio.run(SqliteStateStore(file, "acme", lambda: NOW).put_in_flight(begun))
        copy = backed_up(folder)
    restored(folder, copy, timedelta(days=1))
    with closing(SqliteFile(folder.db, home=folder.home)) as file:
        after = asyncio.run(SqliteStateStore(file, "acme", lambda: NOW).get_in_flight("A-1"))
    assert after and after.outbox == before.outbox and after.version == before.version
    assert key_of_the_newest(after) != key_of_the_newest(before)
    assert after.but(born=before.born, handled=()) == before


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


def test_a_store_that_lost_its_wal_is_put_in_place_with_a_word_on_whose_runs_lie_here(folder: Folder) -> None:
    """What it knew cannot be read any more; the runs say of which tickets."""
    folder.stored("A-1")
    folder.killed_after("A-2")
    folder.wal().unlink()
    for item in ("A-1", "A-2"):
        about = order(folder.path / "bare.git", run_id=f"{item}-1", work_item_id=item, key=f"{item} by its key")
        RunFiles(folder.home / "fleet" / "acme" / "runs" / item).save_order(about)
    (folder.home / "fleet" / "acme" / "runs" / "without files").mkdir()
    done = restored(folder, folder.db)
    assert (done.unknown, done.unknown_by_runs) == (None, ("A-2 by its key",))


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


PROGRAM = """
import os, resource, signal, sys
from datetime import datetime
from pathlib import Path
from adapters.local import store_copies
from factory_core.errors import Problem

path, home, source, how, where = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5]
if where == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[6]), resource.RLIM_INFINITY))
elif where:
    real = getattr(store_copies, where)
    def killed(*arguments, **named):
        real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(store_copies, where, killed)
now = datetime.fromisoformat("2026-11-20T10:30:00+00:00")
try:
    if how == "restore":
        store_copies.restore(path, home, source, now)
    elif how == "backup":
        store_copies.backup(path, home, source, now)
    else:
        import asyncio
        from adapters.local.salvage import salvage
        asyncio.run(salvage(path, home, source, now))
except Problem as problem:
    print(problem.code, problem.what, problem.why, problem.fix)
    sys.exit(1)
"""


def played(folder: Folder, how: str, file: Path, where: str = "", limit: int = 0) -> tuple[int, str]:
    """A process of its own does it: killed after it has called `where`, or unable to write beyond `limit` bytes."""
    words = [sys.executable, "-c", PROGRAM, str(folder.db), str(folder.home), str(file), how, where, str(limit)]
    ended = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr


def files_of(folder: Folder) -> set[str]:
    return {file.name for file in folder.path.iterdir() if not file.name.endswith("-shm")}


@pytest.mark.parametrize("copy", ["of this release", "of an older release"])
@pytest.mark.parametrize("where", ["_take_wal", "_adopted", "_keep", "_set_aside", "_put"])
def test_a_restore_that_is_killed_is_repeated(folder: Folder, where: str, copy: str) -> None:
    """Wherever it was: nothing begins on half of it, and what was there is kept whole, with its -wal."""
    folder.stored("A-1")
    source = backed_up(folder)
    if copy == "of an older release":
        with closing(sqlite3.connect(source)) as connection, connection:
            connection.execute("DROP TABLE factory_store")
    folder.stored("A-2")
    folder.killed_after("A-3")
    assert played(folder, "restore", source, where)[0] == -9
    if where == "_put":
        assert folder.stored() == ["A-1"]
    assert played(folder, "restore", source)[0] == 0
    assert folder.stored("A-4") == ["A-1", "A-4"]
    assert not [name for name in files_of(folder) if name.startswith(".factory.db")]
    kept = [path for path in folder.path.glob("factory.db.before-*") if not path.name.endswith(("-wal", "-shm"))]
    assert ["A-1", "A-2", "A-3"] in [restored_elsewhere(path, folder) for path in kept]


def restored_elsewhere(kept: Path, folder: Folder) -> list[str]:
    other = Folder(folder.path.parent / f"other-{len(list(folder.path.parent.iterdir()))}")
    restore(other.db, other.home, kept, NOW)
    return other.stored()


@pytest.mark.parametrize("how", ["backup", "salvage"])
def test_a_copy_that_is_killed_is_repeated(folder: Folder, how: str) -> None:
    folder.stored("A-1")
    copy = folder.path / "copy.db"
    assert played(folder, how, copy, "_put" if how == "salvage" else "damage_in")[0] == -9
    copy.unlink(missing_ok=True)
    assert played(folder, how, copy)[0] == 0
    assert {name for name in files_of(folder) if "copy" in name} == {"copy.db"}
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("limit", [0, 4096, 50_000])
@pytest.mark.parametrize("how", ["backup", "restore", "salvage"])
def test_a_full_disk_costs_nothing_but_the_copy(folder: Folder, how: str, limit: int) -> None:
    """It is said that there is no room for the copy, not that the store is at fault; nothing of it is left."""
    folder.stored(*(f"A-{n}" for n in range(99)))
    source = backed_up(folder) if how == "restore" else folder.path / "copy.db"
    folder.killed_after("A-99")
    before = files_of(folder)
    code, said = played(folder, how, source, "full", limit)
    assert (code, said.startswith("E-RESTORE")) == (1, True), said
    assert "df -h" in said
    assert files_of(folder) == before
    assert len(folder.stored()) == 100


def test_a_store_behind_a_link_is_one_store(folder: Folder, tmp_path: Path) -> None:
    """Its -wal lies where the link leads to; a restore replaces what is there, not the link."""
    link = tmp_path / "link.db"
    link.symlink_to(folder.db)
    assert behind_link(link) == folder.db
    folder.stored("A-1")
    copy = backed_up(folder)
    folder.killed_after("A-2")
    (alias := tmp_path / "copy-link.db").symlink_to(copy)
    restore(behind_link(link), folder.home, alias, NOW)
    assert (folder.stored(), link.is_symlink()) == (["A-1"], True)


def test_one_restore_at_a_time(folder: Folder) -> None:
    folder.stored("A-1")
    copy = backed_up(folder)
    with store_copies._unfinished(folder.db, "A first restore failed."):
        assert "another process is about to" in played(folder, "restore", copy)[1]
    assert restored(folder, copy).records == 1


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_no_backup_takes_the_name_of_a_part_of_the_store(folder: Folder, suffix: str) -> None:
    folder.stored("A-1")
    with pytest.raises(CannotRestore, match="cannot be written"):
        backup(folder.db, folder.home, folder.path / f"factory.db{suffix}", NOW)


def test_a_store_of_another_user_is_not_replaced(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by root for the user of the service, which could not read what root writes."""
    folder.stored("A-1")
    copy = backed_up(folder)
    monkeypatch.setattr("os.geteuid", lambda: folder.db.stat().st_uid + 1)
    with pytest.raises(CannotRestore) as refused:
        restored(folder, copy)
    assert f"sudo -u '#{folder.db.stat().st_uid}'" in refused.value.fix


def test_a_restore_without_its_mark_is_done(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full right then: a store that is newer than its marks is accepted."""
    folder.stored("A-1")
    copy = backed_up(folder)
    folder.stored("A-2")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(store_identity, "_write", full)
    assert restored(folder, copy).records == 1
    monkeypatch.undo()
    assert folder.stored() == ["A-1"]
