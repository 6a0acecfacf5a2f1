"""A sandbox to test against: clocks that jump or are stepped, a receiver that remembers, a client that has a token."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from factory_sandbox.app import sandbox_app, serving
from factory_sandbox.clock import Clock
from factory_sandbox.github.git import git
from factory_sandbox.world import Sandbox

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOOK = "http://factory.test/hooks/acme/"
SECRET = "a shared secret"


class JumpingTime:
    """Sleeping takes no time, but moves the clock; `slept` is what was asked for. While `go` is unset, all sleep."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []
        self.go = asyncio.Event()
        self.go.set()

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)
        await self.go.wait()

    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep)


class SteppedTime:
    """Time passes only in steps, so that what lies between two events can be read."""

    def __init__(self) -> None:
        self.at = START
        self._sleeping: list[tuple[datetime, int, asyncio.Event]] = []
        self._count = itertools.count()
        self.busy: Callable[[], int] = int  # how many tasks are under way, the sleeping ones among them

    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleeping, (self.at + timedelta(seconds=seconds), next(self._count), woken))
        await woken.wait()

    async def settle(self) -> None:
        """Until everything that is under way waits for its time."""
        for _ in range(20_000):
            if self.busy() <= len(self._sleeping):
                return
            await asyncio.sleep(0.001)
        raise AssertionError("something is under way that neither ends nor waits for its time")

    async def advance(self, seconds: float) -> None:
        """So much time passes, and all that falls into it happens in its order."""
        await self.settle()
        end = self.at + timedelta(seconds=seconds)
        while self._sleeping and self._sleeping[0][0] <= end:
            self.at, _, woken = heapq.heappop(self._sleeping)
            woken.set()
            await self.settle()
        self.at = end


class Receiver:
    """Answers webhooks with the statuses given, then with 200; 0 is no answer at all."""

    def __init__(self, *statuses: int) -> None:
        self.statuses: Iterator[int] = iter(statuses)
        self.got: list[httpx2.Request] = []

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.got.append(request)
        status = next(self.statuses, 200)
        if not status:
            raise httpx2.ReadTimeout("no answer", request=request)
        return httpx2.Response(status)

    def bodies(self, *names: str) -> list[Any]:
        """What was sent, of these events of GitHub's or Linear's; without a name all."""
        headers = ("x-github-event", "linear-event")
        chosen = [r for r in self.got if not names or {r.headers.get(header) for header in headers} & set(names)]
        return [json.loads(request.content) for request in chosen]


@contextlib.asynccontextmanager
async def sandbox_and_client(
    receiver: Receiver | None = None, time: JumpingTime | None = None
) -> AsyncIterator[tuple[Sandbox, httpx2.AsyncClient]]:
    transport = (receiver or Receiver()).transport()
    sandbox = await Sandbox.demo(clock=(time or JumpingTime()).clock(), transport=transport)
    app = httpx2.ASGITransport(app=sandbox_app(sandbox))
    headers = {"authorization": "Bearer a-token", "x-correlation-id": "a-test-of-ours"}
    async with httpx2.AsyncClient(transport=app, base_url="http://127.0.0.1", headers=headers) as client:
        try:
            yield sandbox, client
        finally:
            await sandbox.close()


class Served(NamedTuple):
    """A sandbox on a port of its own, its clock, what it sent to one subscriber of each vendor, and a client."""

    sandbox: Sandbox
    client: httpx2.AsyncClient
    time: SteppedTime
    receiver: Receiver

    async def command(self, path: str, **body: Any) -> Any:
        """A command of the control API; refusals fail the test."""
        answer = await self.client.post(f"/_/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """Over real HTTP on loopback; time passes only when the test says so. All vendors' webhooks go to one receiver."""
    time, receiver = SteppedTime(), Receiver()
    sandbox = await Sandbox.demo(clock=time.clock(), transport=receiver.transport())
    time.busy = lambda: sandbox.webhooks.busy
    for vendor in ("linear", "slack", "github"):
        sandbox.webhooks.subscribe(vendor, HOOK + vendor, SECRET)
    headers = {"authorization": "Bearer a-token"}
    async with (
        serving(sandbox) as address,
        httpx2.AsyncClient(base_url=address, headers=headers, timeout=120) as client,
    ):
        yield Served(sandbox, client, time, receiver)


async def graphql(client: httpx2.AsyncClient, vendor: str, query: str, **variables: Any) -> Any:
    """The `data`; an error in the answer fails the test."""
    answer = (await client.post(f"/{vendor}/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def push_branch(path: Path, branch: str, name: str, text: str, base: str = "main") -> str:
    """A commit on a branch, made in the bare repository itself; gives the new tip."""
    blob = await git(path, "hash-object", "-w", "--stdin", body=text.encode())
    listing = await git(path, "ls-tree", base)
    kept = [line for line in listing.splitlines() if not line.endswith(f"\t{name}")]
    tree = await git(path, "mktree", body="\n".join([*kept, f"100644 blob {blob}\t{name}"]).encode())
    commit = await git(path, "commit-tree", tree, "-p", base, "-m", f"Change {name}")
    await git(path, "update-ref", f"refs/heads/{branch}", commit)
    return commit


HEAD, PULLS = "factory/DEMO-1-x", "/github/repos/acme/shop/pulls"


async def open_pull(stage: Served, head: str = HEAD, file: str = "cart.py", **more: Any) -> Any:
    """A pull request of a branch that changes one file."""
    place = stage.sandbox.github.repository("acme/shop")
    await push_branch(place.path, head, file, "def total(prices):\n    return 0\n")
    order = {"head": head, "base": place.default_branch, "title": "DEMO-1: x", "body": "Words", **more}
    answer = await stage.client.post(PULLS, json=order)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def push(stage: Served, text: str, head: str = HEAD, file: str = "cart.py") -> str:
    """Another commit on the branch, and GitHub has seen it."""
    place = stage.sandbox.github.repository("acme/shop")
    sha = await push_branch(place.path, head, file, text, head)
    await stage.sandbox.github.refresh("acme/shop")
    return sha
