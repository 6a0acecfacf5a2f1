"""`factory serve` as a process: how soon it hears again, what it costs while idle, whether it repeats."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from time import perf_counter

import yaml

from ..http_client import rate
from ..measure import Sizes
from ..processes import Child, free_port, running
from ..workload import SECRET, posted
from .crowd import gather
from .world import CONFIG, World

NAMES = ("LINEAR_WEBHOOK_SECRET", "SLACK_SIGNING_SECRET", "GITHUB_WEBHOOK_SECRET")
TOKENS = ("LINEAR_API_KEY", "SLACK_BOT_TOKEN", "GITHUB_TOKEN")
NOBODY = "http://127.0.0.1:9"  # the vendors: nothing leaves this machine
HEARD = 999_999  # the number of the one issue that it hears of
SETTLE = 1.5  # seconds after the start, in which a host looks at what it finds


def idle(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Percent of a core, and megabytes, of a server to which nothing happens."""
    said: dict[str, float] = {}
    for name, waiting in sizes.turned((("few", sizes.waiting[0]), ("many", sizes.waiting[-1]))):
        with _serving(path / name, waiting) as (server, _):
            time.sleep(min(SETTLE, sizes.idle_seconds))
            before, begun = server.cpu_seconds(), perf_counter()
            time.sleep(sizes.idle_seconds)
            said[f"factory.idle_cpu.{name}"] = 100 * (server.cpu_seconds() - before) / (perf_counter() - begun)
            said[f"factory.rss.{name}"] = server.resident_mb()
    return said


def restart(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Milliseconds from the start of the process until it has stored a webhook, and what was written beside that."""
    said: dict[str, float] = {"factory.reexecuted": 0}
    for name, waiting in sizes.turned((("empty", 0), ("many", sizes.waiting[-1]))):
        with _serving(path / name, waiting) as (_, started):
            said[f"factory.restart.{name}"] = (perf_counter() - started) * 1000
            time.sleep(min(SETTLE, sizes.idle_seconds))
        said["factory.reexecuted"] += _written(path / name / "factory.db")
    return said


@contextmanager
def _serving(path: Path, waiting: int) -> Iterator[tuple[Child, float]]:
    """A server over a store in which so many wait; it has heard one webhook. And when it was started."""
    configure(path, {name: {"url": NOBODY} for name in ("linear", "slack", "github")})
    file, port = path / "factory.db", free_port()
    gather(file, waiting) if waiting else World(file).file.close()
    begun = perf_counter()
    with served(path, port) as server:
        rate(port, [posted(HEARD)], 1)
        yield server, begun


def configure(path: Path, vendors: Mapping[str, Mapping[str, str]]) -> None:
    path.mkdir()
    written = CONFIG.model_dump(mode="json", by_alias=True, exclude_defaults=True) | dict(vendors)
    (path / "factory.config.yaml").write_text(yaml.safe_dump(written))


def served(path: Path, port: int) -> AbstractContextManager[Child]:
    """The real server over what lies in `path`; it ends by SIGKILL."""
    program = "import sys; from factory_cli.main import run; sys.exit(run())"
    command = [sys.executable, "-c", program, "serve", f"--port={port}", "--no-check"]
    return running(command, cwd=path, more=dict.fromkeys((*NAMES, *TOKENS), SECRET))


def _written(file: Path) -> int:
    """Records that the server wrote, other than that of the webhook: each write makes a version one larger."""
    with closing(sqlite3.connect(file)) as connection:
        changed = "SELECT count(*) FROM in_flight WHERE version > 1 AND work_item_id != ?"
        return int(connection.execute(changed, (f"ACME-{HEARD}",)).fetchone()[0])
