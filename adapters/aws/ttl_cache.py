"""What a slow source said, by name: asked anew after a while, so that what changes there needs no restart here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from factory_core.errors import Retryable
from factory_core.ports import Clock

logger = logging.getLogger("factory.aws")
KEEP = timedelta(minutes=1)
T = TypeVar("T")


class TtlCache(Generic[T]):
    """While the source is away, its last answer stands. What it refuses is not remembered."""

    def __init__(self, read: Callable[[str], Awaitable[T]], clock: Clock, keep: timedelta = KEEP) -> None:
        self._read, self._clock, self._keep = read, clock, keep
        self._known: dict[str, tuple[datetime, T]] = {}
        self._turns = WeakValueDictionary[str, asyncio.Lock]()  # one a name: no slow answer holds up another's

    async def __call__(self, name: str) -> T:
        async with self._turns.setdefault(name, asyncio.Lock()):
            known = self._known.get(name)
            if known and self._clock() - known[0] < self._keep:
                return known[1]
            try:
                answer = await self._read(name)
            except Retryable as problem:
                if known is None:
                    raise
                logger.warning("%s: %s; the last answer stands", problem.what, problem.why, extra={"action": "read"})
                answer = known[1]
            self._known[name] = (self._clock(), answer)
            return answer
