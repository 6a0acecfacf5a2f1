"""A world whose tracker has agent sessions: people open them and write in them; their status follows Linear's rules.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from factory_core.dispatch.activity import Activity
from factory_core.dispatch.events import ItemChanged, Reply, ReplyReceived, StopRequested
from factory_simulator.recording_ports import RecordingTracker
from tests.core.world import World

SILENCE = timedelta(minutes=30)
STATUS = {
    "note": "active",
    "step": "active",
    "question": "awaitingInput",
    "result": "complete",
    "problem": "error",
}


class SessionTracker(RecordingTracker):
    """Remembers when each entry came."""

    def __init__(self, world: SessionWorld) -> None:
        super().__init__()
        self._world = world
        self.entries: dict[str, list[tuple[datetime, Activity]]] = {}

    async def post_activity(self, session_id: str, activity: Activity, key: str) -> None:
        known = key in self.activities.get(session_id, {})
        await super().post_activity(session_id, activity, key)
        if not known:
            self.entries.setdefault(session_id, []).append((self._world.now, activity))


class SessionWorld(World):
    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.tracker = SessionTracker(self)
        self.factory = self.new_factory("worker-1")

    async def open(self, session: str = "s1", item: str = "ACME-1") -> None:
        """A person mentions the factory on the ticket, or delegates it."""
        opened = ItemChanged(id=f"opened:{session}", work_item_id=item, at=self.now, session_id=session)
        await self.hear(opened)

    async def write(self, text: str, session: str = "s1", item: str = "ACME-1", **more: Any) -> None:
        """A person writes in the session."""
        written = Reply(id=self.fresh_id(), author="maya", text=text, at=self.now, **more)
        about = {"work_item_id": item, "at": self.now, "thread_id": f"linear-session:{session}"}
        await self.hear(ReplyReceived(id=f"prompt:{written.id}", **about, session_id=session, reply=written))

    async def stop(self, session: str = "s1", item: str = "ACME-1") -> None:
        """A person presses stop in it."""
        pressed = {"work_item_id": item, "at": self.now, "by": "Maya Chen", "session_id": session}
        await self.hear(StopRequested(id=self.fresh_id(), **pressed))

    def runs(self, item: str = "ACME-1") -> list[str]:
        """Agents that are at work on it."""
        return [run_id for run_id in self.fleet.live if self.fleet.orders[run_id].work_item_id == item]

    def kinds(self, session: str = "s1") -> list[str]:
        return [activity.kind for _, activity in self.tracker.entries.get(session, [])]

    def last(self, session: str = "s1") -> Activity:
        return self.tracker.entries[session][-1][1]

    def status(self, session: str = "s1") -> str:
        """As Linear would show it now."""
        at, newest = self.tracker.entries[session][-1]
        status = STATUS[newest.kind]
        return "stale" if status == "active" and self.now - at > SILENCE else status

    async def pass_time(self, span: timedelta, session: str = "s1", step: timedelta = timedelta(minutes=1)) -> set[str]:
        """Time passes step by step; every status that the session had meanwhile."""
        seen, until = {self.status(session)}, self.now + span
        while self.now < until:
            await self.later(step)
            seen.add(self.status(session))
        return seen
