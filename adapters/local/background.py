"""What runs beside the answers to webhooks: the performing of effects, and the tick that cron is elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from factory_core.config import Runner
from factory_core.errors import Problem
from factory_core.factory import Factory

from ..fleets.worker_queue.leases import Leases

logger = logging.getLogger("factory.local")
WATCH = 1.0  # seconds between two looks at the workers' leases
TICK = 0.5  # seconds; a tick that finds nothing due costs one indexed read


class Background:
    """Tasks that nobody awaits, held so that they are neither lost nor left behind."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, patience: float = 5.0) -> None:
        """Let what is under way end, for a while; what does not is done by whoever takes the leases over."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def tick(factory: Factory, rules: Runner) -> None:
    """Check in for ever. The first look reaches one lease ahead: what a dead predecessor held is taken over now."""
    ahead = rules.lease
    while True:
        try:
            await factory.check_in(ahead=ahead, sweep=False)
            ahead = timedelta(0)
        except Problem as problem:
            logger.error("check-in: %s: %s", problem.what, problem.why, extra={"action": "check_in"})
        except Exception:  # the outermost frame: a fault of ours must not stop the clock for every item
            logger.exception("check-in failed", extra={"action": "check_in"})
        await asyncio.sleep(TICK)


async def sweep(factory: Factory) -> None:
    """Look for missed events for ever, when it is time: beside the tick, for it waits for the vendors' answers."""
    while True:
        try:
            await factory.sweep()
        except Problem as problem:
            logger.error("sweep: %s: %s", problem.what, problem.why, extra={"action": "sweep"})
        except Exception:  # the outermost frame, as above
            logger.exception("sweep failed", extra={"action": "sweep"})
        await asyncio.sleep(TICK)


async def watch(leases: Leases) -> None:
    """Take runs from workers that fell silent, and tell ends that nobody told, for ever."""
    while True:
        try:
            await leases.settle_due()
        except Problem as problem:
            logger.error("workers: %s: %s", problem.what, problem.why, extra={"action": "leases"})
        except Exception:  # the outermost frame, as above
            logger.exception("the look at the leases failed", extra={"action": "leases"})
        await asyncio.sleep(WATCH)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """A problem here costs nothing but a line: the lease runs out, and the check-in does it again."""
    try:
        await work
    except Problem as problem:
        logger.error("%s: %s", problem.what, problem.why, extra={"action": "perform"})
