"""One call of an engine: its process, the task on its standard input, its output to the watchdog."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from factory_core.runs.run import RunStatus

from .faults import NOT_STARTED, SYSTEM, cause_of
from .output import NewestBytes
from .pipes import LOOK_EVERY, Pipes
from .processes import end_descendants
from .run_files import RunFiles
from .watchdog import Ended, Watchdog

_MOST_ERRORS = 256 * 1024  # bytes of standard error that are kept
_TAIL = 2000


class Called(NamedTuple):
    """How a call of an engine ended; `exit_code` is negative for a signal, as that of subprocess."""

    exit_code: int
    errors: str  # the end of its standard error


def call_engine(
    run: RunFiles,
    watchdog: Watchdog,
    command: Sequence[str],
    task: str,
    tree: Path,
    environment: Mapping[str, str],
    grace: float,
) -> Called:
    """Run the engine until it ends, or until its closing line is some seconds old; nothing it started is alive then.

    Raises Ended when the watchdog does, and when the engine cannot be started.
    """
    errors = _Errors(run)
    process = _started(run, command, task, tree, environment)
    assert process.stdout is not None and process.stderr is not None
    with Pipes({process.stdout: watchdog.feed, process.stderr: errors.take}) as pipes:
        try:
            watchdog.engine_started()
            while process.poll() is None and not watchdog.is_over:
                pipes.read(LOOK_EVERY)
                watchdog.tick()
        finally:
            end_descendants(grace)
            pipes.read(0)
    return Called(process.wait(), errors.tail.decode(errors="replace"))


def _started(
    run: RunFiles, command: Sequence[str], task: str, tree: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        with tempfile.TemporaryFile(dir=run.path) as given:
            given.write(task.encode(errors="replace"))
            given.seek(0)
            return subprocess.Popen(  # noqa: S603
                command, cwd=tree, env=dict(environment), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                bufsize=0, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        why = f"{command[0]} cannot be started: {error.strerror}"
        raise Ended(RunStatus.FAILED, why, cause_of(SYSTEM, why) or NOT_STARTED) from error


class _Errors:
    """Standard error: the newest of it in a file, its end in memory."""

    def __init__(self, run: RunFiles) -> None:
        self._kept = NewestBytes(run.errors, _MOST_ERRORS)
        self.tail = b""

    def take(self, data: bytes) -> None:
        self._kept.add(data)
        self.tail = (self.tail + data)[-_TAIL:]
