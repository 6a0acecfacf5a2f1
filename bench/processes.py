"""Processes of a measurement: started, asked what they cost, and ended, whatever happens."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep
from types import MappingProxyType
from typing import IO, NamedTuple

from .measure import Absent

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT / ".bench" / "venv" / "bin" / "python"  # of the extra `bench`: the peers, and a faster web server
KEPT = ("PATH", "LANG", "HOME", "TMPDIR", "VIRTUAL_ENV")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Child(NamedTuple):
    """A process that is ready, and those that it started; `said` is its first line."""

    pid: int
    said: str = ""

    def cpu_seconds(self) -> float:
        """Of user and system together, since they were started (proc(5), /proc/pid/stat, fields 14 and 15)."""
        return sum(int(fields[11]) + int(fields[12]) for fields in self._stats()) / TICKS

    def resident_mb(self) -> float:
        return sum(int(fields[21]) for fields in self._stats()) * PAGE / 1e6

    def _stats(self) -> Iterator[list[str]]:
        """From field 3 on, of the process and of the group that it leads."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended meanwhile
                fields = stat.read_text().rpartition(")")[2].split()
                if str(self.pid) in (stat.parent.name, fields[2]):
                    yield fields


def environment(more: Mapping[str, str] = MappingProxyType({})) -> Mapping[str, str]:
    """Nothing of whoever started us but what every program needs."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | dict(more)


@contextmanager
def running(
    command: Sequence[str],
    cwd: Path = ROOT,
    patience: float = 60,
    end: signal.Signals = signal.SIGKILL,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Child]:
    """Started, and ready when it has written its first line; ended by `end`, with all that it started."""
    with _started(command, cwd, subprocess.PIPE, end, more) as (process, log):
        assert process.stdout is not None
        heard = select.select([process.stdout], [], [], patience)[0]
        said = process.stdout.readline() if heard else ""
        if not said:
            raise _refusal(command, log)
        yield Child(process.pid, said.strip())


@contextmanager
def listening(
    command: Sequence[str], port: int, patience: float = 60, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Child]:
    """The same for programs that say nothing: ready when they listen on `port`."""
    with _started(command, ROOT, subprocess.DEVNULL, signal.SIGKILL, more) as (process, log):
        until = monotonic() + patience
        while not _listens(port):
            if process.poll() is not None or monotonic() > until:
                raise _refusal(command, log)
            sleep(0.01)
        yield Child(process.pid)


@contextmanager
def _started(
    command: Sequence[str], cwd: Path, stdout: int, end: signal.Signals, more: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    with TemporaryFile("w+") as log, subprocess.Popen(
        command, cwd=cwd, env=environment(more), stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process, log
        finally:
            for last in (end, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, last)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)


class NotReady(Absent):
    """A program that did not come up, or ended; with the end of what it said."""


def _refusal(command: Sequence[str], log: IO[str]) -> NotReady:
    log.seek(0)
    return NotReady(f"{' '.join(command)} was not ready: {log.read()[-2000:]}")


def module(name: str, *arguments: object, python: Path | str = sys.executable) -> list[str]:
    return [str(python), "-m", name, *map(str, arguments)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
