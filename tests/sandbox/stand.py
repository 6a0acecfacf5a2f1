"""A sandbox to test against: a clock that jumps, a receiver that remembers, a client that has a token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from adapters.sandbox.app import sandbox_app
from adapters.sandbox.clock import Clock
from adapters.sandbox.github.git import git
from adapters.sandbox.world import Sandbox

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
