"""Lifecycles over the real core and store: the whole vague ticket, and as much of it as the peers do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from time import perf_counter

from factory_core.dispatch.records import State

from ..measure import Sizes
from .world import World


async def _rate(live: Callable[[str], Awaitable[None]], first: int, count: int, at_once: int) -> float:
    todo = iter(range(first, first + count))

    async def worker() -> None:
        for number in todo:
            await live(f"ACME-{number}")

    begun = perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return count / (perf_counter() - begun)


async def _both(
    path: Path, live: Callable[[World, str], Awaitable[None]], end: State, count: int
) -> tuple[float, float, float]:
    """Lifecycles a second, one at once and 32 at once, and commits of one that was alone."""
    world = World(path)
    alone = await _rate(lambda key: live(world, key), 0, count, 1)
    commits = world.file.commits / count
    together = await _rate(lambda key: live(world, key), count, count, 32)
    for number in range(2 * count):
        await world.ended(f"ACME-{number}", end)
    world.file.close()
    return alone, together, commits


def lifecycle(path: Path, sizes: Sizes) -> Mapping[str, float]:
    file, count = path / "factory.db", sizes.lifecycles
    World(file).file.close()
    _, empty = _disk(file)
    alone, together, commits = asyncio.run(_both(file, World.peers_lifecycle, State.CANCELLED, count))
    rows, disk = _disk(file)
    return {
        "factory.lifecycle.c1": alone, "factory.lifecycle.c32": together, "factory.lifecycle.commits": commits,
        "factory.lifecycle.rows": rows / (2 * count), "factory.lifecycle.bytes": (disk - empty) / (2 * count),
    }  # fmt: skip


def ticket(path: Path, sizes: Sizes) -> Mapping[str, float]:
    file, count = path / "factory.db", sizes.tickets
    alone, together, commits = asyncio.run(_both(file, World.ticket, State.DONE, count))
    rows, disk = _disk(file)
    return {
        "factory.ticket.c1": alone, "factory.ticket.c32": together, "factory.ticket.commits": commits,
        "factory.ticket.rows": rows / (2 * count), "factory.ticket.bytes": disk / (2 * count),
    }  # fmt: skip


def _disk(path: Path) -> tuple[int, int]:
    """Rows of all tables but the schema's, and bytes of the file when the log is folded into it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'factory_schema'")
        rows = sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in named.fetchall())
    return rows, path.stat().st_size
