"""A repository at a code host, a fleet on this machine, and stand-ins for engines."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from adapters.fleets.local_engines.fleet import LocalFleet
from factory_core.runs.run import RunOrder, RunReport

QUIET = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "somebody", "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "somebody", "GIT_COMMITTER_EMAIL": "somebody@example.org",
}  # fmt: skip


def git(place: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=place, env=QUIET, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def code_host(folder: Path) -> Path:
    """A bare repository with one commit on main."""
    shutil.copytree(_code_host(), folder, dirs_exist_ok=True)
    return folder / "acme-web.git"


@cache
def _code_host() -> Path:
    """Made once: the tests need hundreds of them, and each takes nine calls of git."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    bare, tree = folder / "acme-web.git", folder / "first"
    git(folder, "init", "-q", "--bare", "-b", "main", str(bare))
    git(folder, "init", "-q", "-b", "main", str(tree))
    (tree / "README.md").write_text("Acme\n")
    commit_to(bare, tree, "main", "first")
    return folder


def commit_to(bare: Path, tree: Path, branch: str, message: str) -> str:
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "--allow-empty", "-m", message)
    git(tree, "push", "-q", str(bare), f"HEAD:refs/heads/{branch}")
    return git(tree, "rev-parse", "HEAD")


def order(bare: Path, **changes: Any) -> RunOrder:
    given = {
        "run_id": "ACME-142:1", "work_item_id": "ACME-142", "title": "Rename the button", "repository": "acme/web",
        "clone_url": str(bare), "base": "main", "branch": "factory/ACME-142-rename",
        "engine": "console", "task": "Rename the button.",
        "max_turns": 50, "max_duration": timedelta(seconds=600), "max_usd": Decimal(5),
    }  # fmt: skip
    return RunOrder.model_validate(given | changes)


def fleet(home: Path, **changes: Any) -> tuple[LocalFleet, list[RunReport]]:
    """A fleet, and the list of what it reported."""
    reports: list[RunReport] = []

    async def finished(report: RunReport) -> None:
        reports.append(report)

    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    given: dict[str, Any] = {"environment": environment, "clock": lambda: datetime.now(UTC), "poll": 0.05}
    given["wall"] = "required" if shutil.which("bwrap") else "off"  # the wall has tests of its own
    made = LocalFleet(home, **(given | {"grace": timedelta(seconds=0.5)} | changes))
    made.finished = finished
    return made, reports


async def until(condition: Callable[[], object], within: float = 120.0) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.03)


def living(words: str) -> list[str]:
    """The command lines that hold the words, of processes that live, in whatever namespace."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if words in line]


def run_all(home: Path, *orders: RunOrder, **changes: Any) -> list[RunReport]:
    """Start the orders at once, wait for all reports, and give them in the orders' order."""

    async def play() -> list[RunReport]:
        made, reports = fleet(home, **changes)
        for one in orders:
            await made.start(one)
        await until(lambda: len(reports) >= len(orders))
        await made.close()
        return sorted(reports, key=lambda report: [one.run_id for one in orders].index(report.run_id))

    return asyncio.run(play())


def program(path: Path, body: str) -> Path:
    """An executable that plays an engine: Python, with `say(line)` for its stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!{sys.executable} -I\nimport json, os, signal, subprocess, sys, time\n"
        f"def say(**event): print(json.dumps(event), flush=True)\n{body}\n"
    )
    path.chmod(0o755)
    return path


DONE = 'say(type="result", is_error=False, result="All done", num_turns=1, terminal_reason="completed")'
