"""What every server of the project does before anything else has looked at a request."""

from __future__ import annotations

import asyncio
import socket

from starlette.types import Receive, Scope, Send

from adapters.web.loopback import served

LINE = b"a: " + b"y" * 100_000 + b"\r\n"


def test_a_head_without_end_is_not_read() -> None:
    """Nobody has shown who they are yet: what they send must not fill the memory, whatever parsers are installed."""
    heard = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(scope)

    async def refused() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            async with served(app, listening, lifespan="off") as url:
                _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                try:
                    for line in [b"GET / HTTP/1.1\r\nHost: x\r\n", *[LINE] * 100]:
                        writer.write(line)
                        await writer.drain()
                    return False
                except ConnectionError:
                    return True
                finally:
                    writer.close()

    assert asyncio.run(refused()) and not heard
