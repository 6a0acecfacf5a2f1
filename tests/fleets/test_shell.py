"""A command line of the configuration: its exit code decides, and it is bounded in time, output and processes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.fleets.local_engines.processes import MARK, _marked, adopt_orphans
from adapters.fleets.local_engines.shell import Finished, argv_of, run_line
from factory_core.runs.run_checks import MOST_TAIL

pytestmark = pytest.mark.usefixtures("supervisor")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def supervisor() -> Iterator[None]:
    """This process adopts orphans for the time of a test, as a supervisor does."""
    adopt_orphans()
    yield
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def go(line: str, tree: Path, within: timedelta = MINUTE, **environment: str) -> Finished:
    return run_line(argv_of(line), tree, {"PATH": os.environ["PATH"], **environment}, within, lambda: None, 0.5)


@pytest.mark.parametrize(
    ("line", "code", "end"),
    [
        ("true", 0, ""),
        ("exit 3", 3, "exit code 3"),
        ("false\ntrue", 1, "exit code 1"),
        ("no-such-program --all", 127, "its program was not found (exit code 127)"),
        ("/etc/passwd", 126, "its program cannot be executed (exit code 126)"),
        ("kill -9 $$", -9, "it was ended by signal SIGKILL"),
        ("kill -40 $$", -40, "it was ended by signal 40"),
    ],
)
def test_the_exit_code_decides(line: str, code: int, end: str, tmp_path: Path) -> None:
    """Of several commands each must pass; a program that is missing is named as such."""
    finished = go(line, tmp_path)
    assert (finished.exit_code, finished.end, finished.passed) == (code, end, code == 0)


def test_both_outputs_are_kept_in_their_order_and_only_their_end(tmp_path: Path) -> None:
    """However much it writes, and whatever bytes."""
    finished = go(r"echo one; echo two >&2; printf 'x\377y\n'", tmp_path)
    assert finished.output == "one\ntwo\nx�y\n"
    finished = go("head -c 50000000 /dev/zero | tr '\\0' 'a'; echo the end", tmp_path)
    assert len(finished.output) == MOST_TAIL and finished.output.endswith("the end\n") and finished.passed


def test_it_reads_no_keyboard_and_starts_in_the_tree(tmp_path: Path) -> None:
    assert go("cat; pwd", tmp_path).output.strip() == str(tmp_path)


def test_at_its_time_limit_it_and_all_that_it_started_are_ended(tmp_path: Path) -> None:
    """Also what ignores to be asked, and what went into a session of its own; no shell sees its child's end."""
    mark = str(tmp_path)
    line = "setsid sh -c 'trap \"\" TERM; sleep 60; echo next' & echo begun; exec sleep 60"
    finished = go(line, tmp_path, timedelta(seconds=0.4), **{MARK: mark})
    assert (finished.exit_code, finished.end) == (None, "it was not finished within 0 s")
    assert finished.output == "begun\n"
    assert _marked(f"{MARK}={mark}".encode()) == set()


def test_what_it_leaves_in_the_background_neither_holds_it_nor_lives_on(tmp_path: Path) -> None:
    """It holds the pipe open, which nobody waits for."""
    mark = str(tmp_path)
    finished = go("(sleep 60; echo late) & echo done", tmp_path, **{MARK: mark})
    assert finished.passed and finished.output == "done\n"
    assert _marked(f"{MARK}={mark}".encode()) == set()


def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    finished = go("exec >&- 2>&-; sleep 0.3; touch made", tmp_path)
    assert finished.passed and (tmp_path / "made").exists()


def test_what_the_watcher_raises_ends_it(tmp_path: Path) -> None:
    """A stop, or a fence that has passed."""
    mark, ticks = str(tmp_path), 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_line(argv_of("sleep 60"), tmp_path, {"PATH": os.environ["PATH"], MARK: mark}, MINUTE, tick, 0.5)
    assert _marked(f"{MARK}={mark}".encode()) == set()


def test_a_tree_that_is_gone_is_an_end_and_no_fault(tmp_path: Path) -> None:
    finished = go("true", tmp_path / "gone")
    assert finished.exit_code is None and "cannot be started" in finished.end
