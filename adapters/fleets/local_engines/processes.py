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
from pathlib import Path

MARK = "FACTORY_RUN"
_GIVE_UP = 5.0  # seconds after SIGKILL: what is still there belongs to somebody else (sudo), or waits for a disk
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36  # prctl(2)
_PROC = Path("/proc")


def adopt_orphans() -> None:
    """From now on, descendants whose parent dies become children of this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def keep_private() -> None:
    """From now on, other processes of the same user cannot read this one's environment and memory (root still can)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_descendants(grace: float) -> None:
    """SIGTERM to every descendant of this process, SIGKILL to what is left after `grace` seconds; reaps them all."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while (victims := _descendants({os.getpid()})) and time.monotonic() < deadline + _GIVE_UP:
        late = time.monotonic() > deadline
        for victim in victims if late else victims - asked:
            _signal(victim, signal.SIGKILL if late else signal.SIGTERM)
        asked |= victims
        _reap()
        time.sleep(0.02)
    _reap()


def end_marked(mark: str) -> None:
    """SIGKILL to every process that carries this mark, and to their descendants."""
    carried = f"{MARK}={mark}".encode()
    deadline = time.monotonic() + _GIVE_UP
    while (victims := _marked(carried)) and time.monotonic() < deadline:
        for victim in victims | _descendants(victims):
            _signal(victim, signal.SIGKILL)
        time.sleep(0.02)


def _marked(mark: bytes) -> set[int]:
    found = set()
    for entry in _PROC.glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if mark in entry.read_bytes().split(b"\0"):
                found.add(int(entry.parent.name))
    return found - _zombies()


def _descendants(roots: set[int]) -> set[int]:
    """Living processes below the roots, without them."""
    table = _table()
    found: set[int] = set()
    fresh = set(roots)
    while fresh:
        fresh = {pid for pid, (parent, _) in table.items() if parent in fresh} - found
        found |= fresh
    return {pid for pid in found - roots if table[pid][1] != "Z"}


def _zombies() -> set[int]:
    return {pid for pid, (_, state) in _table().items() if state == "Z"}


def _table() -> dict[int, tuple[int, str]]:
    """Every process: its parent and its state."""
    if not _PROC.is_dir():
        listing = subprocess.run(["ps", "-Ao", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)  # noqa: S607
        rows = [line.split() for line in listing.stdout.splitlines()]
        return {int(pid): (int(parent), state[0]) for pid, parent, state in rows}
    table = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            table[int(entry.parent.name)] = (int(parent), state)
    return table


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
