"""What runs beside the answers to webhooks: the performing of effects, and the tick that cron is elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from factory_core.config import Runner
from factory_core.errors import Problem
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.gaps import Gaps

from ..clockwork import CLOSING, Step
from .clocks import Clocks, why_missed

logger = logging.getLogger("factory.local")


class BackgroundTasks:
    """Tasks that nothing awaits, held so that they are neither lost nor left behind."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self, patience: float = 5.0) -> None:
        """Let what is under way end, for a while; what does not is done by whoever takes the leases over."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            self._closing = True
            for task in late:
                task.cancel()
            _, left = await asyncio.wait(late, timeout=CLOSING) if late else ((), ())
            if left:
                logger.error("%s effects do not end, and are left behind", len(left), extra={"action": "perform"})

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() and not self._closing:
            logger.error("effects are not performed: something cancelled it", extra={"action": "perform"})


def check_in(performer: EffectPerformer, rules: Runner) -> Step:
    """A look at what is due. The first that goes well reaches one lease ahead: what a dead predecessor held is taken
    over then."""
    ahead = rules.lease

    async def look() -> None:
        nonlocal ahead
        await performer.check_in(ahead=ahead, sweep=False)
        ahead = timedelta(0)

    return look


def watch_clocks(gaps: Gaps, read: Callable[[], Clocks], every: float) -> Step:
    """Notes when this process or its machine stood still since the last call, or its clock was put: senders gave up
    meanwhile."""
    before = read()

    async def look() -> None:
        nonlocal before
        after = read()
        if cause := why_missed(before, after, timedelta(seconds=every)):
            gaps.note(cause, before.wall)
        before = after

    return look


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """A problem here costs nothing but a line: the lease runs out, and the check-in does it again."""
    try:
        await work
    except Problem as problem:
        logger.error("%s: %s", problem.what, problem.why, extra={"action": "perform"})
    except (Exception, SystemExit):  # the outermost frame: nobody else would say why it ended
        logger.exception("effects are not performed", extra={"action": "perform"})
