"""The tracker and the channel of one simulated tenant: each call is one moment, and is done or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from factory_core.dispatch.activity import Activity, Link, PlanStep
from factory_core.dispatch.comments import thread_title
from factory_core.dispatch.events import ReplyReceived
from factory_core.dispatch.records import Summary
from factory_core.ports import ItemPage, Thread
from factory_core.work_item import ItemState, WorkItem

from .world import OURS, World

QUESTION = "Answer in this thread; the ticket waits for it."
OVERLAP = 45.0  # seconds: what a person did so shortly before our write may be overwritten, as trackers have no swap


class SimulatedTracker:
    """Tickets. `stale` makes the next read show the ticket of one change ago."""

    provider = "linear"

    def __init__(self, world: World) -> None:
        self._world = world
        self._done: set[str] = set()
        self.stale = False
        self.late_by = 0.0  # seconds that the call under way was held up between its caller and us
        self.read_at: dict[str, float] = {}  # by item, when somebody last read it

    async def read_item(self, item_id: str) -> WorkItem | None:
        self.read_at[item_id] = self._world.now()
        truth = self._world.truths.get(item_id)
        if truth is None:
            return None
        if self.stale and truth.before:
            truth.lied = True
            return truth.before
        truth.lied = False
        return truth.item

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        return item.state is ItemState.READY

    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        """By key; a stale list does not hold what was changed last."""
        items = [truth.item for key, truth in sorted(self._world.truths.items()) if truth.item and key > cursor]
        newest = max((item.updated_at for item in items if item.updated_at), default=None) if self.stale else None
        items = [item for item in items if newest is None or item.updated_at != newest]
        ready = [item for item in items if item.state is ItemState.READY and (item.updated_at or since) >= since]
        return ItemPage(tuple(ready[:limit]), ready[limit - 1].id if len(ready) > limit else "")

    async def begun_items(self, before: datetime, cursor: str, limit: int) -> ItemPage:
        """By key; all that fits into one page."""
        begun = (
            truth.item for _, truth in sorted(self._world.truths.items())
            if truth.item and truth.item.state is ItemState.DISPATCHED and truth.last_by == "factory"
        )  # fmt: skip
        return ItemPage(tuple(item for item in begun if (item.updated_at or before) < before), "")

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        world, truth = self._world, self._world.truths[item.id]
        now = truth.item.state if truth.item else state
        if now is state:
            return
        if state is ItemState.DISPATCHED and item.id not in world.begun:
            world.broken("in-progress-means-begun", f"{item.id} is put in progress, and no run of it has begun")
        if now not in OURS and truth.last_by == "person":
            seen = item.state is now or world.now() - truth.moved_at > OVERLAP + self.late_by
            if seen and not truth.lied:
                world.broken("people-win", f"{item.id} was moved to {state} although a person had put it to {now}")
            world.overwritten(truth, now)
        elif state is ItemState.DONE and 0 <= truth.merged_at <= truth.reopened_at:
            world.overwritten(truth, now)
        world.change(item.id, "factory", state=state)

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        if key in self._done:
            return
        self._done.add(key)
        world, truth = self._world, self._world.truths[item_id]
        world.tell(item_id, f"factory comments: {body[:80]}")
        truth.comments.append(body)

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        self._world.truths[item_id].links.add(url)

    async def claim(self, item: WorkItem) -> None:
        self._world.claimed.add(item.id)

    async def post_activity(self, session_id: str, activity: Activity, key: str) -> None:
        """The tracker shows questions, results and problems as comments, too."""
        world = self._world
        world.acknowledged.setdefault(session_id, world.now())
        if key in self._done:
            return
        self._done.add(key)
        item = world.sessions[session_id]
        world.tell(item, f"factory shows in {session_id}: {activity.kind} {activity.sentence[:80]}")
        world.activities.setdefault(session_id, []).append(activity)
        if not activity.working:
            world.truths[item].comments.append(activity.text)

    async def update_session(self, session_id: str, plan: Sequence[PlanStep], links: Sequence[Link]) -> None:
        self._world.plans[session_id] = tuple(plan)


class SimulatedChannel:
    """Threads; their names are the same in every tenant, so that a mix-up shows."""

    provider = "slack"

    def __init__(self, world: World) -> None:
        self._world, self.stale = world, False
        self._threads: dict[str, str] = {}  # key → thread
        self._said: set[str] = set()
        self.about: dict[str, str] = {}  # thread → item

    async def ask(
        self,
        item: Summary | WorkItem,
        person: str,
        text: str,
        key: str,
        thread_id: str = "",
        session_id: str = "",
    ) -> Thread:
        body = f"{person} {text}".strip()
        if not thread_id:
            return await self.open_thread(thread_title(item), body, key)
        await self.reply(thread_id, body, key)
        return Thread(thread_id, "")

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        if key not in self._threads:
            thread = self._threads[key] = f"C1:{len(self.about) + 1}.0"
            self.about[thread] = self._world.by_key(title.partition(":")[0])
            self._stands(thread, body)
        return Thread(self._threads[key], f"https://chat.example/{self._threads[key]}")

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._stands(thread_id, text)

    async def replies(self, thread_id: str) -> tuple[ReplyReceived, ...]:
        """A stale list does not hold the last one."""
        said = [said for said in self._world.said if said.thread_id == thread_id]
        return tuple(said[: -1 if self.stale else None])

    def _stands(self, thread: str, text: str) -> None:
        world, key = self._world, self.about[thread]
        world.tell(key, f"factory writes in {thread}: {text[:80]}")
        world.truths[key].posts.append((thread, text))
        if not text.endswith(QUESTION):
            return
        world.truths[key].questions += 1
        world.asked(key, thread, where="Which repository" in text)
