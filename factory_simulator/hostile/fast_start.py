"""Supervisors by the hundred: each is forked from a process that has everything imported, and is then as any other.

It starts where `supervise.spawn` would start a program: same environment, same standard streams, same lock.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from subprocess import TimeoutExpired
from typing import Any

from adapters.fleets.local_engines import supervise, watchdog
from adapters.fleets.local_engines.errand import Errand
from adapters.fleets.local_engines.git import Headers
from adapters.fleets.local_engines.run_files import RunFiles
from factory_core.errors import Retryable

_MOST = 1 << 16


class FastStart:
    """Make it before the process has threads. `start` stands in for `supervise.spawn`, without a credential."""

    def __init__(self, after_closing: float) -> None:
        self._turn = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            watchdog.AFTER_CLOSING = after_closing
            _serve(theirs)
            os._exit(0)
        theirs.close()
        self._ours = ours

    def start(self, run: RunFiles, held: int, errand: Errand, clone_url: str, credential: Headers) -> None:
        with run.log.open("ab") as output, tempfile.TemporaryFile() as given:
            given.write(errand.model_dump_json().encode())
            given.seek(0)
            about = json.dumps({"run": str(run.path), "environment": dict(errand.git_environment)}).encode()
            with self._turn:
                socket.send_fds(self._ours, [about], [given.fileno(), output.fileno(), held])
                said = self._ours.recv(_MOST)
        os.close(held)
        if said != b"0":
            raise Retryable(
                "The supervisor of a run did not start", why=f"exit code {said.decode()}", fix="factory status"
            )

    def close(self) -> None:
        self._ours.close()
        os.waitpid(self._pid, 0)


def _serve(asked: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        about, descriptors, _, _ = socket.recv_fds(asked, _MOST, 3)
        if not about:
            return
        child = os.fork()
        if child == 0:
            asked.close()
            _become(json.loads(about), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(about: dict[str, Any], descriptors: list[int]) -> None:
    code = 1
    try:
        os.setsid()
        given, output, _held = descriptors  # the lock stays open for as long as this process lives
        for descriptor, standard in ((given, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, standard)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(about["environment"])
        sys.argv = [sys.argv[0], about["run"]]
        supervise.main()
        code = 0
    except (OSError, ValueError, SystemExit, TimeoutExpired) as error:
        os.write(2, f"{error!r}\n".encode())
    finally:
        os._exit(code)
