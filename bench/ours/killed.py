"""`kill -9` of the server while its effects are under way: what its vendors have seen twice when it has come back.

`python -m bench.ours.killed COUNT` serves the stand-in vendors until it is killed, and writes their address.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from starlette.responses import Response

from adapters.stores import record_sql
from factory_core.dispatch.records import InFlightRecord, State
from factory_sandbox.app import serving
from factory_sandbox.clock import Clock
from factory_sandbox.faults import Faults, FaultyVendor
from factory_sandbox.world import Sandbox

from ..measure import Absent, Sizes
from ..processes import free_port, module, running
from ..workload import SECRET
from .serving import SETTLE, configure, served
from .world import TENANT

ASK, CHANNEL = "chat.postMessage", "C0SANDBOX"
PATIENCE = 30.0  # seconds for all of them to be under way, or over
Node = dict[str, Any]


class Unheard(Faults):
    """The first so many questions are never answered; every other one of them stands in the channel all the same."""

    def __init__(self, clock: Clock, count: int) -> None:
        super().__init__(clock)
        self._left = count

    async def answer(self, vendor: FaultyVendor, operation: str, act: Callable[[], Awaitable[Response]]) -> Response:
        if operation != ASK or not self._left:
            return await super().answer(vendor, operation, act)
        self._left -= 1
        if self._left % 2:
            await act()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class Vendors:
    """What people do at the vendors, and what they see there."""

    def __init__(self, address: str) -> None:
        self.address = address

    def call(self, path: str, **given: str) -> Node:
        body = json.dumps(given).encode() if given else None
        with urllib.request.urlopen(f"{self.address}/_/{path}", body, timeout=PATIENCE) as answer:
            said: Node = json.load(answer)
        return said

    def under_way(self) -> int:
        asked: int = self.call("state")["requests"].get("slack", {}).get(ASK, 0)
        return asked

    def questions(self) -> Counter[str]:
        """Of each ticket."""
        threads = self.call("state")["slack"]["threads"].values()
        return Counter(thread[0]["text"].partition(":")[0] for thread in threads)


def killed(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Vague tickets become ready at once; the server dies while it asks about all of them, and another one goes on."""
    with running(module("bench.ours.killed", sizes.killed)) as stand:
        vendors, home, port = Vendors(stand.said), path / "home", free_port()
        configure(home, _addresses(stand.said))
        with served(home, port):
            vendors.call(
                "subscribe", vendor="linear", url=f"http://127.0.0.1:{port}/hooks/{TENANT}/linear", secret=SECRET
            )
            for number in range(sizes.killed):
                vendors.call("linear/issues", title=f"Cart {number}", description="Nicer?", state="Ready for Agent")
            _until(lambda: vendors.under_way() == sizes.killed)
        acted = vendors.questions()
        with served(home, port):
            _until(lambda: _waiting(home / "factory.db") == sizes.killed)
            time.sleep(SETTLE)
        return {
            "factory.kill.amid": sizes.killed,
            "factory.kill.acted": acted.total(),
            "factory.kill.twice": sum(count - 1 for count in vendors.questions().values()),
        }


def _addresses(at: str) -> Mapping[str, Mapping[str, str]]:
    return {
        "linear": {"url": f"{at}/linear"},
        "slack": {"url": f"{at}/slack", "channel": CHANNEL},
        "github": {"url": f"{at}/github", "gitUrl": f"{at}/git"},
    }


def _waiting(file: Path) -> int:
    """Tickets whose question stands, with nothing left to do for them."""
    select = record_sql.select_page(TENANT, "")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(select.sql, select.values).fetchall()
    records = [record_sql.decode(InFlightRecord, body) for _, body in rows]
    return sum(one.state is State.WAITING and one.clarification is not None and not one.outbox for one in records)


def _until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > end:
            raise Absent(f"not all of them were under way, or over, within {PATIENCE:g} s")
        time.sleep(0.02)


async def serve(count: int) -> None:
    sandbox = await Sandbox.demo()
    sandbox.faults = Unheard(sandbox.clock, count)
    async with serving(sandbox) as address:
        print(address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
