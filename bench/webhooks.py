"""Webhook to ack: signed Linear events over HTTP to a real `factory serve`-like process, answered after the commit."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import socket
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, time

SECRET = "bench-secret"  # noqa: S105  (of a server that lives for this measurement)


def serve(path: Path, port: int, ready: Connection) -> None:
    """The server's process: the real site, over a tracker that nobody answers for."""
    from adapters.local.credentials import Secrets
    from adapters.local.server import Site
    from adapters.local.wiring import LocalTenant, open_store
    from adapters.loopback import served
    from factory_core.config import FactoryConfig

    config = FactoryConfig.model_validate(
        {
            "tenant": "bench", "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
            "linear": {"url": "http://127.0.0.1:9"}, "slack": {"url": "http://127.0.0.1:9"},
            "github": {"url": "http://127.0.0.1:9"}, "store": {"path": str(path / "factory.db")},
        }
    )  # fmt: skip
    names = ("LINEAR_WEBHOOK_SECRET", "SLACK_SIGNING_SECRET", "GITHUB_WEBHOOK_SECRET")
    file, presence = open_store(config, path)
    tenant = LocalTenant(config, Secrets(dict.fromkeys(names, SECRET)), file, presence, path, {})
    tenant._wake = lambda record: None  # type: ignore[method-assign]  # only the ack is measured here
    tenant.factory.runner._wake = tenant._wake
    app = Site({"bench": tenant}, "bench").app()

    async def main() -> None:
        with socket.create_server(("127.0.0.1", port)) as listening:
            async with served(app, listening, lifespan="off"):
                ready.send("up")
                await asyncio.Event().wait()

    asyncio.run(main())


def webhook(number: int) -> bytes:
    """One signed POST for an item of its own, as Linear sends it."""
    body = json.dumps(
        {
            "action": "update", "type": "Issue", "webhookTimestamp": int(time() * 1000),
            "createdAt": "2026-01-04T10:00:00.050Z",
            "data": {
                "id": f"uuid-{number}", "identifier": f"ACME-{number}", "title": "Rename", "description": "x" * 3000,
                "state": {"id": "s", "name": "Ready for Agent", "type": "unstarted"}, "labels": [], "priority": 2,
                "team": {"id": "t", "key": "ACME", "name": "ACME"}, "updatedAt": "2026-01-04T10:00:00.000Z",
            },
        }
    ).encode()  # fmt: skip
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST /hooks/bench/linear HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Linear-Signature: {signature}\r\nLinear-Delivery: d-{number}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _hammer(port: int, requests: list[bytes], connections: int) -> float:
    todo = iter(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in todo:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    begun = perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return len(requests) / (perf_counter() - begun)


def acks(path: Path, count: int, connections: int) -> float:
    """Webhooks acknowledged per second; every one is a new item and one durable commit's share."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(path, port, there), daemon=True)
    server.start()
    try:
        if not here.poll(30):
            raise TimeoutError("the server did not come up")
        return asyncio.run(_hammer(port, [webhook(number) for number in range(count)], connections))
    finally:
        server.kill()
        server.join()
