"""Lifecycles: ready → asked → answered → agent → pull request → merged → done, over the real core and store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from adapters.local.sqlite_file import SqliteFile, create_file
from adapters.local.sqlite_state_store import SqliteStateStore
from adapters.memory.recording_ports import RecordingChannel, RecordingFleet, RecordingTarget, RecordingTracker
from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Event, ItemChanged, PullRequestChanged, Reply, ReplyReceived
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.run import RunStatus
from factory_core.dispatch.task_template import StandardTask
from factory_core.factory import build_factory
from factory_core.runner.perform_dispatch import Performer, RuleTriager
from factory_core.work_item import ItemState, Source, WorkItem

CONFIG = FactoryConfig.model_validate(
    {
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "repositories": {"acme/shop": {}},
        "routing": {"default": "acme/shop"},
        "capacity": {"agents": 1000, "perRepository": 1000, "perState": {"in-review": 1000}},
        "merge": {"policy": "on-green"},
        "agents": {"engine": "console"},
    }
)


def now() -> datetime:
    return datetime.now(UTC)


class Bench:
    """A factory over a SQLite file, with the outside world in memory."""

    def __init__(self, path: Path) -> None:
        create_file(path)
        self.file = SqliteFile(path)
        self.store = SqliteStateStore(self.file, "bench", now)
        self.tracker, self.channel, self.target = RecordingTracker(), RecordingChannel(), RecordingTarget()
        self.fleet = RecordingFleet(now)
        self.woken: dict[str, list[InFlightRecord]] = {}
        performer = Performer(
            CONFIG, self.store, now, tracker=self.tracker, channel=self.channel, target=self.target, fleet=self.fleet,
            triager=RuleTriager(CONFIG), template=StandardTask(CONFIG),
        )  # fmt: skip
        self.factory = build_factory(CONFIG, self.store, performer, now, webhooks={}, holder="bench", wake=self._wake)

    def _wake(self, record: InFlightRecord) -> None:
        self.woken.setdefault(record.work_item_id, []).append(record)

    async def hear(self, event: Event, key: str) -> None:
        await self.factory.accept(event)
        while self.woken.get(key):
            await self.factory.perform(self.woken[key].pop())

    async def lifecycle(self, key: str) -> None:
        """One item from ready to done."""
        source = Source(provider="linear", external_id=key)
        item = WorkItem(id=key, key=key, title="The cart is off", state=ItemState.READY, source=source)
        self.tracker.items[key] = item
        await self.hear(ItemChanged(id=f"i{key}", work_item_id=key, at=now(), item=item), key)
        record = await self.store.get_in_flight(key)
        thread = record.clarification.thread_id if record and record.clarification else ""
        said = Reply(id=f"r{key}", author="U1", text="Show `amount` in the page.", at=now())
        await self.hear(ReplyReceived(id=said.id, work_item_id=key, at=now(), thread_id=thread, reply=said), key)
        run = next(run_id for run_id in self.fleet.live if self.fleet.orders[run_id].work_item_id == key)
        await self.factory.finished(self.fleet.end(run, RunStatus.SUCCEEDED))
        while self.woken.get(key):
            await self.factory.perform(self.woken[key].pop())
        pull = next(p for p in self.target.pull_requests.values() if p.branch.startswith(f"factory/{key}-"))
        self.target.green(pull.number)
        await self.hear(PullRequestChanged(id=f"g{key}", work_item_id=key, at=now(), what="check"), key)
        done = await self.store.get_in_flight(key)
        assert done is not None and done.state is State.DONE, done


def lifecycles(path: Path, count: int, at_once: int) -> tuple[float, float]:
    """Lifecycles per second with `at_once` under way, and commits per lifecycle."""

    async def main() -> tuple[float, float]:
        bench = Bench(path)
        todo = iter(range(count))

        async def worker() -> None:
            for number in todo:
                await bench.lifecycle(f"ACME-{number}")

        begun = perf_counter()
        await asyncio.gather(*(worker() for _ in range(at_once)))
        rate = count / (perf_counter() - begun)
        bench.file.close()
        return rate, bench.file.commits / count

    return asyncio.run(main())
