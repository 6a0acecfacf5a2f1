"""What is forgotten is nowhere in a store any more: one of its words is looked for in all that is stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.fleets.worker_queue.leases import Leases
from factory_core.dispatch.events import ForgetRequested
from factory_core.dispatch.records import State
from factory_core.ports import StateStore
from factory_core.run_queue import RunQueue
from factory_core.runs.queued_run import Worker
from factory_core.runs.run import RunReport, RunStatus
from factory_core.work_item import ItemState, WorkItem
from tests.core.world import CLEAR, World, ticket

WORD, OTHER = "Zebulonine", "Quillandra"
ANNA = Worker(id="anna-0001", engines=("console",), slots=9)
HEAD = "a" * 40


class StoredWorld(World):
    """The core over a store and a queue that are given, on their clock; a test plays the worker."""

    def __init__(self, store: StateStore, queue: RunQueue, clock: Any) -> None:
        self._clock = clock
        super().__init__(runner={"keepFinished": "7d"})
        self.store: Any = store
        self.leases = Leases(queue, self.clock, self.config.workers)
        self.fleet: Any = WorkerQueueFleet(self.leases, self._tell)
        self.factory = self.new_factory("worker-1")
        self.leases.began, self.leases.finished = self.factory.recorder.began, self.factory.recorder.finished

    @property
    def now(self) -> datetime:  # type: ignore[override]
        now: datetime = self._clock.now
        return now

    @now.setter
    def now(self, now: datetime) -> None:
        self._clock.now = now

    async def _tell(self, run_id: str) -> None:
        """The worker asks when the test wants it to."""

    async def asked(self, key: str, word: str) -> str:
        """The thread in which it is asked about, where somebody has written that means nothing to the factory."""
        await self.add(ticket(key, title=f"Cart of {word} is off", description=f"Please look, says {word}."))
        record = await self.record(key)
        assert record.state is State.WAITING and record.clarification, record.state
        thread = record.clarification.thread_id
        await self.hear(self.reply(f"{word} wonders, too, but does not know it either.", thread))
        return thread

    async def worked_on(self, key: str, word: str) -> None:
        """A worker has begun it, says so, and then that it is done."""
        await self.add(self.clear(key, word))
        await self.leases.heard(ANNA)
        run = await self.leases.claim(ANNA)
        assert run and run.order and word in run.order.task
        said = RunReport(run_id=run.run_id, work_item_id=key, status=RunStatus.RUNNING, progress=f"reads {word}.py")
        await self.leases.heartbeat(run.run_id, ANNA, run.epoch, said, [f"opens {word}.py"])
        await self.settle()
        ended = said.model_copy(update={"status": RunStatus.SUCCEEDED, "words": f"Renamed what {word} saw."})
        await self.leases.report(run.run_id, ANNA, run.epoch, ended, HEAD)
        await self.settle()
        assert await self.state(key) is State.IN_REVIEW

    def clear(self, key: str, word: str, **changes: Any) -> WorkItem:
        changes = {"title": f"Rename what {word} sees", "description": f"{CLEAR}\n{word} asked for it.", **changes}
        return ticket(key, reporter=f"Ms {word}", **changes)

    async def cancelled(self, key: str, word: str) -> None:
        item = self.clear(key, word, state=ItemState.OTHER)
        self.tracker.items[key] = item
        await self.hear(self.changed(item))
        assert await self.state(key) is State.CANCELLED

    async def deleted(self, key: str) -> None:
        del self.tracker.items[key]
        await self.hear(self.changed(None, key))

    async def forget(self, key: str) -> None:
        order = ForgetRequested(id=self.fresh_id(), work_item_id=key, at=self.now, by="maya")
        await self.hear(order)


async def check_forgetting(world: Any) -> None:
    """By command, at once; of a deleted ticket after a week; of what is over a month later also what it has spent."""
    w = StoredWorld(await world.open("acme"), await world.open_queue("acme"), world.clock)
    await w.asked("ACME-9", OTHER)
    for key in ("ACME-1", "ACME-2"):
        await w.worked_on(key, WORD)
    await w.asked("ACME-3", WORD)
    assert world.everything().count(WORD) > 10

    await w.cancelled("ACME-1", WORD)
    await w.deleted("ACME-3")
    for key in ("ACME-2", "ACME-3"):
        left = await w.store.get_in_flight(key)
        assert left is not None
    await w.forget("ACME-1")
    assert await w.store.get_in_flight("ACME-1") is None and lines_of(world, "ACME-1") == []
    assert OTHER in world.everything()

    await w.cancelled("ACME-2", WORD)
    await w.hear(w.reply(f"{WORD} speaks where nothing was asked.", "C7:7.7"))
    await w.later(timedelta(days=7, minutes=2))
    assert lines_of(world, "ACME-3") == []
    await w.later(timedelta(days=30))
    await w.later(timedelta(minutes=2))
    assert WORD not in world.everything()
    assert OTHER in world.everything()


def lines_of(world: Any, key: str) -> list[str]:
    return [line for line in world.everything().splitlines() if key in line and (WORD in line or OTHER in line)]
