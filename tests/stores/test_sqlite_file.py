"""What SqliteStateStore promises beyond the port: group commit, several processes, files that are not as they were."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from adapters.stores.record_sql import SCHEMA_VERSION, Statement
from adapters.stores.sqlite.sqlite_file import LOOK, SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import StoreUnavailable, VersionConflict

T = TypeVar("T")
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]

PROCESS = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import StoreUnavailable, VersionConflict

path = Path(sys.argv[1])
file = SqliteFile(path)
store = SqliteStateStore(file, "acme", lambda: datetime.now(UTC))

async def add_one():
    while True:
        record = await store.get_in_flight("A-1") or InFlightRecord(work_item_id="A-1")
        try:
            return await store.put_in_flight(record.but(attempt=record.attempt + 1))
        except VersionConflict:
            pass
"""


def spawn(path: Path, program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS + program, str(path)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def output_of(path: Path, program: str) -> str:
    with spawn(path, program) as process:
        return process.communicate(timeout=300)[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_file(tmp_path / "factory.db")
    return tmp_path / "factory.db"


@pytest.fixture
def file(path: Path) -> Iterator[SqliteFile]:
    file = SqliteFile(path, patience=0.2)
    yield file
    file.close()


@pytest.fixture
def store(file: SqliteFile) -> SqliteStateStore:
    return SqliteStateStore(file, "acme", lambda: NOW)


def a_record(work_item_id: str = "A-1", **changes: object) -> InFlightRecord:
    return InFlightRecord(work_item_id=work_item_id).but(**changes)


def problem_of(calling: Callable[[], Awaitable[object]]) -> StoreUnavailable:
    async def call() -> None:
        await calling()

    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(call())
    return caught.value


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2)])
def test_a_commit_is_on_the_disk(file: SqliteFile, pragma: str, value: object) -> None:
    """Every commit is synced (FULL is 2) to the write-ahead log, beside which other processes can read."""
    assert asyncio.run(file.read(Statement(f"PRAGMA {pragma}"))) == [(value,)]


def test_one_tick_is_one_commit(file: SqliteFile, store: SqliteStateStore) -> None:
    """32 puts of two tenants that one tick brings share a transaction; one after the other they have one each."""
    other = SqliteStateStore(file, "other", lambda: NOW)

    async def puts() -> None:
        await asyncio.gather(*((store, other)[n % 2].put_in_flight(a_record(f"A-{n}")) for n in range(32)))
        assert file.commits == 1
        for n in range(3):
            await store.put_in_flight(a_record(f"B-{n}"), batch=Batch(version=n))
        assert file.commits == 4

    asyncio.run(puts())


def test_a_loser_does_not_disturb_its_group(file: SqliteFile, store: SqliteStateStore) -> None:
    """In one transaction each put is stored wholly or not at all, and each caller hears its own outcome."""

    async def puts() -> tuple[InFlightRecord | BaseException, ...]:
        return await asyncio.gather(
            store.put_in_flight(a_record("A-1"), batch=Batch()),
            store.put_in_flight(a_record("A-2"), batch=Batch()),
            store.put_in_flight(a_record("A-1", attempt=9)),
            store.put_in_flight(a_record("A-3")),
            return_exceptions=True,
        )

    answers = asyncio.run(puts())
    assert [type(answer) for answer in answers] == [InFlightRecord, VersionConflict, VersionConflict, InFlightRecord]
    assert file.commits == 1
    assert asyncio.run(ids_of(store)) == ["A-1", "A-3"]


async def ids_of(store: SqliteStateStore) -> list[str]:
    return sorted([record.work_item_id async for record in store.list_in_flight()])


def test_a_put_that_nobody_waits_for_stores_nothing(file: SqliteFile, store: SqliteStateStore) -> None:
    """A put that is cancelled before its commit is left out of it, and holds nobody up."""

    async def puts() -> None:
        cancelled = asyncio.create_task(store.put_in_flight(a_record("A-1")))
        other = asyncio.create_task(store.put_in_flight(a_record("A-2")))
        await asyncio.sleep(0)
        cancelled.cancel()
        await other

    asyncio.run(puts())
    assert asyncio.run(ids_of(store)) == ["A-2"]


def test_two_processes_lose_no_update(path: Path, store: SqliteStateStore) -> None:
    """Two processes that add one 200 times each, from 8 tasks at a time, add 400."""
    program = """
async def main():
    for _ in range(25):
        await asyncio.gather(*(add_one() for _ in range(8)))
asyncio.run(main())
"""
    first, second = spawn(path, program), spawn(path, program)
    with first, second:
        assert (first.communicate(timeout=300)[0], second.communicate(timeout=300)[0]) == ("", "")
    record = asyncio.run(store.get_in_flight("A-1"))
    assert record is not None
    assert (record.attempt, record.version) == (400, 400)


def test_two_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    """Whoever is first makes it; both go on with one and the same."""
    program = "create_file(path); print(asyncio.run(add_one()).work_item_id)"
    processes = [spawn(tmp_path / "new.db", program) for _ in range(4)]
    answers = []
    for process in processes:
        with process:
            answers.append(process.communicate(timeout=300)[0])
    assert answers == ["A-1\n"] * 4


def test_what_was_acknowledged_survives_kill_9(path: Path, store: SqliteStateStore) -> None:
    """A process killed in the midst of writing leaves a sound file with everything that it was told is stored."""
    program = """
async def main():
    while True:
        print((await add_one()).version, flush=True)
asyncio.run(main())
"""
    with spawn(path, program) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(100)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    record = asyncio.run(store.get_in_flight("A-1"))
    assert record is not None
    assert acknowledged[-1] <= record.version <= acknowledged[-1] + 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_foreign_lock_is_waited_for_within_bounds(path: Path, file: SqliteFile, store: SqliteStateStore) -> None:
    """While another holds the lock, reads and the loop go on and a put fails in time; afterwards all is well."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.005)

    async def meet_a_lock() -> None:
        heart = asyncio.create_task(beat())
        saved = await store.put_in_flight(a_record())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            start = time.monotonic()
            put = asyncio.create_task(store.put_in_flight(saved))
            assert await store.get_in_flight("A-1") == saved
            with pytest.raises(StoreUnavailable) as caught:
                await put
            assert file.patience <= time.monotonic() - start
            assert "locked" in caught.value.why
            late = asyncio.create_task(store.put_in_flight(saved))
            await asyncio.sleep(0.02)
            other.execute("ROLLBACK")
            assert (await late).version == 2
        heart.cancel()

    asyncio.run(meet_a_lock())
    assert beats > 15


def test_a_file_that_was_never_made_is_unavailable(tmp_path: Path) -> None:
    """No file: StoreUnavailable, and none is made by asking."""
    file = SqliteFile(tmp_path / "factory.db")
    problem = problem_of(SqliteStateStore(file, "acme", lambda: NOW).get_batch)
    assert "put" in problem.fix
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanished_is_unavailable_until_it_is_back(path: Path, store: SqliteStateStore) -> None:
    """Neither reads nor writes go to a file that was moved away; put back, it holds what it held."""
    saved = asyncio.run(store.put_in_flight(a_record()))
    path.rename(path.with_name("elsewhere"))
    time.sleep(2 * LOOK)
    problem_of(lambda: store.get_in_flight("A-1"))
    problem_of(lambda: store.put_in_flight(saved))
    path.with_name("elsewhere").rename(path)
    assert asyncio.run(store.get_in_flight("A-1")) == saved


def garbage(path: Path) -> None:
    path.write_bytes(b"This is not a database. " * 999)


def directory(path: Path) -> None:
    path.mkdir()


def nothing_in_it(path: Path) -> None:
    path.touch()


def somebody_elses(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (id)")


def from_the_future(path: Path) -> None:
    create_file(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE factory_schema SET version = ?", (SCHEMA_VERSION + 1,))


def cut_short(path: Path) -> None:
    create_file(path)
    os.truncate(path, 5_000)


@pytest.mark.parametrize("make", [garbage, directory, nothing_in_it, somebody_elses, from_the_future, cut_short])
def test_what_is_no_store_is_unavailable(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Garbage, a directory, an empty or foreign database, another schema, half a file: never an empty answer."""
    path = tmp_path / "factory.db"
    make(path)
    file = SqliteFile(path)
    store = SqliteStateStore(file, "acme", lambda: NOW)
    for call in (lambda: store.get_in_flight("A-1"), lambda: store.put_in_flight(a_record()), file.ping):
        assert str(path) in problem_of(call).what


@pytest.mark.parametrize("make", [garbage, directory, somebody_elses, from_the_future, cut_short])
def test_what_is_no_store_is_not_made_one(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """create_file() refuses to write over what it does not know."""
    path = tmp_path / "factory.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreUnavailable):
        create_file(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_file_made_twice_keeps_what_it_holds(path: Path, store: SqliteStateStore) -> None:
    """create_file() on a store changes nothing; only its owner may read the file."""
    saved = asyncio.run(store.put_in_flight(a_record()))
    create_file(path)
    assert asyncio.run(store.get_in_flight("A-1")) == saved
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_full_is_unavailable_and_heals(path: Path) -> None:
    """A write that the disk refuses is not acknowledged; reads go on, and when there is room so do writes."""
    program = """
import resource
async def main():
    saved = await add_one()
    room = os.path.getsize(f"{path}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        await store.put_in_flight(saved)
    except StoreUnavailable as problem:
        print(problem.fix.split("`")[1].split()[0])
    assert await store.get_in_flight("A-1") == saved
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print((await store.put_in_flight(saved)).version)
asyncio.run(main())
"""
    assert output_of(path, program) == "df\n2\n"


def test_a_file_that_may_not_be_written_is_unavailable() -> None:
    """Without the right to write, puts and the health check raise StoreUnavailable and name the right."""
    program = """
if os.geteuid() == 0:
    os.seteuid(65534)  # root may write everything
async def main():
    for call in (lambda: store.put_in_flight(InFlightRecord(work_item_id="A-1")), file.ping):
        try:
            await call()
        except StoreUnavailable as problem:
            print("the right to write" in problem.fix)
asyncio.run(main())
"""
    with TemporaryDirectory() as place:  # tmp_path is closed to other users
        path = Path(place) / "factory.db"
        create_file(path)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        assert output_of(path, program) == "True\nTrue\n"
        path.parent.chmod(0o755)


def test_ping_measures_a_real_write(file: SqliteFile, store: SqliteStateStore) -> None:
    """The health check writes, says how many milliseconds it took, and changes nothing."""
    saved = asyncio.run(store.put_in_flight(a_record()))
    assert 0 < asyncio.run(file.ping()) < 10_000
    assert file.commits == 2
    assert asyncio.run(store.get_in_flight("A-1")) == saved
