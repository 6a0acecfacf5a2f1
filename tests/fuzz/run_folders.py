"""A run's directory in which anything lies: the run has a report or none, and the others are followed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.local_engines.run_files import RunFiles
from factory_core.errors import Problem
from factory_core.runs.run import RunReport, RunStatus

from .draws import spoiled, value

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
ORDER = {
    "run_id": "odd", "work_item_id": "ACME-1", "key": "ACME-1", "title": "T", "repository": "acme/shop",
    "base": "main",
    "clone_url": "/nonexistent", "branch": "factory/ACME-1-t", "engine": "console", "task": "do", "resume": "s-1",
    "previous_run": "", "max_turns": 5, "max_duration": "PT1M", "max_usd": "5", "checks": [],
    "domains": ["example.org"],
}  # fmt: skip
REPORT = {
    "run_id": "odd", "work_item_id": "ACME-1", "status": "succeeded", "started_at": "2026-11-21T02:00:00Z",
    "ended_at": "2026-11-21T02:30:00Z", "alive_at": "2026-11-21T02:30:00Z", "awake_for": "PT30M", "session": "s-1",
    "usage": {"turns": 3, "usd": "0.31"}, "checks": [{"name": "unit", "passed": True, "seconds": 1.5}],
    "words": "Did it.",
}  # fmt: skip
SEEN = {"session": "s-1", "usage": {"turns": 1}, "total": {"usd": "1"}, "tools": ["t"], "result": {"type": "done"}}
FILES = {"order.json": ORDER, "progress.json": {**REPORT, "status": "running", "ended_at": None}, "result.json": REPORT}


def play(rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_played(rng, Path(folder)))


async def _played(rng: random.Random, home: Path) -> None:
    _lay(rng, home / "runs" / "odd")
    sound = RunFiles(home / "runs" / "sound")
    sound.create()
    ended = RunReport(run_id="sound", work_item_id="ACME-2", status=RunStatus.NO_CHANGE, started_at=NOW, ended_at=NOW)
    sound.save_progress(ended)
    sound.save_result(ended)
    told = asyncio.Event()
    fleet = LocalFleet(home, environment={"PATH": "/usr/bin:/bin"}, clock=lambda: NOW, wall="off", poll=0.01)

    async def finished(report: RunReport) -> None:
        if report.work_item_id == "ACME-2":
            told.set()

    fleet.finished = finished
    await fleet.adopt()
    await asyncio.wait_for(told.wait(), 20)
    for ask in (fleet.look("odd"), fleet.tail("odd"), fleet.stop("odd"), fleet.publish("odd"), fleet.forget("ACME-1")):
        with contextlib.suppress(Problem):
            await asyncio.wait_for(ask, 20)
    RunFiles(home / "runs" / "odd").seen()
    await fleet.forget_old(timedelta(days=14))
    await fleet.close()


def _lay(rng: random.Random, run: Path) -> None:
    run.mkdir(parents=True)
    for name, document in (*FILES.items(), ("seen.json", SEEN)):
        if rng.random() < 0.85:
            (run / name).write_bytes(spoiled(rng, document))
    _put(rng, run / "fence", value(rng).encode(errors="replace"))
    _put(rng, run / "reported", b"")
    _put(rng, run / "output.jsonl", b"\n".join(spoiled(rng, _line(rng)) for _ in range(5)))
    place = run / rng.choice(("fence", "lock", "stop", "seen.json", "result.json.damaged", "output.jsonl"))
    if rng.random() < 0.2 and not place.exists():
        place.mkdir()


def _put(rng: random.Random, path: Path, content: bytes) -> None:
    if rng.random() < 0.3:
        path.write_bytes(content)


def _line(rng: random.Random) -> dict[str, Any]:
    return json.loads(rng.choice(('{"type":"turn","doing":"x"}', '{"type":"factory","progress":"p"}')))  # type: ignore[no-any-return]
