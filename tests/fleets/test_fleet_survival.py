"""What is killed, and what goes on: the server, the supervisor, the engine."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_stand import QUIET, code_host, fleet, git, living, order, program, until

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.git import git as call_git
from adapters.fleets.local_engines.run_files import RunFiles
from factory_core.runs.run import RunOrder, RunReport, RunStatus

ROOT = Path(__file__).parents[2]
SERVER = """
import asyncio, sys, time
from pathlib import Path
from fleet_stand import fleet
from factory_core.runs.run import RunOrder

async def serve():
    made, _ = fleet(Path(sys.argv[1]))
    await made.start(RunOrder.model_validate_json(sys.argv[2]))
    print("started", flush=True)
    await asyncio.sleep(600)

asyncio.run(serve())
"""


def kill_a_server_that_started(home: Path, one: RunOrder) -> None:
    """A server process starts the run, and its whole process group is killed the moment it says so."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    command = [sys.executable, "-c", SERVER, str(home), one.model_dump_json()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True
    ) as server:
        assert server.stdout and server.stdout.readline() == "started\n"
        os.killpg(server.pid, signal.SIGKILL)


async def adopted(home: Path, wait: bool = True) -> list[RunReport]:
    """What a new server hears."""
    made, reports = fleet(home)
    await made.adopt()
    if wait:
        await until(lambda: reports)
    await asyncio.sleep(0.3)
    await made.close()
    return reports


def supervisor_of(run: Path) -> int:
    """The process that supervises the run, of this test's own making."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"adapters.fleets.local_engines.supervise" in words and str(run).encode() in words:
            return int(entry.parent.name)
    raise AssertionError("no supervisor")


def test_a_run_that_no_record_knows_is_stopped(tmp_path: Path) -> None:
    """As after a restore of a backup from before it: nobody would count what it costs, nor what else runs."""
    home = tmp_path / "home"
    kill_a_server_that_started(home, order(code_host(tmp_path), task="console: sleep 600"))

    async def knows(work_item_id: str, run_id: str) -> bool:
        asked.append(work_item_id)
        return False

    async def begun_again() -> list[RunReport]:
        made, reports = fleet(home)
        made.is_known = knows
        await made.adopt()
        await until(lambda: reports)
        await made.close()
        return reports

    asked = list[str]()
    (report,) = asyncio.run(begun_again())
    assert (report.status, asked) == (RunStatus.STOPPED, [report.work_item_id])


def test_a_run_outlives_its_server_and_is_told_once(tmp_path: Path) -> None:
    """kill -9 of the server: the run goes on, the next server adopts and tells it, the one after hears nothing."""
    home = tmp_path / "home"
    kill_a_server_that_started(home, order(code_host(tmp_path), task="console: sleep 1"))
    (report,) = asyncio.run(adopted(home))
    assert report.status is RunStatus.SUCCEEDED
    assert asyncio.run(adopted(home, wait=False)) == []
    assert git(home / "trees/ACME-142", "rev-list", "--count", "origin/main..HEAD") == "1"


def test_a_run_that_ended_while_nobody_served_is_told(tmp_path: Path) -> None:
    """Its result waits for the next server; a start with the same id gives it too, and starts nothing."""
    home, one = tmp_path / "home", order(code_host(tmp_path))
    kill_a_server_that_started(home, one)
    run = RunFiles(home / "runs" / next((home / "runs").iterdir()).name)
    asyncio.run(until(lambda: run.result()))

    async def play() -> RunReport:
        made, reports = fleet(home)
        again = await made.start(one)
        await until(lambda: reports)
        await made.close()
        assert reports == [again]
        return again

    assert asyncio.run(play()).status is RunStatus.SUCCEEDED
    assert asyncio.run(adopted(home, wait=False)) == []


def test_closing_a_server_leaves_its_runs_alone(tmp_path: Path) -> None:
    """An orderly stop is no different from a kill: the next server hears of the end."""

    async def play() -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(code_host(tmp_path), task="console: sleep 0.5"))
        await made.close()
        assert reports == []
        return await adopted(tmp_path / "home")

    assert [report.status for report in asyncio.run(play())] == [RunStatus.SUCCEEDED]


def test_a_run_without_its_supervisor_is_lost_and_its_engine_ended(tmp_path: Path) -> None:
    """kill -9 of the supervisor: LOST, told once, and the orphaned engine does not work on in the tree."""
    home, begun = tmp_path / "home", tmp_path / "home/trees/ACME-142/begun"
    child = f"[sys.executable, '-c', 'import time; time.sleep(600)', '{tmp_path}/bin']"
    body = f"subprocess.Popen({child}, start_new_session=True)\nopen('begun', 'w')\ntime.sleep(600)"
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", body)))}

    async def play() -> list[RunReport]:
        made, reports = fleet(home, engines=engines)
        await made.start(order(code_host(tmp_path), engine="claude"))
        await until(begun.exists)
        (run,) = (home / "runs").iterdir()
        os.kill(supervisor_of(run), signal.SIGKILL)
        await until(lambda: reports)
        assert await made.look("ACME-142:1") == reports[0]
        await made.close()
        return reports

    (report,) = asyncio.run(play())
    assert (report.status, report.why, report.fault) == (RunStatus.LOST, "its supervisor is gone", "machine")
    assert report.started_at and report.ended_at
    assert living(f"{tmp_path}/bin") == []
    assert asyncio.run(adopted(home, wait=False)) == []


def test_what_ends_a_lost_run_leaves_another_factorys_run_of_the_same_id_alone(tmp_path: Path) -> None:
    """Two factories on one machine: one's supervisor dies, and the other's agent goes on."""

    async def play() -> list[RunReport]:
        bare = code_host(tmp_path)
        other, reports = fleet(tmp_path / "other")
        await other.start(order(bare, task="console: sleep 3"))
        made, lost = fleet(tmp_path / "home")
        await made.start(order(bare, task="console: hang"))
        for name in ("other", "home"):
            (run,) = (tmp_path / name / "runs").iterdir()
            await until((run / "output.jsonl").exists)
        os.kill(supervisor_of(run), signal.SIGKILL)
        await until(lambda: lost and reports)
        await made.close()
        await other.close()
        return [*lost, *reports]

    assert [report.status for report in asyncio.run(play())] == [RunStatus.LOST, RunStatus.SUCCEEDED]


def test_a_server_killed_between_order_and_supervisor_begins_the_run_when_it_is_started_again(tmp_path: Path) -> None:
    """Nothing ran yet, so that nothing is told at adoption, and the repeated start begins it."""
    home, one = tmp_path / "home", order(code_host(tmp_path))
    run = RunFiles(home / "runs" / "x")

    async def play() -> list[RunReport]:
        made, reports = fleet(home)
        run.save_order(one)
        run.path.rename(made._run(one.run_id).path)  # what start writes first
        await made.adopt()
        await asyncio.sleep(0.2)
        assert reports == []
        looked = await made.look(one.run_id)
        assert looked and looked.status is RunStatus.LOST
        await made.start(one)
        await until(lambda: reports)
        await made.close()
        return reports

    assert [report.status for report in asyncio.run(play())] == [RunStatus.SUCCEEDED]


def test_sigterm_of_the_supervisor_stops_the_run(tmp_path: Path) -> None:
    """When the machine goes down, the run ends in order and says so."""

    async def play() -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(code_host(tmp_path), task="console: hang"))
        (run,) = (tmp_path / "home/runs").iterdir()
        await until((run / "output.jsonl").exists)
        os.kill(supervisor_of(run), signal.SIGTERM)
        await until(lambda: reports)
        await made.close()
        return reports

    assert [report.status for report in asyncio.run(play())] == [RunStatus.STOPPED]


def test_stop_also_ends_a_fetch_that_hangs(tmp_path: Path) -> None:
    """A code host that accepts and never answers holds nobody, and git's helper does not go on waiting for it."""

    async def play(url: str) -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(tmp_path, clone_url=url))
        await asyncio.sleep(0.3)
        await asyncio.wait_for(made.stop("ACME-142:1"), 120)
        await until(lambda: reports)
        await made.close()
        return reports

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.git"
        reports = asyncio.run(play(url))
        assert not any(url.encode() in entry.read_bytes() for entry in Path("/proc").glob("[0-9]*/cmdline"))
    assert reports[0].status is RunStatus.STOPPED


def test_git_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    """A killed git leaves its lock files behind, and every later fetch of the repository would fail."""

    def tick() -> None:
        if (tmp_path / "began").exists():
            raise TimeoutError

    hang = "alias.hang=!touch began; trap 'touch tidied; exit 1' TERM; sleep 60"
    with pytest.raises(TimeoutError):
        call_git(tmp_path, "-c", hang, "hang", environment=QUIET, tick=tick)
    assert (tmp_path / "tidied").exists()
