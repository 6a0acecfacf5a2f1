"""One command line of the configuration (a setup, a check) in a work tree: bounded in time, output and processes."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from factory_core.dispatch.comments import duration
from factory_core.runs.run_checks import MOST_TAIL, NOT_EXECUTABLE, NOT_FOUND

from .pipes import LOOK_EVERY, Pipes
from .processes import end_descendants

Tick = Callable[[], None]
_BYTES_KEPT = 4 * MOST_TAIL  # a character has four bytes at most


class Finished(NamedTuple):
    """How a command line ended. `end` is empty when it passed; `exit_code` is None when it had to be ended."""

    exit_code: int | None
    end: str
    output: str
    seconds: float

    @property
    def passed(self) -> bool:
        return self.exit_code == 0


def argv_of(line: str) -> list[str]:
    """What runs a command line: each of its commands must pass."""
    return ["sh", "-e", "-c", line]


def run_line(
    argv: Sequence[str], tree: Path, environment: Mapping[str, str], within: timedelta, tick: Tick, grace: float
) -> Finished:
    """Run it to its end or to its time limit; nothing that it started is alive afterwards.

    `tick` is called several times a second; what it raises ends the command, too.
    """
    began = time.monotonic()
    deadline, tail = began + within.total_seconds(), b""
    try:
        process = subprocess.Popen(  # noqa: S603
            argv, cwd=tree, env=dict(environment), start_new_session=True, bufsize=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        return Finished(None, f"{argv[0]} cannot be started: {error.strerror}", "", 0.0)

    def take(data: bytes) -> None:
        nonlocal tail
        tail = (tail + data)[-_BYTES_KEPT:]

    assert process.stdout is not None
    with Pipes({process.stdout: take}) as pipes:
        try:
            while process.poll() is None and time.monotonic() < deadline:
                pipes.read(LOOK_EVERY)
                tick()
            late = process.poll() is None
        finally:
            end_descendants(grace)
            process.wait()
        pipes.read(0)
    output, seconds = tail.decode(errors="replace")[-MOST_TAIL:], time.monotonic() - began
    if late:
        return Finished(None, f"it was not finished within {duration(within)}", output, seconds)
    return Finished(process.returncode, _end(process.returncode), output, seconds)


def _end(code: int) -> str:
    if code == 0:
        return ""
    if code < 0:
        known_signals = {number.value: number.name for number in signal.Signals}  # those for real time have no name
        return f"it was ended by signal {known_signals.get(-code, -code)}"
    known = {NOT_FOUND: "its program was not found", NOT_EXECUTABLE: "its program cannot be executed"}
    return f"{known[code]} (exit code {code})" if code in known else f"exit code {code}"
