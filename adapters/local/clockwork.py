"""The loops of a tenant: each has a name, is watched, and begins again when it ends, whatever ended it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from factory_core.errors import Problem
from factory_core.overview import LoopState
from factory_core.ports import Clock

logger = logging.getLogger("factory.local")

FIRST_PAUSE, LONGEST_PAUSE = (
    0.5,
    60.0,
)  # seconds before a loop that ended begins again; twice as long each time in a row
Step = Callable[[], Awaitable[object]]


class RoundTooLong(Exception):
    """A step did not return in time, and was cancelled."""


@dataclass(slots=True)
class _Loop:
    name: str
    step: Step
    every: float
    within: float
    last_round: float  # the clockwork's own seconds; at first, when it was started
    task: asyncio.Task[None] | None = None
    failing: str = ""  # what the last round met; empty when it went well
    in_a_row: int = 0  # ends without a whole round between
    restarts: int = 0
    last_end: str = ""
    last_end_at: datetime | None = None


class Clockwork:
    """Goes round for ever, until close(). `monotonic`: seconds, by which rounds are measured."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._loops: dict[str, _Loop] = {}
        self._closed = False

    def start(self, name: str, step: Step, every: float, within: float) -> None:
        """Call `step` again and again, `every` seconds after it returned. It is cancelled when it takes longer than
        `within` seconds; a loop that has not been round for longer is late.

        A Problem is logged, and costs that round alone. Anything else ends the loop, which begins again after a pause.
        """
        loop = self._loops[name] = _Loop(name, step, every, within, self._monotonic())
        self._begin(loop)

    def states(self) -> dict[str, LoopState]:
        """How each loop is, by its name."""
        now = self._monotonic()
        return {name: _state(loop, now) for name, loop in self._loops.items()}

    async def close(self) -> None:
        self._closed = True
        tasks = [loop.task for loop in self._loops.values() if loop.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, loop: _Loop) -> None:
        if not self._closed:
            loop.task = asyncio.create_task(self._go_round(loop), name=loop.name)
            loop.task.add_done_callback(partial(self._ended, loop), context=copy_context())

    async def _go_round(self, loop: _Loop) -> None:
        while True:
            failing = ""
            try:
                await _within(loop.within, loop.step)
            except Problem as problem:
                failing = problem.what
                logger.error("%s: %s: %s", loop.name, problem.what, problem.why, extra={"action": loop.name})
            if loop.failing and not failing:
                logger.warning("%s works again (it met: %s)", loop.name, loop.failing, extra={"action": loop.name})
            loop.failing, loop.last_round, loop.in_a_row = failing, self._monotonic(), 0
            await asyncio.sleep(loop.every)

    def _ended(self, loop: _Loop, task: asyncio.Task[None]) -> None:
        if self._closed:
            return
        error = None if task.cancelled() else task.exception()
        reason = f"{type(error).__name__}: {error}" if error else "something cancelled it"
        pause = min(FIRST_PAUSE * 2 ** min(loop.in_a_row, 20), LONGEST_PAUSE)
        loop.restarts, loop.in_a_row = loop.restarts + 1, loop.in_a_row + 1
        loop.failing = loop.last_end = reason
        loop.last_end_at = self._clock()
        logger.error(
            "%s ended (%s), and begins again", loop.name, reason, extra={"action": loop.name}, exc_info=error
        )  # fmt: skip
        asyncio.get_running_loop().call_later(pause, self._begin, loop)


async def _within(seconds: float, step: Step) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await step()
    except TimeoutError:
        if limit.expired():
            raise RoundTooLong(f"a round took longer than {seconds:.0f} s") from None
        raise


def _state(loop: _Loop, now: float) -> LoopState:
    age = max(0.0, now - loop.last_round)
    return LoopState(
        last_round_s=round(age, 1),
        late_after_s=loop.every + loop.within,
        restarts=loop.restarts,
        why=loop.failing,
        last_end=loop.last_end,
        last_end_at=loop.last_end_at,
    )
