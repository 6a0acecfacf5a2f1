"""Run files have the store's care: a damaged one costs its own run, and what cannot be written is tried again."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleet_stand import code_host, fleet, order, run_all, until

from adapters.fleets.local_engines.engine import Seen
from adapters.fleets.local_engines.run_files import RunFiles, directory_name
from adapters.fleets.worker_queue.claim_store import ClaimStore
from adapters.stores import durable_files
from adapters.stores.durable_files import put_aside, read_model, write_whole
from factory_core.errors import Retryable
from factory_core.runs.run import RunReport, RunStatus, Usage

WHEN = datetime(2026, 12, 1, tzinfo=UTC)


def a_directory(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "zeros": lambda path: path.write_bytes(b"\0" * 512),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x80"),
    "another shape": lambda path: path.write_text('["run"]'),
    "deep": lambda path: path.write_text("[" * 60_000),
    "a directory": a_directory,
    "a pipe": a_pipe,
    "a loop": a_loop,
}


def ended_run(home: Path, key: str) -> RunFiles:
    """A run that succeeded, and that nobody has reported yet."""
    one = order(home, run_id=f"{key}:1", work_item_id=key, branch=f"factory/{key}")
    run = RunFiles(home / "runs" / directory_name(one.run_id))
    report = RunReport(run_id=one.run_id, work_item_id=key, status=RunStatus.RUNNING, started_at=WHEN)
    run.save_order(one)
    run.save_progress(report)
    run.save_result(report.model_copy(update={"status": RunStatus.SUCCEEDED, "ended_at": WHEN}))
    return run


def adopted(home: Path, count: int) -> dict[str, RunStatus]:
    """What a server that is started now reports."""

    async def play() -> dict[str, RunStatus]:
        made, reports = fleet(home)
        await made.adopt()
        await until(lambda: len(reports) >= count, 10)
        await made.close()
        return {report.work_item_id: report.status for report in reports}

    return asyncio.run(play())


@pytest.mark.parametrize("damage", sorted(DAMAGE))
@pytest.mark.parametrize(
    ("name", "status"),
    [("order", RunStatus.SUCCEEDED), ("progress", RunStatus.SUCCEEDED), ("result", RunStatus.LOST)],
)
def test_a_damaged_file_costs_its_own_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, status: RunStatus, damage: str
) -> None:
    """It is put aside and logged once with its path; that run ends as well as can be known, and all others go on."""
    (run, _) = (ended_run(tmp_path, key) for key in ("A-1", "B-1"))
    file = run.path / f"{name}.json"
    DAMAGE[damage](file)
    with caplog.at_level(logging.WARNING):
        assert adopted(tmp_path, 2) == {"A-1": status, "B-1": RunStatus.SUCCEEDED}
        asyncio.run(fleet(tmp_path)[0].look("A-1:1"))
    assert [record.getMessage().split(" is damaged")[0] for record in caplog.records] == [str(file)]
    assert os.path.lexists(run.path / f"{name}.json.damaged")
    assert adopted(tmp_path, 0) == {}


def test_a_run_whose_files_are_all_damaged_is_passed_over(tmp_path: Path) -> None:
    """Nothing can be said of it, so nothing is; its directory goes when it is old."""
    run, _ = ended_run(tmp_path, "A-1"), ended_run(tmp_path, "B-1")
    for name in ("order", "progress", "result"):
        (run.path / f"{name}.json").write_bytes(b"")
    assert adopted(tmp_path, 1) == {"B-1": RunStatus.SUCCEEDED}

    async def forgotten(days: int) -> bool:
        made, _ = fleet(tmp_path, clock=lambda: datetime.now(UTC) + timedelta(days=days))
        await made.forget_old(timedelta(days=14))
        return not run.path.exists()

    assert [asyncio.run(forgotten(days)) for days in (1, 15)] == [False, True]


def test_a_power_cut_in_a_first_run_leaves_a_lost_run(tmp_path: Path) -> None:
    """The supervisor is dead and its heartbeat has no bytes: the run had begun, so it is reported, and once."""
    run = ended_run(tmp_path, "A-1")
    (run.path / "result.json").unlink()
    (run.path / "progress.json").write_bytes(b"")
    assert adopted(tmp_path, 1) == {"A-1": RunStatus.LOST}
    assert adopted(tmp_path, 0) == {}


def test_a_heartbeat_that_is_damaged_while_the_run_goes_on_is_written_again(tmp_path: Path) -> None:
    """The run is not taken for lost: its supervisor holds the lock."""

    async def play() -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(code_host(tmp_path), task="console: sleep 1.5"))
        (path,) = (tmp_path / "home/runs").iterdir()
        await until((path / "output.jsonl").exists)
        (path / "progress.json").write_bytes(b"")
        looked = await made.look("ACME-142:1")
        assert looked and looked.status is RunStatus.STARTING
        await until(lambda: reports)
        await made.close()
        return reports

    assert [report.status for report in asyncio.run(play())] == [RunStatus.SUCCEEDED]


def test_what_the_last_run_saw_is_not_needed(tmp_path: Path) -> None:
    """A damaged seen.json costs only what is known of the session's earlier cost."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    run_all(home, order(bare))
    (path,) = (home / "runs").iterdir()
    (path / "seen.json").write_bytes(b"\0")
    again = order(bare, run_id="ACME-142:2", previous_run="ACME-142:1", resume="s")
    assert run_all(home, again)[0].status is RunStatus.SUCCEEDED
    assert RunFiles(path).seen() == Seen()


def test_too_many_open_files_are_a_moment_not_a_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read just now stays where it is, and the end of its run is reported later."""
    ended_run(tmp_path, "A-1")

    def none_left(path: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files", path)

    async def play() -> None:
        made, reports = fleet(tmp_path)
        await made.adopt()
        with monkeypatch.context() as patched:
            patched.setattr(durable_files, "without_waiting", none_left)
            with pytest.raises(Retryable, match="cannot be read"):
                await made.look("A-1:1")
            await asyncio.sleep(0.2)
            assert reports == []
        await until(lambda: reports, 10)
        await made.close()

    asyncio.run(play())
    assert not list((tmp_path / "runs").rglob("*.damaged"))


def test_a_full_disk_starts_nothing_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start says what cannot be written and why; when there is room, the same start begins the run."""
    one = order(code_host(tmp_path))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def play() -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(Retryable, match="cannot be written") as raised:
                await made.start(one)
            assert raised.value.why == "No space left on device"
            with pytest.raises(Retryable):
                made.fence(one.run_id, 1e9)
        await made.start(one)
        await until(lambda: reports)
        await made.close()
        return reports

    assert [report.status for report in asyncio.run(play())] == [RunStatus.SUCCEEDED]


def test_an_end_that_cannot_be_noted_is_reported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note of the report is not written: the follower lives on, and tries again until it is."""
    ended_run(tmp_path, "A-1")
    failing = [OSError(errno.EROFS, "Read-only file system")]

    def save(self: RunFiles) -> None:
        if failing:
            raise failing.pop()
        write_whole(self.path / "reported", "")

    async def play() -> int:
        made, reports = fleet(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(RunFiles, "save_reported", save)
            await made.adopt()
            await until(lambda: len(reports) == 2, 10)
            await until(lambda: RunFiles(tmp_path / "runs" / directory_name("A-1:1")).reported)
        await made.close()
        return len(reports)

    assert asyncio.run(play()) == 2


def test_a_run_whose_directory_is_removed_ends(tmp_path: Path) -> None:
    """Nobody could be told of it, and nobody could stop it."""

    async def play() -> None:
        made, _ = fleet(tmp_path / "home")
        await made.start(order(code_host(tmp_path), task="console: hang"))
        (path,) = (tmp_path / "home/runs").iterdir()
        await until((path / "output.jsonl").exists)
        await until(lambda: removed(path))
        await until(lambda: not running(path))
        await made.close()

    asyncio.run(play())


def removed(path: Path) -> bool:
    """The run may write into it once more meanwhile."""
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def running(path: Path) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(path).encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def test_a_file_is_whole_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves what was there, whatever the writer was doing."""
    path = tmp_path / "x.json"
    write_whole(path, Usage(turns=1).model_dump_json())
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(OSError, match="I/O"):
            write_whole(path, '{"turns":')
    assert read_model(path, Usage) == Usage(turns=1)


@pytest.mark.parametrize("name", ["result.json", "lock", "stop", "reported", "seen.json", "fence"])
def test_a_directory_where_a_file_should_be_holds_nobody(tmp_path: Path, name: str) -> None:
    """A lost run of which it is so is reported, or has been; nobody waits for it for ever."""
    run, _ = ended_run(tmp_path, "A-1"), ended_run(tmp_path, "B-1")
    (run.path / "result.json").unlink()
    (run.path / name).mkdir()
    expected = {"B-1": RunStatus.SUCCEEDED} | ({} if name == "reported" else {"A-1": RunStatus.LOST})
    assert adopted(tmp_path, len(expected)) == expected


def test_damaged_files_do_not_pile_up(tmp_path: Path) -> None:
    """One is kept for each name, also when a directory was put aside before."""
    path = tmp_path / "x.json"
    for content in ("1", "2"):
        path.write_text(content)
        put_aside(path, "damaged")
    path.mkdir()
    put_aside(path, "damaged")
    path.write_text("4")
    put_aside(path, "damaged")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("x.json.damaged", "4")]


def test_a_worker_starts_over_its_own_damaged_files(tmp_path: Path) -> None:
    """A claim that cannot be read is one that it does not hold; a worker without an id takes a new one."""
    kept = ClaimStore(tmp_path)
    first = kept.worker_id
    kept.close()
    (tmp_path / "claims/R-1.json").write_bytes(b"")
    (tmp_path / "worker-id").write_bytes(b"")
    again = ClaimStore(tmp_path)
    assert (again.claims(), len(again.worker_id) > 8, again.worker_id != first) == ([], True, True)
    again.close()
