"""What one process decides and performs, watched: what people said, under whose lease, when a vendor let us, and how
often a worker died over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any

from factory_core.dispatch.effects import COMPANION, Planned
from factory_core.dispatch.events import Event
from factory_core.dispatch.records import InFlightRecord
from factory_core.performing.outcomes import Finish, Outcome, PerformEffect

from .acknowledged import disobeyed, heard, passed_over

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

Accept = Callable[[Event], Coroutine[Any, Any, None]]
UNDER_WAY: ContextVar[str] = ContextVar("UNDER_WAY", default="")
"""The key of the effect that a call belongs to; nothing in a look for missed events."""
BEGUN: ContextVar[float] = ContextVar("BEGUN", default=inf)
"""When its performance was begun, by the record as it was then."""
BLAMED = 6  # effects that are performed in a row with one that kills may be blamed before it


def accepting(process: Process, tenant: int, accept: Accept) -> Accept:
    """Factory.accept, and what its event has to leave behind."""
    simulation, ledger = process.simulation, process.simulation.ledgers[tenant]

    async def watched(event: Event) -> None:
        item = ledger.concerns(event)
        before, since = ledger.records.get(item), len(ledger.versions.get(item, ()))
        await process.searchers[tenant].give(accept, event)
        after = ledger.records.get(item)
        if before and after and disobeyed(ledger.versions[item][since - 1 :], event):
            simulation.broken("orders-are-followed", f"{item}: {event.id} changed nothing")
        if passed_over(before, after, event):
            simulation.broken("words-are-heard", f"{item} was {before and before.state}, and {event.id} is nowhere")
        if heard(event, before, after):
            ledger.words.hear(ledger.records[item], event)

    return watched


def performing(process: Process, tenant: int, perform: PerformEffect) -> PerformEffect:
    """PerformEffect, by who has the lease; clocks that are far apart may both be right."""
    simulation, ledger = process.simulation, process.simulation.ledgers[tenant]
    near = simulation.schedule.clocks < simulation.configs[tenant].runner.effect_timeout.total_seconds()

    async def watched(record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        UNDER_WAY.set(planned.key)
        BEGUN.set(simulation.loop.time())
        stored = ledger.records.get(record.work_item_id)
        holder = stored.lease.holder if stored else "nobody"
        sure = near and not simulation.wrong_clocks.has_been_wrong()
        if sure and planned.effect.kind not in COMPANION and holder != process.name:
            what = f"{planned.effect.kind} of {record.work_item_id}, whose lease is {holder!r}'s"
            simulation.broken("performed-under-a-lease", f"{process.name} performs {what}")
        return await perform(record, planned)

    return watched


class Pauses:
    """What vendors asked us to wait for. It binds who reads it in a record: a worker may die before it is written."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._asked: dict[tuple[int, str], float] = {}
        self._written: dict[tuple[int, str], tuple[float, float]] = {}  # until when, and when that was written

    def asked(self, tenant: int, call: str, seconds: float) -> None:
        self._asked[tenant, UNDER_WAY.get() or call] = self._simulation.loop.time() + seconds

    def written(self, tenant: int, key: str) -> None:
        """The record of this effect says that its vendor asked for a pause."""
        if (tenant, key) in self._asked:
            self._written[tenant, key] = self._asked.pop((tenant, key)), self._simulation.loop.time()

    def of_looks_written(self, tenant: int) -> None:
        """So does the record of the looks."""
        for of, what in list(self._asked):
            if of == tenant and what.isidentifier():
                self.written(tenant, what)

    def store_lost(self) -> None:
        """Nobody knows of them any more."""
        self._asked.clear()
        self._written.clear()

    def must_be_over(self, tenant: int, call: str) -> None:
        """Clocks that are ahead may be early by just that; who began before that was written knows nothing."""
        simulation, what = self._simulation, UNDER_WAY.get() or call
        until, written = self._written.get((tenant, what), (0.0, 0.0))
        early = until - simulation.loop.time()
        skew = max(simulation.schedule.skew) - min(simulation.schedule.skew)
        if simulation.wrong_clocks.has_been_wrong():
            return  # by one that was ahead it was time, and one that was put back says nothing of what it set before
        if early > skew + 0.001 and BEGUN.get() >= written:
            simulation.broken("retries-keep-the-vendors-delay", f"{call} of {what} comes {early:.0f} s too early")


class Deaths:
    """How often a worker died over an effect."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._of: Counter[tuple[int, str]] = Counter()

    def store_lost(self) -> None:
        """Nobody counts them any more."""
        self._of.clear()

    def over(self, tenant: int, call: str) -> None:
        """A worker dies over this call."""
        key = UNDER_WAY.get()
        self._of[tenant, key] += bool(key)  # a look for missed events is no effect
        most = self._simulation.configs[tenant].runner.max_attempts + BLAMED
        if self._of[tenant, key] > most:
            self._simulation.broken("poison-is-parked", f"more than {most} workers died over {call} of {key}")
