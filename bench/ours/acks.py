"""Webhook to ack: signed webhooks over HTTP to the real server, each answered after its commit.

`python -m bench.ours.acks DIRECTORY` serves the real site until it is killed, and writes its port.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.web.loopback import served
from factory_core.dispatch.records import InFlightRecord

from ..http_client import rate
from ..measure import Sizes
from ..processes import module, running
from ..workload import SECRET, posted
from .world import CONFIG, TENANT


def acks(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Signed webhooks, each for a new item, answered by the real server after its commit."""
    with running(module("bench.ours.acks", path)) as server:
        port = int(server.said)
        many = [posted(number) for number in range(sizes.requests)]
        alone = [posted(sizes.requests + number) for number in range(sizes.requests // 4)]
        return {"factory.ack.c1": rate(port, alone, 1), "factory.ack.c32": rate(port, many, 32)}


async def serve(path: Path) -> None:
    """The real site, whose effects are left to the check-in: only the acknowledgement is measured."""

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
