"""A worker as a real process beside a server that lets workers in: started, killed, started again."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapters.stores.sqlite.run_queue import SqliteRunQueue
from adapters.stores.sqlite.sqlite_file import SqliteFile
from factory_core.runs.queued_run import QueuedRun

from .sandbox_thread import PATIENCE, World
from .server_process import ROOT, Home, Server, _clean, config_of, running

TOKEN = "FACTORY_WORKER_TOKEN"


class WorkerProcess:
    """Keeps its runs where the test's counts look for those of a server."""

    def __init__(self, home: Home, server: Server, name: str = "", url: str = "", slots: int = 2) -> None:
        self.home = home.path / f".factory/fleet/{home.tenant}{name}"
        self.log = home.path / f"worker{name}.log"
        git_url = next(line.split()[-1] for line in home.config.read_text().splitlines() if "gitUrl" in line)
        self._command = [
            sys.executable, "-m", "factory_cli", "worker", f"--url={url or server.url}", f"--tenant={home.tenant}",
            f"--home={self.home}", f"--git-url={git_url}", f"--slots={slots}",
        ]  # fmt: skip
        known = {name: home.secrets[name] for name in (TOKEN, "GITHUB_TOKEN")}
        self.environment = {**_clean(), "HOME": str(home.path), **known}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> WorkerProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, *more],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def kill(self) -> None:
        assert self.process is not None and self.process.poll() is None, self.said()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert "Traceback" not in self.said() and "fault" not in self.said(), self.said()
        assert not [value for value in self.environment.values() if len(value) == 32 and value in self.said()]
        return code

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def runs(self) -> list[Path]:
        return sorted(self.home.glob("runs/*"))


def token() -> dict[str, str]:
    return {TOKEN: secrets.token_hex(16)}


@contextlib.contextmanager
def factory_with_workers(world: World, path: Path, **changes: Any) -> Iterator[tuple[Home, Server]]:
    """One tenant's server beside the sandbox, whose agents run elsewhere."""
    agents = {"engine": "console", "cooldown": "0.1s", "fleet": "workers", **changes.pop("agents", {})}
    home = Home(path, config_of(world, agents=agents, **changes))
    home.secrets |= token()
    home.give_tokens(world)
    with running(Server(home)) as server:
        server.subscribe(world)
        yield home, server


@contextlib.contextmanager
def at_work(*workers: WorkerProcess) -> Iterator[Sequence[WorkerProcess]]:
    try:
        for worker in workers:
            worker.start()
        yield workers
    finally:
        for worker in workers:
            if worker.process is not None:
                worker.stop()


async def queued(home: Home, key: str) -> list[QueuedRun]:
    """The item's runs as the server has stored them."""
    file = SqliteFile(home.store)
    try:
        return list(await SqliteRunQueue(file, home.tenant).runs_of(home.item_id(key)))
    finally:
        file.close()
