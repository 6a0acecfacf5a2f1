"""Webhooks: reading one, storing what it means, acknowledging it over HTTP, and what it commits.

`python -m bench.ours.webhooks DIRECTORY` serves the real site until it is killed, and writes its port.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

from adapters.local.sqlite_file import SqliteFile, create_file
from adapters.local.sqlite_state_store import SqliteStateStore
from adapters.providers.linear.payloads import Head, IssueDelivery
from adapters.providers.linear.webhook import LinearWebhook
from factory_core.dispatch.effects import AskQuestion
from factory_core.dispatch.events import CheckedIn
from factory_core.dispatch.records import InFlightRecord, LogEntry, State, Summary
from factory_core.intake.http import HttpRequest
from factory_core.intake.signatures import signed

from ..floors.rates import PER_ITEM
from ..http_client import rate
from ..measure import Sizes
from ..processes import module, running
from ..workload import DESCRIPTION, SECRET, TICKET, posted, signature, webhook
from .world import CONFIG, TENANT, World, now


def _request(number: int) -> HttpRequest:
    body = webhook(number)
    headers = {"linear-signature": signature(body), "linear-delivery": f"d-{number}"}
    return HttpRequest(path="/hooks/bench/linear", headers=headers, body=body, received_at=now())


def parse(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """The floor is a digest and json.loads; ours is the signature and the fields used, typed."""
    request, reads = _request(1), LinearWebhook((SECRET,), CONFIG)
    raw, given = request.body, request.headers["linear-signature"]

    def floor() -> None:
        digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, given)
        json.loads(raw)

    def typed() -> None:
        assert signed((SECRET,), raw, given)
        Head.model_validate_json(raw)
        IssueDelivery.model_validate_json(raw)

    def whole() -> None:
        assert reads.events_in(request).events

    return {
        "floor.parse": _per_second(floor, sizes.parses), "factory.parse": _per_second(typed, sizes.parses),
        "factory.events_in": _per_second(whole, sizes.parses),
    }  # fmt: skip


def _per_second(work: Callable[[], None], count: int) -> float:
    begun = perf_counter()
    for _ in range(count):
        work()
    return count / (perf_counter() - begun)


def store(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Load, remember the event, plan an order, compare-and-swap: through the store's port, record for record."""
    order = AskQuestion(text="What is the total to be? " * 6)

    async def main() -> float:
        create_file(path / "factory.db")
        file = SqliteFile(path / "factory.db")
        kept = SqliteStateStore(file, TENANT, now)
        begun = perf_counter()
        for number in range(sizes.events):
            key = f"A-{number // PER_ITEM}"
            record = await kept.get_in_flight(key) or _fresh(key)
            heard = record.remember(CheckedIn(id=f"e-{number}", work_item_id=key, at=record.since or now()))
            await kept.put_in_flight(heard.but(outbox=()).plan([order]))
        took = perf_counter() - begun
        assert file.commits == sizes.events
        file.close()
        return sizes.events / took

    return {"factory.event": asyncio.run(main())}


def _fresh(key: str) -> InFlightRecord:
    """A record of about 1,000 bytes, as the floor's."""
    at = now()
    item = Summary(key=key, title=TICKET["title"], reporter="Ada", digest="0" * 12)
    return InFlightRecord(work_item_id=key, state=State.WAITING, since=at, born="1", item=item).note(
        at, "factory", "Asks.", DESCRIPTION[:550]
    )


def acks(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Signed webhooks, each for a new item, answered by the real server after its commit."""
    with running(module("bench.ours.webhooks", path)) as server:
        port = int(server.said)
        many = [posted(number) for number in range(sizes.requests)]
        alone = [posted(sizes.requests + number) for number in range(sizes.requests // 4)]
        return {"factory.ack.c1": rate(port, alone, 1), "factory.ack.c32": rate(port, many, 32)}


def commits(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Counted: commits a webhook, a webhook that comes again, and a delivered effect of a whole ticket."""

    async def main() -> Mapping[str, float]:
        world, letters = World(path / "factory.db"), [_request(number) for number in range(32)]
        said = {}
        for name in ("webhook", "redelivery"):
            before = world.file.commits
            for letter in letters:
                assert (await world.factory.handle_webhook("linear", letter)).status == 200
            said[f"factory.commits.{name}"] = (world.file.commits - before) / len(letters)
        before = world.file.commits
        await world.ticket("ACME-900")
        events, effects = 4, (await world.record("ACME-900")).planned  # ready, answered, the run's end, green
        said["factory.commits.effect"] = (world.file.commits - before - events) / effects
        world.file.close()
        return said

    return asyncio.run(main())


async def serve(path: Path) -> None:
    """The real site, whose effects are left to the check-in: only the acknowledgement is measured."""
    from adapters.credentials import Secrets
    from adapters.local.server import Site
    from adapters.local.wiring import LocalTenant, Secrets, open_store
    from adapters.loopback import served

    class Acknowledging(LocalTenant):
        def _wake(self, record: InFlightRecord) -> None:
            """Nobody performs here."""

    names = ("LINEAR_WEBHOOK_SECRET", "SLACK_SIGNING_SECRET", "GITHUB_WEBHOOK_SECRET")
    file, presence = open_store(CONFIG, path)
    tenant = Acknowledging(CONFIG, Secrets(dict.fromkeys(names, SECRET)), file, presence, path, {})
    app = Site({TENANT: tenant}, "bench").app()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with served(app, listening, lifespan="off", access_log=False):
            print(listening.getsockname()[1], flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
