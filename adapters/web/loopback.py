"""Serving an ASGI app on this machine from inside a program that has other things to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from .bounded_http import HEAD_BYTES, BoundedProtocol, BoundedServer, Bounds, Unanswered


class GuestServer(BoundedServer):
    """Signals belong to the process that this server is a guest in; `up` is set when it answers."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds, unanswered: Unanswered) -> None:
        super().__init__(config, bounds, unanswered)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp,
    *listening: socket.socket,
    http: type[BoundedProtocol] = BoundedProtocol,
    bounds: Bounds | None = None,
    unanswered: Unanswered = lambda path, why: None,
    **options: Any,
) -> AsyncIterator[str]:
    """Serve on sockets that already listen while the block runs, and give the first one's address; closes them.

    asyncio leaves Nagle's algorithm on for sockets that it did not make itself: each answer would wait 40 ms for the
    client's delayed acknowledgement. Accepted sockets inherit the option.
    """
    for one in listening:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bounds = bounds or Bounds()
    config = uvicorn.Config(
        app,
        http=http,
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=HEAD_BYTES,
        forwarded_allow_ips=list(bounds.trusted_proxies),
        **options,
    )
    server = GuestServer(config, bounds, unanswered)
    running = asyncio.create_task(server.serve(sockets=[*listening]))
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if running.done():
            up.cancel()
            running.result()
            raise RuntimeError("the server did not start; its log says why")
        yield f"http://127.0.0.1:{listening[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
