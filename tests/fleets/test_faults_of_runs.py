"""A real supervisor whose engine, code host or machine cannot work: the report says whose failure that is."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from fleet_stand import code_host, fleet, order, program, run_all

from adapters.fleets.local_engines import fleet as local
from adapters.fleets.local_engines.claude import Claude
from factory_core.errors import EngineUnavailable, Retryable
from factory_core.runs.run import RunReport, RunStatus

INIT = {"type": "system", "subtype": "init", "session_id": "00000000-0000-4000-8000-000000000001"}
SIGNED_OUT = {
    "type": "result", "subtype": "success", "is_error": True, "terminal_reason": "api_error", "num_turns": 1,
    "result": "Not logged in · Please run /login", "api_error_status": None,
}  # fmt: skip


def played(folder: Path, *lines: dict[str, object], exits: int = 1) -> RunReport:
    """The report of a run whose engine writes these lines."""
    said = "\n".join(f"say(**{line!r})" for line in lines)
    engine = program(folder / "bin" / "claude", f"{said}\nsys.exit({exits})")
    (report,) = run_all(
        folder / "home", order(code_host(folder), engine="claude", resume="session-of-before"),
        engines={"claude": Claude(binary=str(engine))}, wall="off",
    )  # fmt: skip
    return report


def test_an_engine_that_is_signed_out_is_the_vendors_failure(tmp_path: Path) -> None:
    """The session that it was to go on with is kept for the next run."""
    report = played(tmp_path, INIT, SIGNED_OUT)
    assert (report.status, report.fault, report.session) == (RunStatus.LIMITED, "vendor", "session-of-before")
    assert report.why == "Not logged in · Please run /login" and "claude auth login" in report.fix


def test_a_program_that_is_no_engine_is_the_machines_failure(tmp_path: Path) -> None:
    """It has a name on PATH, and the system cannot run it."""
    broken = tmp_path / "claude"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    (report,) = run_all(
        tmp_path / "home", order(code_host(tmp_path), engine="claude"),
        engines={"claude": Claude(binary=str(broken))}, wall="off",
    )  # fmt: skip
    assert (report.status, report.fault) == (RunStatus.LIMITED, "machine") and "cannot be started" in report.why


def test_a_code_host_that_does_not_answer_is_no_failure_of_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bare = code_host(tmp_path)
    (report,) = run_all(tmp_path / "home", order(bare, clone_url=f"http://127.0.0.1:{port}/a/b.git"))
    assert (report.status, report.fault) == (RunStatus.LIMITED, "vendor") and report.why.startswith("git: ")


def test_a_start_that_the_machine_does_not_let_happen_is_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor does not come up; should it do so late after all, it ends at once."""

    def spawn(*_: object) -> None:
        raise Retryable("The supervisor of a run did not start", why="OSError", fix="factory status")

    monkeypatch.setattr(local, "spawn", spawn)

    async def play() -> None:
        made, _ = fleet(tmp_path / "home")
        await made.start(order(code_host(tmp_path)))

    with pytest.raises(EngineUnavailable, match="did not start"):
        asyncio.run(play())
    assert [path.name for path in (tmp_path / "home/runs").glob("*/stop")] == ["stop"]
