"""`python -m tests.cloudflare.measure`: figures of the real runtime here; only ratios within a run mean something."""

from __future__ import annotations

import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra import cloudflare_package
from tests.scenarios.counting import ANSWER, VAGUE
from tests.scenarios.sandbox_thread import world
from tests.scenarios.worker_process import WorkerProcess, at_work

from .deployed import Deployed
from .runtime import Runtime

BARE = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await request.bytes()
        return Response("ok")
"""
ROUNDS, SENDERS = 60, 16
UNUSED = json.dumps({"type": "event_callback", "event": {"type": "reaction_added"}, "event_id": "Ev0"}).encode()


def main() -> None:
    with tempfile.TemporaryDirectory() as made, world() as vendors:
        folder = Path(made)
        cloudflare_package.main(folder / "package")
        deployed = Deployed(folder / "package", folder, vendors)
        bare = Runtime(_bare(folder / "bare"), folder / "bare-runtime")
        try:
            say("first answer after the start", ours=_took(deployed.runtime.start), bare=_took(bare.start))
            _lifecycle(deployed)
            for items in (100, 10_000):
                _fill(deployed, items)
                _webhooks(deployed, bare, items)
        finally:
            deployed.runtime.kill()
            bare.kill()


def _lifecycle(deployed: Deployed) -> None:
    """A vague ticket with a real worker: all that is billed, the line of runs and the worker's questions as well."""
    w, acme = deployed.world, deployed.tenants["acme"]
    deployed.subscribe("acme")
    acme.probe("bill")
    with at_work(WorkerProcess(acme, deployed)):  # type: ignore[arg-type]
        key = w.ticket("The cart is confusing", VAGUE)
        w.reply(acme.asked(key), ANSWER)
        acme.done(key)
    w.run(w.sandbox.webhooks.idle())
    say("a lifecycle with its worker", webhooks=len(w.sandbox.webhooks.deliveries), **acme.probe("bill"))


def _fill(deployed: Deployed, items: int) -> None:
    """Records of a usual size that wait for an answer until next year."""
    text = deployed.tenants["acme"].probe("execute", "SELECT body FROM in_flight LIMIT 1")[0][0]
    wakes = int(time.time() + 3e7) * 1_000_000
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
    insert = f"INSERT OR IGNORE INTO in_flight {numbers} SELECT 'acme', 'OLD-' || x, 1, ?, ? FROM n"
    deployed.tenants["acme"].probe("execute", insert, items, wakes, text)


def _webhooks(deployed: Deployed, bare: Runtime, items: int) -> None:
    """One that is saved, one that means nothing, and a bare Worker: in turn, then many at once."""
    kinds: dict[str, Callable[[], Any]] = {
        "bare": lambda: bare.http.post(bare.address, content=UNUSED),
        "unused": lambda: deployed.post("acme", "slack", UNUSED),
        "saved": lambda: deployed.post("acme", "linear", _an_issue()),
    }
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, send in kinds.items():
            took[name].append(_took(send))
    say(f"p50 in ms at {items} items", **{name: statistics.median(times) * 1000 for name, times in took.items()})
    with ThreadPoolExecutor(SENDERS) as pool:
        rate = {
            name: ROUNDS * 2 / _took(lambda send=send: list(pool.map(lambda _: send(), range(ROUNDS * 2))))  # type: ignore[misc]
            for name, send in kinds.items()
        }
    say(f"answers/s to {SENDERS} senders at {items} items", **rate)
    say(f"the clock's tick in ms at {items} items", tick=_took(lambda: deployed.runtime.tick("* * * * *")) * 1000)


def _an_issue() -> bytes:
    """A change of a ticket that is none of ours: read, decided on, and a record saved for it."""
    now = time.time()
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
    key = f"NEW-{secrets.token_hex(4)}"
    data = {
        "id": secrets.token_hex(16), "identifier": key, "title": "A title", "description": "A sentence.",
        "url": "https://x/y", "createdAt": at, "updatedAt": at, "priority": 0, "labels": [], "team": {"id": "t", "key": "DEMO", "name": "Demo"},
        "state": {"id": "s", "name": "Ready for Agent", "type": "unstarted"}, "project": {"id": "p", "name": "Shop"},
    }  # fmt: skip
    event = {"action": "create", "type": "Issue", "createdAt": at, "data": data, "webhookTimestamp": int(now * 1000)}
    return json.dumps(event).encode()


def _bare(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src/main.py").write_text(BARE)
    cloudflare_package.install(cloudflare_package.LOCKS[0], folder / "python_modules")
    settings = {"name": "bare", "main": "src/main.py", "compatibility_date": "2026-11-01"}
    (folder / "wrangler.jsonc").write_text(json.dumps(settings))
    return folder


def _took(do: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


def say(what: str, **figures: float) -> None:
    print(f"{what}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
