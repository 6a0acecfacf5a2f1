"""The one HTTP client for all servers: requests that are bytes already, over a number of kept connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from time import perf_counter


class Connection(asyncio.Protocol):
    """Sends the next request when the last one was answered well."""

    def __init__(self, todo: Iterator[bytes], status: bytes) -> None:
        self._todo, self._expected, self._read = todo, b"HTTP/1.1 " + status, b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            if head.startswith(self._expected):
                self._read = b""
                self._next()
            elif not self.done.done():
                self.done.set_exception(RuntimeError(f"the server answered {head[:200]!r} {body[:200]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the server hung up: {exc}"))

    def _next(self) -> None:
        request = next(self._todo, None)
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


def rate(port: int, requests: Sequence[bytes], connections: int, status: str = "200") -> float:
    """Requests answered per second; raises RuntimeError at the first that was not answered with `status`."""

    async def send() -> float:
        loop, todo = asyncio.get_running_loop(), iter(requests)
        begun = perf_counter()
        opened = [
            loop.create_connection(lambda: Connection(todo, status.encode()), "127.0.0.1", port)
            for _ in range(connections)
        ]
        await asyncio.gather(*[protocol.done for _, protocol in await asyncio.gather(*opened)])
        return len(requests) / (perf_counter() - begun)

    return asyncio.run(send())
