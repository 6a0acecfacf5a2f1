"""After a gap, one look at everything that waits for what may not be repeated; dispatch.catch_up says whose turn it is.

A look at an item is an event, so what it leads to is planned in the item's record, and is performed and tried again as
everything else. How far the looks came is stored after each of them. One that asks a vendor is put off before it is
made: a process that is ended while the vendor hangs leaves the next one free to look at something else.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch import catch_up
from ..dispatch.batch import Batch, CatchUp, Lap
from ..dispatch.catch_up import THREADS
from ..dispatch.events import Event, RecheckRequested
from ..dispatch.records import State
from ..errors import ConnectionLost, Problem, UnreadableRecord, VersionConflict
from ..ports import Clock, StateStore
from .connections import Connections
from .reconcile import Sweep
from .retries import wanted_pause

logger = logging.getLogger("factory.catch_up")
ITEMS: Mapping[str, State] = {**{str(state): state for state in State}, **THREADS}
"""Looks at the items in one state; the others are at a list of the search."""

WALKS = frozenset({"deliveries", "dead-letters", "feed"})
"""Lists of which one look reads as much as a whole sweep may: to ask for anything again takes several calls. There is
one of them at a time."""


class Looked(NamedTuple):
    """The lap after a look, None when it is over; what it took of the minute, and how far its list was read."""

    lap: Lap | None
    cost: int = 0
    cursors: Mapping[str, str] = MappingProxyType({})


class CatchUpStep:
    """The looks that are due at one moment."""

    def __init__(
        self, sweep: Sweep, store: StateStore, config: FactoryConfig, clock: Clock,
        accept: Callable[[Event], Awaitable[None]], connections: Connections, begun: Batch,
    ) -> None:  # fmt: skip
        self._sweep, self._store, self._config, self._clock = sweep, store, config, clock
        self._accept, self._connections, self._batch = accept, connections, begun
        self._lists = sweep.lists()
        self._moves = dict[str, tuple[Lap, Lap | None]]()  # what is not stored yet: each lap as it was, and as it is
        self._cursors = dict[str, str]()
        self._pauses = dict[str, datetime]()  # by look of the sweep: the vendor's wish binds that as well

    async def run(self) -> None:
        """Do what is due of the looks that have begun."""
        left, sort = catch_up.allowed(self._state(), self._config.sweep.looks_per_minute, self._clock()), ""
        while left > 0 and sort not in WALKS and (sort := self._next_sort()):
            left -= await (self._at_next_item(sort) if sort in ITEMS else self._at_list(sort))
        while self._moves and not await self._save(0):
            pass

    def _next_sort(self) -> str:
        return catch_up.next_sort(self._state(), self._clock()) or ""

    async def _at_next_item(self, sort: str) -> int:
        """At the next one in its state; what that took of the minute."""
        after: Lap | None = self._lap(sort)
        item = None
        while after and not item:
            listed = await self._store.in_state(ITEMS[sort], after.place, 1)
            after, item = catch_up.step(after, listed[0] if listed else None)
        if item is None:
            return await self._move(sort, Looked(None))
        if sort not in THREADS:
            return await self._made(sort, item, after, partial(self._recheck, item, after))
        return await self._asked(sort, item, after, partial(self._read_thread, item, after))

    async def _at_list(self, sort: str) -> int:
        """At the next part of it; what that took of the minute."""
        if sort not in self._lists:
            return await self._move(sort, Looked(None))
        return await self._asked(sort, sort, self._lap(sort), partial(self._read_list, sort))

    async def _asked(self, sort: str, of: str, passed: Lap | None, look: Callable[[], Awaitable[Looked]]) -> int:
        """Of a vendor, unless that wants to be left alone."""
        name, now = _name(sort), self._clock()
        until = self._pauses.get(name) or self._batch.sweep.not_before.get(name)
        if until and until > now:
            return await self._move(sort, Looked(catch_up.postponed(self._lap(sort), until)))
        put_off = catch_up.postponed(self._lap(sort), now + catch_up.AGAIN)
        paid = await self._move(sort, Looked(put_off, 1))
        return paid and paid + await self._made(sort, of, passed, look, paid)

    async def _made(
        self, sort: str, of: str, passed: Lap | None, look: Callable[[], Awaitable[Looked]], paid: int = 0
    ) -> int:
        try:
            looked = await look()
        except Exception as error:  # a fault of ours is this look's alone
            looked = Looked(await self._after_trouble(sort, of, error, passed), 1)
        return await self._move(sort, looked._replace(cost=looked.cost - paid))

    async def _recheck(self, item: str, after: Lap | None) -> Looked:
        gap = self._state().gap
        seen = f"gap:{gap.until.isoformat()}"
        await self._accept(RecheckRequested(id=seen, work_item_id=item, at=self._clock(), cause=gap.cause))
        return Looked(after, 1)

    async def _read_thread(self, item: str, after: Lap | None) -> Looked:
        await self._sweep.read_thread(item)
        return Looked(after, 1)

    async def _read_list(self, sort: str) -> Looked:
        asked = await self._sweep.ask(sort, self._config.sweep.calls if sort in WALKS else 1)
        until, cost = self._state().gap.until, max(asked.calls, 1)
        if asked.ended and (asked.began is None or asked.began >= until):
            return Looked(None, cost, asked.cursors)
        # a process whose clock was ahead noted the gap: no walk of ours begins after it before our clock has passed it
        return Looked(catch_up.postponed(self._lap(sort), until), cost, asked.cursors)

    async def _move(self, sort: str, looked: Looked) -> int:
        """Note how far this sort came, and store it with what it takes of the minute. 0 when it takes nothing, which is
        stored with the next one, or where another process was faster or another gap was noted: then it is repeated."""
        before, _ = self._moves.get(sort) or (self._lap(sort), None)
        self._moves[sort] = before, looked.lap
        self._cursors |= looked.cursors
        self._batch = self._batch.model_copy(update={"catch_up": catch_up.moved(self._state(), sort, looked.lap)})
        if not looked.cost:
            return 0
        while sort in self._moves:
            if await self._save(looked.cost):
                return looked.cost
        return 0

    async def _save(self, cost: int) -> bool:
        """All that was noted, in one write; or read again what another one wrote, without what that has overtaken."""
        known, state = self._batch.sweep, self._state()
        cursors, pauses = {**known.cursors, **self._cursors}, {**known.not_before, **self._pauses}
        changes = {
            "catch_up": catch_up.paid(state, cost, self._config.sweep.looks_per_minute, self._clock()),
            "sweep": known.model_copy(update={"cursors": cursors, "not_before": pauses}),
        }
        try:
            self._batch = await self._store.put_batch(self._batch.model_copy(update=changes))
        except VersionConflict:
            batch = await self._store.get_batch()
            assert batch.catch_up is not None, "it is kept when the looks are over"
            gap, moves = state.gap, self._moves
            state, self._moves = batch.catch_up, {}
            for sort, (before, lap) in moves.items():
                if state.gap == gap and state.laps.get(sort) == before:  # another gap has laps that look the same
                    self._moves[sort] = before, lap
                    state = catch_up.moved(state, sort, lap)
            self._batch = batch.model_copy(update={"catch_up": state})
            return False
        self._moves, self._cursors, self._pauses = {}, {}, {}
        if not state.laps:
            logger.info("caught up after %s looks: %s", state.looks, state.gap.cause, extra={"action": "catch_up"})
        return True

    def _state(self) -> CatchUp:
        assert self._batch.catch_up is not None, "no look is made before a gap"
        return self._batch.catch_up

    def _lap(self, sort: str) -> Lap:
        return self._state().laps[sort]

    async def _after_trouble(self, sort: str, of: str, error: Exception, passed: Lap | None) -> Lap | None:
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
            self._pauses[_name(sort)] = self._clock() + pause
        return catch_up.postponed(self._lap(sort), self._clock() + (pause or catch_up.AGAIN))


def _name(sort: str) -> str:
    """Of the search's look that asks the same vendor."""
    return sort.partition(" ")[0]
