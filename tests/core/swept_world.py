"""A world whose check-in looks for missed events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from factory_core.dispatch.batch import SweepReport
from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.performing.reconcile import Sources

from .world import World, ticket

VAGUE = {"title": "Cart is off", "description": "Please look."}
LATE = timedelta(minutes=11)


class SweptWorld(World):
    """A world whose check-in looks for missed events, ten minutes apart."""

    reader: Any = None

    def sources(self) -> Sources:
        return Sources(self.tracker, self.channel, self.target, self.reader)

    async def sweep(self, after: timedelta = LATE) -> SweepReport:
        """Time passes, a sweep is due, and what it found is worked on."""
        self.now += after
        report = await self.factory.performer.sweep()
        await self.settle()
        assert report is not None
        return report

    async def ask(self, key: str = "ACME-1") -> str:
        """A vague ticket comes in and is asked about; the thread's id."""
        await self.add(ticket(key, **VAGUE))
        record = await self.record(key)
        assert record.state is State.WAITING and record.clarification
        return record.clarification.thread_id


def busy(after: float | None = None) -> Retryable:
    return Retryable("Linear cannot be reached", why="it answered 429", fix="factory check", after=after)


def versions(world: World) -> Any:
    async def read() -> dict[str, int]:
        return {record.work_item_id: record.version async for record in world.store.list_in_flight()}

    return read()
