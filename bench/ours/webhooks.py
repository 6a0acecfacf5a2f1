"""Reading a webhook, and what it commits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from adapters.providers.linear.webhook import LinearWebhook, read
from factory_core.http import HttpRequest
from factory_core.signatures import signed

from ..floors.rates import parses, per_second
from ..measure import Sizes
from ..workload import SECRET, signature, webhook
from .world import CONFIG, World, now


def _request(number: int) -> HttpRequest:
    body = webhook(number)
    headers = {"linear-signature": signature(body), "linear-delivery": f"d-{number}"}
    return HttpRequest(path="/hooks/bench/linear", headers=headers, body=body, received_at=now())


def parse(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """The floor is a digest and json.loads; ours is the signature and the fields used, typed."""
    request, reads = _request(1), LinearWebhook((SECRET,), CONFIG)
    raw, given = request.body, request.headers["linear-signature"]

    def typed() -> None:
        assert signed((SECRET,), raw, given)
        read(raw)

    def whole() -> None:
        assert reads.events_in(request).events

    return {
        "floor.parse": parses(sizes.parses), "factory.parse": per_second(typed, sizes.parses),
        "factory.events_in": per_second(whole, sizes.parses),
    }  # fmt: skip


def commits(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Counted: commits a webhook, a webhook that comes again, and a delivered effect of a whole ticket."""

    async def main() -> Mapping[str, float]:
        world, letters = World(path / "factory.db"), [_request(number) for number in range(32)]
        said = {}
        for name in ("webhook", "redelivery"):
            before = world.file.commits
            for letter in letters:
                assert (await world.intake.handle_webhook("linear", letter)).status == 200
            said[f"factory.commits.{name}"] = (world.file.commits - before) / len(letters)
        before = world.file.commits
        await world.ticket("ACME-900")
        events, effects = 4, (await world.record("ACME-900")).planned  # ready, answered, the run's end, green
        said["factory.commits.effect"] = (world.file.commits - before - events) / effects
        world.file.close()
        return said

    return asyncio.run(main())
