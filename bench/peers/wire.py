"""JSON over kept HTTP/1.1 connections on this machine, with as little as possible between a peer and its caller."""

from __future__ import annotations

import asyncio
import json
from typing import Any

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """As many connections as calls under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[Streams] = []

    async def call(self, method: str, path: str, body: Any = None) -> bytes:
        """The answer's body; RuntimeError for anything but 2xx."""
        streams = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = streams
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
        if "chunked" in headers.get("transfer-encoding", ""):
            answer = await _chunks(reader)
        else:
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        self._free.append(streams)
        return answer


def _head(read: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = read.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
