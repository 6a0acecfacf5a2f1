"""How long an answer takes to end an item's wait, with few and with many that wait."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from factory_core.work_item import ItemState, Source, WorkItem

from ..measure import Sizes
from ..workload import ANSWER, TICKET
from .crowd import gather, key_of, thread_of
from .world import World

NAMES = ("few", "some", "many")


def resume(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Milliseconds from the answer to the end of the item: p50."""
    said = {}
    for name, waiting in sizes.turned([*zip(NAMES, sizes.waiting, strict=True)]):
        file = gather(path / f"{name}.db", waiting + sizes.warm)
        said[f"factory.resume.{name}"] = asyncio.run(_p50(file, waiting, sizes))
        file.unlink()
    return said


async def _p50(file: Path, waiting: int, sizes: Sizes) -> float:
    """While so many wait: those that warm up come on top."""
    world = World(file)
    for number in range(waiting, waiting + sizes.warm):
        await _resume(world, number)
    took = [await _resume(world, n * waiting // sizes.resumes) for n in range(sizes.resumes)]
    world.file.close()
    return statistics.median(took)


async def _resume(world: World, number: int) -> float:
    key = key_of(number)
    source = Source(provider="linear", external_id=key)
    closed = WorkItem(id=key, key=key, title=TICKET["title"], state=ItemState.CANCELLED, source=source)
    world.tracker.items[key] = closed
    world.channel.threads[thread_of(number)] = []
    begun = perf_counter()
    await world.answer(key, thread_of(number), ANSWER)
    took = (perf_counter() - begun) * 1000
    await world.ended(key)
    return took
