"""uvicorn with the least above it: a signed webhook answered at once, after its event, or after its group's commit.

`python -m bench.floors.asgi FORM PATH [fast]` serves until it is killed, and writes its port: over h11 and asyncio's
own loop, as the project serves, or over httptools and uvloop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn

from ..http_client import rate
from ..measure import Sizes
from ..processes import BESIDE, module, running
from ..workload import SECRET, posted
from .group import OneCommitATick
from .ledger import Ledger

OK = [(b"content-type", b"application/json"), (b"content-length", b"12")]
Keep = Callable[[str, str], Awaitable[None]]


async def nothing(heard: str, item: str) -> None:
    """No event: the web server alone."""


def one_commit_each(ledger: Ledger) -> Keep:
    async def keep(heard: str, item: str) -> None:
        with ledger:
            ledger.event(heard, item)

    return keep


def one_commit_a_tick(ledger: Ledger) -> Keep:
    group = OneCommitATick(ledger)

    async def keep(heard: str, item: str) -> None:
        await group.keep(lambda: ledger.event(heard, item))

    return keep


FORMS: Mapping[str, Callable[[Ledger], Keep]] = {
    "none": lambda ledger: nothing, "event": one_commit_each, "group": one_commit_a_tick,
}  # fmt: skip


def app(keep: Keep, reads: bool) -> Callable[..., Awaitable[None]]:
    """Checks the signature; `reads`: and parses the body, for its event."""

    async def answer(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = dict(scope["headers"])
        signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()
        ok = hmac.compare_digest(signed, headers.get(b"linear-signature", b""))
        if ok and reads:
            item = json.loads(body)["data"]["identifier"]
            await keep(headers[b"linear-delivery"].decode(), item)
        await send({"type": "http.response.start", "status": 200 if ok else 401, "headers": OK})
        await send({"type": "http.response.body", "body": b'{"ok": true}'})

    return answer


async def serve(form: str, path: Path, http: str) -> None:
    keep = FORMS[form](Ledger(path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(listening.getsockname()[1], flush=True)
        plain = {"lifespan": "off", "log_config": None, "access_log": False}
        await uvicorn.Server(uvicorn.Config(app(keep, form != "none"), http=http, **plain)).serve([listening])


def http(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Every request is an item of its own."""
    said = {}
    for form, few in (("none", True), ("event", True), ("group", False)):
        with running(module("bench.floors.asgi", form, path / f"{form}.db")) as server:
            many = [posted(number) for number in range(sizes.requests)]
            if few:
                alone = [posted(sizes.requests + number) for number in range(sizes.requests // 4)]
                said[f"floor.http.{form}.c1"] = rate(int(server.said), alone, 1)
            said[f"floor.http.{form}.c32"] = rate(int(server.said), many, 32)
    return said


def fast_http(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """The same functions where uvicorn has its fastest parts."""
    said = {}
    for form in FORMS:
        with running(module("bench.floors.asgi", form, path / f"{form}.db", "fast", python=BESIDE)) as server:
            many = [posted(number) for number in range(sizes.requests)]
            said[f"floor.http.{form}.fast.c32"] = rate(int(server.said), many, 32)
    return said


def main(form: str, path: str, fast: str = "") -> None:
    if fast:
        import uvloop  # type: ignore[import-not-found]  # of the extra `bench`

        uvloop.run(serve(form, Path(path), "httptools"))
    else:
        asyncio.run(serve(form, Path(path), "h11"))


if __name__ == "__main__":
    main(*sys.argv[1:])
