"""After a gap, one look at everything that waits for what may not be repeated; dispatch.catch_up says whose turn it is.

A look at an item is an event, so what it leads to is planned in the item's record, and is performed and tried again as
everything else. How far the looks came is stored after each step: who ends us loses the looks of one second.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch import catch_up
from ..dispatch.batch import Batch, CatchUp, Lap
from ..dispatch.events import Event, RecheckRequested
from ..dispatch.records import State
from ..errors import ConnectionLost, Problem, UnreadableRecord, VersionConflict
from ..ports import Clock, StateStore
from .connections import Connections
from .retries import wanted_pause
from .sweep import Sweep
from .visits import ANSWERABLE

logger = logging.getLogger("factory.catch_up")
STATES = frozenset(State)
WALKS = frozenset({"deliveries", "dead-letters", "feed"})
"""Lists of which one look reads as much as a whole sweep may: to ask for anything again takes several calls."""


class Looked(NamedTuple):
    """The lap after a look, None when it is over; and what the look took of the minute."""

    lap: Lap | None
    cost: int


class CatchUpStep:
    """The looks that are due at one moment."""

    def __init__(
        self, sweep: Sweep, store: StateStore, config: FactoryConfig, clock: Clock,
        accept: Callable[[Event], Awaitable[None]], connections: Connections, begun: Batch,
    ) -> None:  # fmt: skip
        self._sweep, self._store, self._config, self._clock = sweep, store, config, clock
        self._accept, self._connections, self._begun = accept, connections, begun
        self._lists, self._cursors = sweep.lists(), dict[str, str]()
        self._pauses = dict[str, datetime]()  # by look of the sweep: the vendor's wish binds that as well

    async def run(self) -> None:
        """Do what is due of the looks that have begun, and store how far they came."""
        state = self._begun.catch_up
        if state is None:
            return
        left = catch_up.allowed(state, self._config.sweep.looks_per_minute, self._clock())
        while left > 0 and (sort := catch_up.next_sort(state, self._clock())):
            looked = await self._looked(sort, state.laps[sort], state)
            state = catch_up.moved(state, sort, looked.lap)
            if looked.cost:
                state = catch_up.paid(state, looked.cost, self._config.sweep.looks_per_minute, self._clock())
            left -= looked.cost
        await self._keep(state)

    async def _keep(self, state: CatchUp) -> None:
        """Unless another process came further meanwhile, or noticed another gap: then these looks are repeated."""
        batch = before = self._begun
        while batch.catch_up == before.catch_up and (state != before.catch_up or self._pauses):
            sweep = batch.sweep.model_copy(
                update={
                    "cursors": {**batch.sweep.cursors, **self._cursors},
                    "not_before": {**batch.sweep.not_before, **self._pauses},
                }
            )
            try:
                await self._store.put_batch(batch.model_copy(update={"catch_up": state, "sweep": sweep}))
            except VersionConflict:
                batch = await self._store.get_batch()
                continue
            if not state.laps:
                logger.info("caught up after %s looks: %s", state.looks, state.gap.cause, extra={"action": "catch_up"})
            return

    async def _looked(self, sort: str, lap: Lap, state: CatchUp) -> Looked:
        if sort in STATES:
            return await self._at_next_item(State(sort), lap, state)
        if sort not in self._lists:
            return Looked(None, 0)
        if until := self._pause_of(sort):
            return Looked(catch_up.postponed(lap, until), 0)
        try:
            asked = await self._sweep.ask(sort, self._config.sweep.calls if sort in WALKS else 1)
        except Exception as error:  # a fault of ours is this list's alone
            return Looked(await self._after_trouble(sort, sort, error, lap, None), 1)
        self._cursors |= asked.cursors
        over = asked.ended and (asked.began is None or asked.began >= state.gap.until)
        return Looked(None if over else lap, max(asked.calls, 1))

    async def _at_next_item(self, sort: State, lap: Lap, state: CatchUp) -> Looked:
        if sort in ANSWERABLE and (until := self._pause_of("threads")):
            return Looked(catch_up.postponed(lap, until), 0)
        listed = await self._store.in_state(sort, lap.place, 1)
        after, item = catch_up.step(lap, listed[0] if listed else None)
        if item is None:
            return Looked(after, 0)
        try:
            await self._look_at(item, sort, state)
        except Exception as error:  # as above
            after = await self._after_trouble("threads", item, error, lap, after)
        return Looked(after, 1)

    async def _look_at(self, item: str, sort: State, state: CatchUp) -> None:
        seen = RecheckRequested(
            id=f"gap:{state.gap.until.isoformat()}", work_item_id=item, at=self._clock(), cause=state.gap.cause
        )
        await self._accept(seen)
        if sort in ANSWERABLE:
            await self._sweep.read_thread(item)

    def _pause_of(self, look: str) -> datetime | None:
        """Until when its vendor wants to be left alone, if that is still to come."""
        until = self._pauses.get(look) or self._begun.sweep.not_before.get(look)
        return until if until and until > self._clock() else None

    async def _after_trouble(self, look: str, of: str, error: Exception, lap: Lap, passed: Lap | None) -> Lap | None:
        """What is away is asked again from the same place; what will never work is passed over. Raises what is away for
        all."""
        extra = {"action": "catch_up"}
        if isinstance(error, ConnectionLost):
            await self._connections.lost(error.provider, error.why)
        elif isinstance(error, Problem):
            logger.warning("look at %s: %s: %s", of, error.what, error.why, extra=extra)
            if error.everywhere:
                raise error
        elif isinstance(error, TimeoutError):
            logger.warning("look at %s: no answer in time", of, extra=extra)
        else:
            logger.error("look at %s: %s", of, type(error).__name__, extra=extra, exc_info=error)
            return passed
        if isinstance(error, Problem) and (isinstance(error, UnreadableRecord) or not error.retryable):
            return passed
        pause = wanted_pause(error, self._config.runner) if isinstance(error, Problem) else None
        if pause:
            self._pauses[look] = self._clock() + pause
        return catch_up.postponed(lap, self._clock() + (pause or catch_up.AGAIN))
