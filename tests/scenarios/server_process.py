"""The factory's server as a real process: started, killed, started again on the same port and store, and looked at."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml

from adapters.stores import record_sql
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt, Vendor

from .sandbox_thread import PATIENCE, World

ROOT = Path(__file__).resolve().parents[2]
HOOKS: dict[Vendor, str] = {  # of the vendors that every configuration here names
    "linear": "LINEAR_WEBHOOK_SECRET",
    "slack": "SLACK_SIGNING_SECRET",
    "github": "GITHUB_WEBHOOK_SECRET",
}
RELAY = ("RELAYFILE_WEBHOOK_SECRET", "RELAYFILE_TOKEN")
TOKENS = {"linear": "LINEAR_API_KEY", "slack": "SLACK_BOT_TOKEN", "github": "GITHUB_TOKEN"}
AT_REST = ENDED | {State.BLOCKED}

T = TypeVar("T")


def until(look: Callable[[], T | None], patience: float = PATIENCE, every: float = 0.02) -> T:
    """What `look` gives as soon as it is true; an AssertionError when that takes too long."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, f"waited {patience} s for {look}"
        time.sleep(every)
    return found


def config_of(world: World, **changes: Any) -> dict[str, Any]:
    """The sandbox's vendors, one repository, quick retries; `changes` replace keys of a section."""
    config: dict[str, Any] = {
        "tenant": "acme",
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "repositories": {"acme/shop": {}},
        "routing": {"byProject": {"Shop": "acme/shop"}},
        "agents": {"engine": "console", "cooldown": "0.1s"},
        "capacity": {"agents": 8, "perRepository": 8},
        "merge": {"policy": "on-green", "requiredChecks": ["ci"]},
        "runner": {"firstDelay": "0.1s"},
        "linear": {"url": f"{world.address}/linear"},
        "slack": {"url": f"{world.address}/slack", "channel": "C0SANDBOX"},
        "github": {"url": f"{world.address}/github", "gitUrl": f"{world.address}/git"},
    }
    for section, values in deepcopy(changes).items():
        known = config.get(section)
        config[section] = {**known, **values} if isinstance(known, dict) else values
    return config


class Home:
    """A configuration, its store and its secrets on disk; servers are started from it."""

    def __init__(self, path: Path, config: Mapping[str, Any], prefix: str = "") -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.tenant = path, str(config["tenant"])
        self.config, self.store = path / "factory.config.yaml", path / "factory.db"
        self.config.write_text(yaml.safe_dump(dict(config)))
        names = (*HOOKS.values(), *TOKENS.values(), *(RELAY if config.get("relay") else ()))
        self.secrets = {prefix + name: secrets.token_hex(16) for name in names}
        self._prefix = prefix

    def secret(self, vendor: Vendor) -> str:
        return self.secrets[self._prefix + HOOKS.get(vendor, RELAY[0])]

    def give_tokens(self, world: World) -> None:
        """From now on the sandbox takes only this home's tokens."""
        for vendor, name in TOKENS.items():
            world.call(world.sandbox.set_token, vendor, self.secrets[self._prefix + name])

    def record(self, key: str) -> InFlightRecord | None:
        rows = self._rows(record_sql.select_in_flight(self.tenant, key))
        rows = rows or self._rows(record_sql.select_by_alias(self.tenant, key))
        return record_sql.decode(InFlightRecord, rows[0][0]) if rows else None

    def records(self) -> dict[str, InFlightRecord]:
        read, after = dict[str, InFlightRecord](), ""
        while rows := self._rows(record_sql.select_page(self.tenant, after)):
            records = [record_sql.decode(InFlightRecord, body) for _, body in rows]
            read |= {record.key: record for record in records}
            after = rows[-1][0]
        return read

    def batch(self) -> Batch:
        rows = self._rows(record_sql.select_batch(self.tenant))
        return record_sql.decode(Batch, rows[0][0]) if rows else Batch()

    def in_state(self, key: str, *states: State) -> InFlightRecord:
        """Wait until the item is in one of these states."""

        def look() -> InFlightRecord | None:
            record = self.record(key)
            return record if record and record.state in states else None

        return until(look)

    def thread(self, key: str) -> str:
        """The thread in which its question stands, as the store knows it; nothing yet, or no more."""
        record = self.record(key)
        return record.clarification.thread_id if record and record.clarification else ""

    def asked(self, key: str) -> str:
        """Wait for the thread of its question."""
        return until(lambda: self.thread(key))

    def rests(self, *keys: str, patience: float = PATIENCE) -> dict[str, InFlightRecord]:
        """Wait until nothing is to be done for these items."""

        def look() -> dict[str, InFlightRecord]:
            known = {key: record for key, record in self.records().items() if key in keys}
            quiet = [r for r in known.values() if r.state in AT_REST and not r.outbox and not r.lease.holder]
            return known if len(quiet) == len(keys) else {}

        return until(look, patience)

    def item_id(self, key: str) -> str:
        """What the store calls the item of this key; the key itself once it is forgotten."""
        record = self.record(key)
        return record.work_item_id if record else key

    def run_directories(self) -> list[Path]:
        return sorted(self.path.glob(f".factory/fleet/{self.tenant}/runs/*"))

    def _rows(self, statement: record_sql.Statement) -> list[Any]:
        try:
            with contextlib.closing(sqlite3.connect(f"{self.store.as_uri()}?mode=ro", uri=True, timeout=5)) as reading:
                return reading.execute(statement.sql, statement.values).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []


class Server:
    """One server process, and the requests that a test makes of it."""

    def __init__(
        self,
        *homes: Home,
        port: int = 0,
        arguments: Sequence[str] = (),
        under: Sequence[str] = (),
        release: Path = ROOT,
        **environment: str,
    ) -> None:
        """`under`: a command that runs the server's, as `prlimit --nofile=64`; `release`: where its code lies."""
        self.homes, self.port, self._under, self._release = homes, port or free_port(), under, release
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = [*(f"--config={home.config}" for home in homes), f"--port={self.port}", *arguments]
        self.environment = {
            **_clean(),
            "HOME": str(homes[0].path),
            **{k: v for home in homes for k, v in home.secrets.items()},
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.homes[0].path / f"server-{self.port}.log"

    def start(self, streams: int | None = None) -> Server:
        """Start it and wait until it answers; `streams`: for its output instead of the log's file."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._under, sys.executable, "-m", "factory_cli", "serve", *self._arguments],
                cwd=self._release, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log if streams is None else streams, stderr=log if streams is None else streams,
            )  # fmt: skip
        until(self._answers)
        return self

    def kill(self) -> None:
        """SIGKILL: nothing in the process gets a last word."""
        assert self.process is not None and self.process.poll() is None
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(PATIENCE) == -signal.SIGKILL

    def stop(self) -> int:
        """SIGTERM; its exit code. What it logged must hold no traceback and no secret."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(PATIENCE)
        said = self.log.read_text(errors="replace")
        assert "Traceback" not in said and "Exception in" not in said, said
        assert not [name for home in self.homes for name, value in home.secrets.items() if value in said]
        return code

    def subscribe(self, world: World, home: Home | None = None) -> None:
        for vendor in HOOKS:
            world.call(
                world.sandbox.webhooks.subscribe,
                vendor,
                self.hook(vendor, home),
                (home or self.homes[0]).secret(vendor),
            )

    def hook(self, vendor: str, home: Home | None = None) -> str:
        return f"{self.url}/hooks/{(home or self.homes[0]).tenant}/{vendor}"

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE, trust_env=False)

    def post(
        self, vendor: Vendor, body: bytes, home: Home | None = None, event: str = "", id: str = ""
    ) -> httpx2.Response:
        """A webhook that the vendor signed."""
        whose = home or self.homes[0]
        headers = SIGN[vendor](whose.secret(vendor), Attempt(id or secrets.token_hex(8), event, body, now()))
        return httpx2.post(self.hook(vendor, whose), content=body, headers=headers, timeout=PATIENCE, trust_env=False)

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text(errors="replace")
        try:
            return self.get("/healthz").status_code in {200, 503}
        except httpx2.TransportError:
            return False


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Started, and ended whatever happens."""
    try:
        yield server.start()
    finally:
        if server.process is not None:
            server.stop()


@contextlib.contextmanager
def factory(world: World, path: Path, arguments: Sequence[str] = (), **changes: Any) -> Iterator[tuple[Home, Server]]:
    """One tenant's server beside the sandbox, subscribed to all its vendors."""
    home = Home(path, config_of(world, **changes))
    home.give_tokens(world)
    with running(Server(home, arguments=arguments)) as server:
        server.subscribe(world)
        yield home, server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _clean() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}


def now() -> datetime:
    return datetime.now(UTC)
