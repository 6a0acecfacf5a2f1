"""An effect, and a look for missed events, as one process performs it: under whose lease, and not before the vendor's
own time.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from factory_core.dispatch.effects import COMPANION, Planned
from factory_core.dispatch.records import InFlightRecord
from factory_core.runner.drive import Finish, Outcome, Perform

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

UNDER_WAY: ContextVar[str] = ContextVar("UNDER_WAY", default="")
"""The key of the effect that a call belongs to; nothing in a look for missed events."""


def watched(process: Process, tenant: int, perform: Perform) -> Perform:
    """drive.Perform, with its laws before it."""
    simulation, ledger = process.simulation, process.simulation.ledgers[tenant]
    patience = simulation.configs[tenant].runner.effect_timeout.total_seconds()

    async def performing(record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        UNDER_WAY.set(planned.key)
        stored = ledger.records.get(record.work_item_id)
        sure = simulation.schedule.clocks < patience  # clocks that are further apart may both be right
        if sure and planned.effect.kind not in COMPANION and (stored is None or stored.lease.holder != process.name):
            held = f"and the lease is of {stored.lease.holder!r}" if stored else "and there is no record"
            what = f"{process.name} performs {planned.effect.kind} of {record.work_item_id}, {held}"
            simulation.broken("performed-under-a-lease", what)
        return await perform(record, planned)

    return performing


class Pauses:
    """What vendors asked us to wait for. It binds who reads it in a record: a worker may die before it is written."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._asked: dict[tuple[int, str], float] = {}
        self._written: dict[tuple[int, str], float] = {}

    def asked(self, tenant: int, call: str, seconds: float) -> None:
        self._asked[tenant, UNDER_WAY.get() or call] = self._simulation.loop.time() + seconds

    def written(self, tenant: int, key: str) -> None:
        """The record of this effect says that its vendor asked for a pause."""
        if (tenant, key) in self._asked:
            self._written[tenant, key] = self._asked.pop((tenant, key))

    def of_looks_written(self, tenant: int) -> None:
        """So does the record of the looks."""
        for of, what in list(self._asked):
            if of == tenant and what.isidentifier():
                self.written(tenant, what)

    def must_be_over(self, tenant: int, call: str) -> None:
        """Clocks that are ahead may be early by just that."""
        simulation, what = self._simulation, UNDER_WAY.get() or call
        early = self._written.get((tenant, what), 0.0) - simulation.loop.time()
        skew = max(simulation.schedule.skew) - min(simulation.schedule.skew)
        if early > skew + 0.001:
            simulation.broken("retries-keep-the-vendors-delay", f"{call} of {what} comes {early:.0f} s too early")
