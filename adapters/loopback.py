"""Serving an ASGI app on this machine from inside a program that has other things to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp


class GuestServer(uvicorn.Server):
    """Signals belong to the process that this server is a guest in; `up` is set when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp, listening: socket.socket, http: Any = "h11", **options: Any) -> AsyncIterator[str]:
    """Serve on a socket that already listens while the block runs, and give the address.

    asyncio leaves Nagle's algorithm on for sockets that it did not make itself: each answer would wait 40 ms for the
    client's delayed acknowledgement. Accepted sockets inherit the option.

    h11 refuses a head that does not end; httptools, which uvicorn takes where it is installed, reads on for ever.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = GuestServer(uvicorn.Config(app, http=http, log_config=None, timeout_graceful_shutdown=1, **options))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if running.done():
            up.cancel()
            running.result()
            raise RuntimeError("the server did not start; its log says why")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
