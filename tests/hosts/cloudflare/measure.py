"""`python -m tests.hosts.cloudflare.measure`: figures of the real runtime; only ratios within a run mean something."""

from __future__ import annotations

import json
import secrets
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from factory_core.dispatch.records import InFlightRecord
from infra import cloudflare_package
from tests.scenarios.counting import ANSWER, VAGUE
from tests.scenarios.sandbox_thread import world
from tests.scenarios.worker_process import WorkerProcess, at_work

from .deployed import Deployed
from .remote import Probe
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
            for start in ("without a snapshot", "with one"):
                deployed.runtime.kill()
                bare.kill()
                say(f"first answer {start}, in s", ours=_took(deployed.runtime.start), bare=_took(bare.start))
            _lifecycle(deployed)
            _shapes(deployed)
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


def _shapes(deployed: Deployed) -> None:
    """A new item in the object of its tenant, and in one of its own."""
    name, now = secrets.token_hex(6), datetime.now(UTC)
    tenant = Probe(deployed.runtime, "STORE", name)
    for shape, objects in (
        ("one object", [tenant] * ROUNDS),
        ("one each", [_own(deployed, name) for _ in range(ROUNDS)]),
    ):
        took, rows = [], 0
        for n, probe in enumerate(objects):
            record = InFlightRecord(work_item_id=f"ACME-{n}", wake_at=now)
            took.append(_took(lambda p=probe, r=record: p("store", "acme", now, "put_in_flight", r)))  # type: ignore[misc]
            rows += probe("bill")["rows_written"]
        say(f"a new item, {shape}", p50_ms=statistics.median(took) * 1000, rows=rows / ROUNDS)


def _own(deployed: Deployed, name: str) -> Probe:
    return Probe(deployed.runtime, "STORE", f"{name}-{secrets.token_hex(4)}")


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
        "saved": lambda: deployed.post("acme", "linear", _an_issue(deployed)),
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
    said = kinds["saved"]()
    assert said.status_code == 200, said.text
    known = deployed.tenants["acme"].probe("execute", "SELECT count(*) FROM in_flight WHERE work_item_id LIKE 'NEW-%'")
    assert known[0][0] > ROUNDS, known
    say(f"answers/s to {SENDERS} senders at {items} items", **rate)


def _an_issue(deployed: Deployed) -> bytes:
    """A ticket that is ready, of a new key each time: read, decided on, and a record saved for it."""
    sent = deployed.world.sandbox.webhooks.deliveries
    payload = next(one.payload for one in sent if (one.vendor, one.payload.get("action")) == ("linear", "create"))
    key = f"NEW-{secrets.randbelow(10**9) + 1}"
    changed = {**payload["data"], "id": str(uuid.uuid4()), "identifier": key}
    return json.dumps({**payload, "data": changed, "webhookTimestamp": int(time.time() * 1000)}).encode()


def _bare(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src/main.py").write_text(BARE)
    cloudflare_package.install(cloudflare_package.LOCKS[0], folder / "python_modules")
    settings: dict[str, Any] = {"name": "bare", "main": "src/main.py", "compatibility_date": "2026-11-01"}
    settings |= {"compatibility_flags": ["python_workers"]}
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
