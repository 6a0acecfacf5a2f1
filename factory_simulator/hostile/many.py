"""Many draws of the hostile engine, over several processes: what was played, and what is broken."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from factory_core.work_item import Frozen

from .draw import HostileDraw, draw_hostile
from .fast_start import FastStart
from .laws import Broken
from .play import play_in, policy, started_by

CHUNK = 10
AT_ONCE = 5  # most of a play is waiting
CLOSES_WITHIN = 0.7  # seconds, instead of the ten that an engine has after its closing line
MOST_FAILURES = 5


class HostileFailure(Frozen):
    """A broken law; `story` is what happened, one run a line."""

    law: str
    why: str
    drawn: HostileDraw
    story: tuple[str, ...]


class HostilePlayed(Frozen):
    draws: int = 0
    runs: int = 0
    failures: tuple[HostileFailure, ...] = ()

    def plus(self, other: HostilePlayed) -> HostilePlayed:
        return HostilePlayed(
            draws=self.draws + other.draws, runs=self.runs + other.runs, failures=self.failures + other.failures
        )


def playing_hostile(draws: Sequence[HostileDraw], jobs: int) -> Iterator[HostilePlayed]:
    """All that was played so far, time and again until it is over, or several laws are broken."""
    chunks = [draws[n : n + CHUNK] for n in range(0, len(draws), CHUNK)]
    total = HostilePlayed()
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        for played in pool.map(_play_chunk, chunks):
            total = total.plus(played)
            yield total
            if len(total.failures) >= MOST_FAILURES:
                return
    finally:
        pool.shutdown(cancel_futures=True)


def play_all(draws: Sequence[HostileDraw], fast: FastStart | None) -> HostilePlayed:
    """In this process, several at once; without `fast`, each supervisor is started as the product starts it."""
    with started_by(fast.start if fast else None):
        ended = asyncio.run(_at_once(draws))
    failures = tuple(
        HostileFailure(law=broken.law, why=broken.why, drawn=drawn, story=tuple(story))
        for drawn, (broken, story) in zip(draws, ended, strict=True)
        if broken
    )
    return HostilePlayed(draws=len(draws), runs=sum(len(story) for _, story in ended), failures=failures)


def drawn_from(seeds: Sequence[int]) -> list[HostileDraw]:
    return [draw_hostile(seed) for seed in seeds]


async def _at_once(draws: Sequence[HostileDraw]) -> list[tuple[Broken | None, list[str]]]:
    gate, wall = asyncio.Semaphore(AT_ONCE), policy()

    async def one(drawn: HostileDraw) -> tuple[Broken | None, list[str]]:
        async with gate:
            return await play_in(drawn, wall)

    return await asyncio.gather(*map(one, draws))


_FAST: list[FastStart] = []


def _play_chunk(draws: Sequence[HostileDraw]) -> HostilePlayed:
    """In a process of the pool, which has one such start of its own."""
    if not _FAST:
        _FAST.append(FastStart(CLOSES_WITHIN))
        atexit.register(_FAST[0].close)
    return play_all(draws, _FAST[0])
