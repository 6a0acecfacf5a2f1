"""The loops of a process: each has a name, is watched, and begins again when it ends, whatever ended it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from factory_core.errors import Problem
from factory_core.overview import LoopState
from factory_core.ports import Clock

logger = logging.getLogger("factory.loops")

FIRST_PAUSE, LONGEST_PAUSE = (
    0.5,
    60.0,
)  # seconds before a loop that ended begins again; twice as long each time in a row
CLOSING = 5.0  # seconds that close() waits for steps that were cancelled
Step = Callable[[], Awaitable[object]]


class RoundTooLong(Exception):
    """A step did not return in time, and was cancelled."""


class StepLeft(Exception):
    """A step asked for the end of the process, which is not for a step to decide."""


@dataclass(slots=True)
class _Loop:
    name: str
    step: Step
    every: float
    within: float
    last_round: float  # the clockwork's own seconds; at first, when it was started
    pause: float  # seconds until the next round
    over: bool = False  # it is to end
    asleep: asyncio.Task[None] | None = None  # between two rounds
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
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, step: Step, every: float, within: float) -> None:
        """Call `step` again and again, `every` seconds after it returned, or after the timedelta that it returned. It
        is cancelled when it takes longer than `within` seconds; a loop that has not been round for longer is late.

        A Problem is logged, and costs that round alone. Anything else ends the loop, which begins again after a pause.
        """
        loop = self._loops[name] = _Loop(name, step, every, within, self._monotonic(), every)
        self._begin(loop)

    def stop(self, name: str) -> None:
        """Call its step no more; one that is under way ends by itself, and may be the caller."""
        if loop := self._loops.pop(name, None):
            loop.over = True
            if loop.asleep:
                loop.asleep.cancel()

    def states(self) -> dict[str, LoopState]:
        """How each loop is, by its name."""
        now = self._monotonic()
        return {name: _state(loop, now) for name, loop in self._loops.items()}

    @property
    def goes_round(self) -> bool:
        """Has each loop been round lately?"""
        return not any(state.is_late for state in self.states().values())

    async def close(self) -> None:
        """End all loops. A step that goes on though it was cancelled is logged, and no longer waited for."""
        for name in tuple(self._loops):
            self.stop(name)
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        _, late = await asyncio.wait(self._tasks, timeout=CLOSING)
        for task in late:
            logger.error("%s does not end, and is left behind", task.get_name(), extra={"action": task.get_name()})

    def _begin(self, loop: _Loop) -> None:
        if not loop.over:
            task = asyncio.create_task(self._go_round(loop), name=loop.name)
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, loop), context=copy_context())

    async def _go_round(self, loop: _Loop) -> None:
        while not loop.over:
            failing, pause = "", None
            try:
                pause = await _within(loop.within, loop.step)
            except Problem as problem:
                failing = problem.what
                logger.error("%s: %s: %s", loop.name, problem.what, problem.why, extra={"action": loop.name})
            if loop.failing and not failing:
                logger.warning("%s works again (it met: %s)", loop.name, loop.failing, extra={"action": loop.name})
            loop.failing, loop.last_round, loop.in_a_row = failing, self._monotonic(), 0
            loop.pause = pause.total_seconds() if isinstance(pause, timedelta) else loop.every
            if not loop.over:
                loop.asleep = asyncio.current_task()
                await asyncio.sleep(loop.pause)
                loop.asleep = None

    def _ended(self, loop: _Loop, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if loop.over and error is None:
            return
        pause = min(FIRST_PAUSE * 2 ** min(loop.in_a_row, 20), LONGEST_PAUSE)
        asyncio.get_running_loop().call_later(pause, self._begin, loop)
        loop.restarts, loop.in_a_row = loop.restarts + 1, loop.in_a_row + 1
        reason = _words(error) if error else "something cancelled it"
        loop.failing = loop.last_end = reason
        loop.last_end_at = self._clock()
        goes_on = "" if loop.over else ", and begins again"
        logger.error("%s ended (%s)%s", loop.name, reason, goes_on, extra={"action": loop.name}, exc_info=error)


async def _within(seconds: float, step: Step) -> object:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await step()
    except TimeoutError:
        if limit.expired():
            raise RoundTooLong(f"a round took longer than {seconds:.0f} s") from None
        raise
    except (SystemExit, KeyboardInterrupt) as left:  # a task that raises one of these ends the whole process
        raise StepLeft(_words(left)) from left


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__
        return type(error).__name__


def _state(loop: _Loop, now: float) -> LoopState:
    age = max(0.0, now - loop.last_round)
    return LoopState(
        last_round_s=round(age, 1),
        late_after_s=loop.pause + loop.within,
        restarts=loop.restarts,
        why=loop.failing,
        last_end=loop.last_end,
        last_end_at=loop.last_end_at,
    )
