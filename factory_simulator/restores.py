"""The store is put back to a backup of itself, while everything outside went on.

What the laws know of the store is put back with it: what was lost is as if it had never been stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from factory_core.dispatch.records import InFlightRecord, State
from factory_core.work_item import ItemState

from .schedule import DAY, Fault

if TYPE_CHECKING:
    from .simulation import Simulation
    from .world import Truth


LOST_FOR = 7  # days, in which a lost record is looked for


class Restores:
    """`at`: when the store was put back last, in seconds since the schedule began; below 0: never."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.at = -1.0
        self.count = 0

    def back_up(self, fault: Fault) -> None:
        simulation = self._simulation
        if simulation.storage.backup is None:
            return
        simulation.tell(None, "", "the store is backed up")
        undo = [ledger.backup() for ledger in simulation.ledgers.values()]
        put_back = partial(self._put_back, simulation.storage.backup(), undo, simulation.loop.time())
        simulation.later(fault.seconds, put_back)

    def leave_to_people(self, truth: Truth, record: InFlightRecord | None) -> bool:
        """Is it a ticket that the backup does not know, or not as reopened, and that nobody finds: in review, or where
        nobody lists any?"""
        unknown = record is None or record.state is State.NEW
        shows = truth.item is not None and truth.item.state is ItemState.IN_REVIEW
        return truth.reopening_lost or (self.at >= 0 and unknown and (shows or self._simulation.schedule.rules.relay))

    def _put_back(self, restore: Callable[[], None], undo: list[Callable[[], None]], since: float) -> None:
        """The factory is stopped, and begins again with the backup."""
        simulation = self._simulation
        for process in simulation.processes:
            if not process.dead:
                process.stop()
        simulation.tell(None, "", f"the store is what it was {simulation.loop.time() - since:.0f} s ago")
        restore()
        for each in undo:
            each()
        self.at, self.count = simulation.loop.time(), self.count + 1
        for day in range(1, LOST_FOR):
            simulation.later(day * DAY, simulation.check_in)
        simulation.pauses.store_lost()
        simulation.deaths.store_lost()
        for tenant, outside in simulation.outside.items():
            outside.world.store_lost(since, unread=simulation.schedule.rules.relay)
            outside.fleet.store_lost(simulation.ledgers[tenant].planned)


def merged_work_is_done(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What was merged rests as done, also where a restore had lost that; unless a person did something about it."""
    outside, ledger = simulation.outside[tenant], simulation.ledgers[tenant]
    for key, truth in outside.world.truths.items():
        record = ledger.records.get(key)
        if key not in outside.target.merged_at or record is None or truth.did or truth.lied:
            continue
        if record.state not in (State.DONE, State.NEW):
            yield f"{key} was merged, and is {record.state}"
