"""Ending everything that a run started, also what went to the background or to a session of its own.

The supervisor adopts its orphaned descendants, so that its process tree is complete; of a dead supervisor the engine is
found by the mark in its environment (both need Linux; elsewhere `ps` gives the tree as it is).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

MARK = "FACTORY_RUN"
_GIVE_UP = 5.0  # seconds after SIGKILL: what is still there belongs to somebody else (sudo), or waits for a disk
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36  # prctl(2)
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class _Process(NamedTuple):
    parent: int
    state: str
    seconds: float  # of processor time


def adopt_orphans() -> None:
    """From now on, descendants whose parent dies become children of this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def keep_private() -> None:
    """From now on, other processes of the same user cannot read this one's environment and memory (root still can)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_descendants(grace: float) -> None:
    """SIGTERM to every descendant of this process, SIGKILL to what is left after `grace` seconds; reaps them all.

    Parents first: a shell whose child ends before it says so, or begins its next command.
    """
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while (victims := _descendants({os.getpid()})) and time.monotonic() < deadline + _GIVE_UP:
        late = time.monotonic() > deadline
        spared = set() if late else asked | _walls(victims)
        for victim in (one for one in victims if one not in spared):
            _signal(victim, signal.SIGKILL if late else signal.SIGTERM)
        asked.update(victims)
        _reap()
        time.sleep(0.02)
    _reap()


def end_marked(mark: str) -> None:
    """SIGKILL to every process that carries this mark, and to their descendants."""
    carried = f"{MARK}={mark}".encode()
    deadline = time.monotonic() + _GIVE_UP
    while (victims := _marked(carried)) and time.monotonic() < deadline:
        for victim in victims.union(_descendants(victims)):
            _signal(victim, signal.SIGKILL)
        time.sleep(0.02)


def processor_time(root: int | None = None) -> float:
    """Seconds that all living descendants of a process (this one), and what they have reaped, have used so far."""
    table = _table()
    return sum(table[pid].seconds for pid in _descendants({root or os.getpid()}, table))


def _walls(processes: Iterable[int]) -> set[int]:
    """Those of them that are bubblewrap: when it ends, all inside is killed, without a moment to end well."""
    return {pid for pid in processes if _name(pid) == "bwrap"}


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _marked(mark: bytes) -> set[int]:
    found = set()
    for entry in _PROC.glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if mark in entry.read_bytes().split(b"\0"):
                found.add(int(entry.parent.name))
    return found - _zombies()


def _descendants(roots: set[int], table: Mapping[int, _Process] | None = None) -> list[int]:
    """Living processes below the roots, without them, parents before their children."""
    table = _table() if table is None else table
    found: dict[int, None] = {}
    fresh = set(roots)
    while fresh:
        fresh = {pid for pid, process in table.items() if process.parent in fresh and pid not in found}
        found |= dict.fromkeys(fresh)
    return [pid for pid in found if pid not in roots and table[pid].state != "Z"]


def _zombies() -> set[int]:
    return {pid for pid, process in _table().items() if process.state == "Z"}


def _table() -> dict[int, _Process]:
    """Every process."""
    if not _PROC.is_dir():
        listing = subprocess.run(["ps", "-Ao", "pid=,ppid=,stat=,time="], capture_output=True, text=True, check=True)  # noqa: S607
        rows = [line.split() for line in listing.stdout.split("\n") if line.strip()]
        return {int(pid): _Process(int(parent), state[0], _seconds(time)) for pid, parent, state, time in rows}
    table = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *rest = entry.read_text(errors="replace").rpartition(")")[2].split()
            ticks = sum(map(int, rest[9:13]))  # its own in user and kernel mode, and those of children that it reaped
            table[int(entry.parent.name)] = _Process(int(parent), state, ticks / _TICKS)
    return table


def _seconds(time: str) -> float:
    """Of `[[days-]hours:]minutes:seconds[.hundredths]`."""
    days, _, clock = time.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return int(days or 0) * 86_400 + seconds


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
