"""As PID 1 of a container, `factory` reaps every orphan, forwards signals, and exits as its command does.

A process that adopts orphans meets the same as PID 1, without a namespace of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scenarios.server_process import until

ROOT = Path(__file__).resolve().parents[2]
LIKE_PID_1 = """
import os, signal, sys, time
from adapters.fleets.local_engines.processes import adopt_orphans
from factory_cli.init_process import continue_in_child

adopt_orphans()
continue_in_child()
"""
ORPHANS = """
for _ in range(3):
    if not (child := os.fork()):
        if not os.fork():
            time.sleep(0.1)
        os._exit(0)
    os.waitpid(child, 0)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PID 1 of a container is Linux")


@contextmanager
def like_pid_1(command: str) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-c", LIKE_PID_1 + command]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def children(pid: int) -> list[str]:
    """The states of a process's children: S sleeps, Z is a zombie."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] for child in below]


def test_orphans_are_reaped_while_the_command_runs() -> None:
    with like_pid_1(ORPHANS + "print('ready', flush=True); time.sleep(60)") as process:
        assert line(process) == "ready"
        until(lambda: children(process.pid) == ["S"])


@pytest.mark.parametrize(
    ("end", "code"),
    [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL), ("", 0)],
)
def test_it_exits_as_the_command_does(end: str, code: int) -> None:
    with like_pid_1(ORPHANS + end) as process:
        assert process.wait(20) == code


def test_signals_reach_the_command() -> None:
    waits = """
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, lambda number, _: print(signal.Signals(number).name, flush=True))
print('ready', flush=True)
while True:
    time.sleep(60)
"""
    with like_pid_1(waits) as process:
        assert line(process) == "ready"
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
            assert line(process) == number.name
