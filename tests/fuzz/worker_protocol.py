"""A worker that says anything: no answer is a fault of ours, and a well-behaved worker beside it notices nothing."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import timedelta
from typing import Any

import httpx2

from adapters.fleets.worker_queue.client import FactoryClient
from adapters.fleets.worker_queue.protocol import Speaker
from adapters.web.status_page import item_page, page
from factory_core.dispatch.records import State
from factory_core.errors import Problem
from factory_core.overview import health, item_overview, overview
from tests.core.test_worker_fleet import HEAD, Elsewhere, about
from tests.core.world import ticket

from .draws import spoiled

SOUND = {"id": "sound-0001", "engines": ["console", "claude", "codex"], "slots": 2}
ODD = {"id": "odd-00001", "name": "odd", "version": "0.1.0", "engines": ["console", "claude"], "slots": 1, "can": []}
REPORT = {
    "started_at": "2026-11-21T02:00:00Z", "ended_at": "2026-11-21T02:00:00Z", "alive_at": "2026-11-21T02:00:00Z",
    "awake_for": "PT5M", "progress_at": "2026-11-21T02:00:00Z", "progress": "edits", "session": "s-1",
    "usage": {"turns": 3, "input_tokens": 5, "cached_tokens": 1, "output_tokens": 9, "usd": "0.31", "cost_known": True},
    "checks": [{"name": "unit", "command": "make", "passed": False, "end": "code 2", "exit_code": 2, "output": "x"}],
    "fix_rounds": 1, "first_failed": ["unit"], "words": "Renamed it.\n\nQuestion: which one?", "why": "a limit",
    "fault": "vendor", "fix": "factory doctor", "retry_at": "2026-11-21T05:00:00Z", "host": "odd-00001", "lost": "",
}  # fmt: skip
ENDS = ("succeeded", "no-change", "asked", "failed", "unprepared", "rejected", "limited", "capped", "stopped", "lost")


def play(rng: random.Random) -> None:
    asyncio.run(_played(rng))


async def _played(rng: random.Random) -> None:
    world = Elsewhere()
    await world.add(ticket("ACME-1"))
    odd = (await world.says("claim", worker=ODD))["run"]
    await world.add(ticket("ACME-2", project="API"))
    sound = (await world.says("claim", worker=SOUND))["run"]
    assert sound["order"]["work_item_id"] == "ACME-2"
    for number in range(6):
        await _speak_oddly(world, rng, odd)
        if number < 5:
            await world.says(f"runs/{sound['order']['run_id']}/heartbeat", worker=SOUND, **about(sound, "running"))
        world.now += timedelta(seconds=rng.choice((0, 1, 20)))
        await world.leases.settle_due()
        await world.factory.performer.check_in()
        await world.settle()
        await _can_be_looked_at(world)
        odd = await _held_by_odd(world) or odd
    said = about(sound, "succeeded", head=HEAD)
    await world.says(f"runs/{sound['order']['run_id']}/report", worker=SOUND, **said)
    assert await world.state("ACME-2") is State.IN_REVIEW
    await _factory_speaks_oddly(rng, odd)


async def _speak_oddly(world: Elsewhere, rng: random.Random, claim: Any) -> None:
    """One request whose values, or whose JSON, are drawn."""
    run_id, verb = claim["order"]["run_id"], rng.choice(("claim", "heartbeat", "report", "report"))
    said: dict[str, Any] = {"schema": "factory.worker/1", "worker": ODD}
    path = "claim"
    if verb != "claim":
        path = f"runs/{run_id}/{verb}"
        report = {**REPORT, "run_id": run_id, "work_item_id": "ACME-1", "status": rng.choice(ENDS)}
        chosen = {name for name in report if rng.random() < 0.5} | {"run_id", "work_item_id", "status"}
        said |= {"epoch": claim["epoch"], "report": {name: report[name] for name in report if name in chosen}}
        said |= {"head": HEAD} if verb == "report" else {"tail": ["reads", "writes"]}
    answer = await world.asks(path, raw=spoiled(rng, said) or b" ")
    assert answer.status < 500, (path, answer.status, answer.body)
    json.loads(answer.body)


async def _held_by_odd(world: Elsewhere) -> Any:
    """The run of ACME-1 that waits for somebody, if there is one: claimed again."""
    for run_id in list(world.queue._runs):
        run = await world.queue.get_run(run_id)
        if run and run.order and run.order.work_item_id == "ACME-1" and run.state == "waiting":
            return (await world.says("claim", worker=ODD)).get("run")
    return None


async def _can_be_looked_at(world: Elsewhere) -> None:
    report = await overview(world.factory.observed, world.line, "1")
    page(report)
    report.model_dump_json().encode()
    await health(world.factory.observed)
    for key in ("ACME-1", "ACME-2"):
        if found := await item_overview(world.factory.observed, world.line, key, "1"):
            item_page(found)


async def _factory_speaks_oddly(rng: random.Random, claim: Any) -> None:
    """The other way round: a worker takes what it is answered, or says that no factory answered."""
    answer = {"schema": "factory.worker/1", "run": claim, "retry_after_s": 1.0}
    after = rng.choice((b"", b"1", b"9" * 400, b"-1", b"nan", "٣".encode()))
    status, body = rng.choice((200, 200, 200, 400, 409, 429, 503)), spoiled(rng, answer)
    response = httpx2.Response(status, content=body, headers=[(b"retry-after", after)])
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda request: response)) as http:
        client = FactoryClient(http, "https://factory.example", "acme", "t", Speaker(id="sound-0001"))
        try:
            assert (await client.claim()).retry_after_s <= 3600
        except Problem as problem:
            assert (getattr(problem, "after", None) or 0) <= 3600
