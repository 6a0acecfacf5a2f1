"""What every peer is put through: set up, lifecycles one and 32 at once, many that wait, idleness, and its disk."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from time import perf_counter
from typing import Protocol

from ..processes import Child


class Peer(Protocol):
    """`pids` are its processes, of which it alone is one, or has some beside it."""

    pids: tuple[int, ...]

    async def start(self, key: str) -> None:
        """Begin a lifecycle with the ticket; return when that is durable, or when it waits."""

    async def resume(self, key: str) -> None:
        """Give the answer under the key, and return when the lifecycle has ended."""

    def bytes_on_disk(self) -> int:
        """Of everything it keeps."""


def folded(file: Path) -> int:
    """Bytes of an SQLite file, once its log is folded into it."""
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


Open = Callable[[Path], AbstractAsyncContextManager[Peer]]


def main(opened: Open, begun: float) -> None:
    """`begun` is when the program began, before it imported its peer."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what it started ends with it
    directory, counts, idle = Path(sys.argv[1]), tuple(map(int, sys.argv[2:5])), float(sys.argv[5])
    print(json.dumps(asyncio.run(_session(opened, begun, directory, counts, idle))), flush=True)


async def _session(
    opened: Open, begun: float, directory: Path, counts: tuple[int, ...], idle: float
) -> dict[str, float]:
    lifecycles, waiting, resumes = counts
    async with opened(directory) as peer:
        said = {"init": (perf_counter() - begun) * 1000}
        await _live(peer, "warm", 2, 1)
        said["rss"] = sum(Child(pid).resident_mb() for pid in peer.pids)
        if lifecycles:
            said |= await _lifecycles(peer, lifecycles)
        return said | await _waits(peer, waiting, resumes, idle)


async def _lifecycles(peer: Peer, count: int) -> dict[str, float]:
    empty = peer.bytes_on_disk()
    alone, together = await _live(peer, "one", count, 1), await _live(peer, "many", count, 32)
    disk = (peer.bytes_on_disk() - empty) / (2 * count)
    return {"lifecycle.c1": alone, "lifecycle.c32": together, "lifecycle.bytes": disk}


async def _waits(peer: Peer, waiting: int, resumes: int, idle: float) -> dict[str, float]:
    """`resumes` while so many wait; as many more come before, untimed, to warm up."""
    every = waiting + resumes
    await asyncio.gather(*(_each(peer.start, [f"w-{n}" for n in range(at, every, 32)]) for at in range(32)))
    await asyncio.sleep(min(1.0, idle))
    spent = await _idle(peer, idle)
    for number in range(waiting, every):
        await peer.resume(f"w-{number}")
    took = [await _timed(peer, n * waiting // resumes) for n in range(resumes)]
    return {"idle_cpu": spent, "resume": statistics.median(took)}


async def _live(peer: Peer, name: str, count: int, at_once: int) -> float:
    async def lifecycle(key: str) -> None:
        await peer.start(key)
        await peer.resume(key)

    todo = iter([f"{name}-{n}" for n in range(count)])
    begun = perf_counter()
    await asyncio.gather(*(_each(lifecycle, todo) for _ in range(at_once)))
    return count / (perf_counter() - begun)


async def _each(work: Callable[[str], Awaitable[None]], keys: Iterable[str]) -> None:
    for key in keys:
        await work(key)


async def _idle(peer: Peer, seconds: float) -> float:
    """Percent of a core while nothing happens."""
    before, begun = sum(Child(pid).cpu_seconds() for pid in peer.pids), perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (sum(Child(pid).cpu_seconds() for pid in peer.pids) - before) / (perf_counter() - begun)


async def _timed(peer: Peer, number: int) -> float:
    begun = perf_counter()
    await peer.resume(f"w-{number}")
    return (perf_counter() - begun) * 1000
