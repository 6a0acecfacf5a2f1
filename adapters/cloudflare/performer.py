"""Performs the due items of an object side by side, in one turn after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import Problem

logger = logging.getLogger("factory.cloudflare")
Perform = Callable[[InFlightRecord, datetime], Awaitable[None]]


class ObjectPerformer:
    """What is claimed between two turns waits for the next."""

    def __init__(self) -> None:
        self._claimed: list[InFlightRecord] = []
        self._turn: Turn | None = None

    def wake(self, record: InFlightRecord) -> None:
        if self._turn is not None:
            self._turn.start(record)
        else:
            self._claimed.append(record)

    @asynccontextmanager
    async def performing(self, perform: Perform, until: datetime) -> AsyncIterator[Turn]:
        """A turn: over when all that was claimed by then has ended, or has given its lease back at `until`."""
        self._turn = turn = Turn(perform, until)
        try:
            claimed, self._claimed = self._claimed, []
            for record in claimed:
                turn.start(record)
            yield turn
        finally:
            await turn.end()
            self._turn = None


class Turn:
    def __init__(self, perform: Perform, until: datetime) -> None:
        self._perform, self._until = perform, until
        self._tasks: list[asyncio.Task[None]] = []
        self.has_begun_any = False

    def start(self, record: InFlightRecord) -> None:
        self.has_begun_any = True
        self._tasks.append(asyncio.create_task(self._logged(record)))

    async def end(self) -> None:
        while self._tasks:
            await self._tasks.pop(0)

    async def _logged(self, record: InFlightRecord) -> None:
        """What fails here costs nothing but a line: the lease runs out, and it is done again."""
        try:
            await self._perform(record, self._until)
        except Problem as problem:
            extra = {"action": "perform", "item": record.work_item_id}
            logger.error("%s: %s", problem.what, problem.why, extra=extra)
        except Exception:  # the outermost frame: a fault of ours must not end the turn for every item
            logger.exception("%s", record.work_item_id, extra={"action": "perform", "item": record.work_item_id})
