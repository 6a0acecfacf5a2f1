"""The laws of the RunQueue port. A queue joins by a subclass of RunQueueLaws with a `world` fixture, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from factory_core.config import Workers
from factory_core.errors import StoreUnavailable, VersionConflict
from factory_core.run_queue import RunQueue
from factory_core.runs import queued_run as steps
from factory_core.runs.queued_run import QueuedRun, Worker
from factory_core.runs.run import RunOrder, RunReport, RunStatus, Usage

from .state_store_laws import HOSTILE, NOW, TICK

RULES = Workers()
ANNA = Worker(id="anna-4f2a", name="anna", version="1", engines=("console",), slots=2, seen_at=NOW)


class World(Protocol):
    """One place where the queues of several tenants live."""

    async def open(self, tenant: str) -> RunQueue: ...

    def cut(self) -> None:
        """From now on nothing behind the open queues can be reached."""
        ...


def an_order(run_id: str = "ACME-1.b1.3", item: str = "ACME-1", **changes: Any) -> RunOrder:
    given = {
        "run_id": run_id, "work_item_id": item, "title": "Rename it", "repository": "acme/api",
        "clone_url": "https://git.example/acme/api", "base": "main", "branch": "factory/ACME-1-rename",
        "engine": "console", "task": "Rename it. 🏭\n" * 400,
        "max_turns": 9, "max_duration": timedelta(minutes=90), "max_usd": Decimal("2.50"),
    }  # fmt: skip
    return RunOrder.model_validate(given | changes)


def a_run(run_id: str = "ACME-1.b1.3", item: str = "ACME-1", late: timedelta = timedelta(0)) -> QueuedRun:
    return steps.queued(an_order(run_id, item), NOW + late)


def a_running_one(run_id: str) -> QueuedRun:
    said = RunReport(run_id=run_id, work_item_id="ACME-1", status=RunStatus.RUNNING, usage=Usage(usd=Decimal("0.07")))
    offered = steps.offer(a_run(run_id), ANNA, NOW, RULES)
    return steps.heartbeat(offered, ANNA.id, offered.epoch, said, ("reads", "writes"), NOW, RULES)


def law(check: Callable[[Any, World], Coroutine[Any, Any, None]]) -> Callable[[Any, World], None]:
    def test(self: object, world: World) -> None:
        asyncio.run(check(self, world))

    test.__doc__ = check.__doc__
    return test


async def loses(putting: Awaitable[object]) -> None:
    with pytest.raises(VersionConflict):
        await putting


class RunQueueLaws:
    """Subclass it as Test…, with a fixture `world`."""

    @law
    async def test_what_was_put_is_what_is_got(self, world: World) -> None:
        """Every field of a run survives, whatever its state."""
        queue = await world.open("acme")
        assert await queue.get_run("R-1") is None
        for run in (a_run("R-1"), a_running_one("R-2"), steps.stopped_before("R-3", NOW)):
            saved = await queue.put_run(run)
            assert saved == run.model_copy(update={"version": 1})
            assert await (await world.open("acme")).get_run(run.run_id) == saved

    @law
    async def test_what_a_newer_release_adds_is_written_back(self, world: World) -> None:
        """Of a run, at every depth, through the steps of an older one; and of a worker."""
        queue, added = await world.open("acme"), {"risk": {"level": "high", "seen": [1, None]}}
        body = a_run("R-1").model_dump(mode="json")
        await queue.put_run(QueuedRun.model_validate({**body, "order": {**body["order"], **added}, **added}))
        known = await queue.get_run("R-1")
        assert known
        await queue.put_run(steps.offer(known, ANNA, NOW, RULES))
        kept = await queue.get_run("R-1")
        assert kept and kept.order and (kept.holder, kept.version) == (ANNA.id, 2)
        assert (kept.model_extra, kept.order.model_extra) == (added, added)
        await queue.put_worker(Worker.model_validate({**ANNA.model_dump(), **added}))
        assert [worker.model_extra for worker in await queue.workers(NOW)] == [added]

    @law
    async def test_a_stale_run_loses_and_stores_nothing(self, world: World) -> None:
        """Only the stored version wins: not 0, not an older, not a newer one; of many at once, one."""
        queue = await world.open("acme")
        await loses(queue.put_run(a_run().model_copy(update={"version": 1})))
        saved = await queue.put_run(await queue.put_run(a_run()))
        for version in (0, 1, 3):
            await loses(queue.put_run(saved.model_copy(update={"version": version, "epoch": 99})))
        assert await queue.get_run(saved.run_id) == saved
        rivals = [saved.model_copy(update={"holder": f"w{n}"}) for n in range(10)]
        said = await asyncio.gather(*(queue.put_run(run) for run in rivals), return_exceptions=True)
        assert sum(isinstance(one, QueuedRun) for one in said) == 1
        assert sum(isinstance(one, VersionConflict) for one in said) == 9

    @law
    async def test_due_runs_are_those_whose_time_has_come_in_their_order(self, world: World) -> None:
        """In line since, lease until, end not told: the longest due first, at most so many, each once."""
        queue = await world.open("acme")
        for late, run_id in enumerate(("R-b", "R-a", "R-c")):
            await queue.put_run(a_run(run_id, late=late * TICK))
        leased = await queue.put_run(a_running_one("R-d"))
        assert list(await queue.due_runs(NOW - TICK, 9)) == []
        assert list(await queue.due_runs(NOW, 9)) == ["R-b"]
        assert list(await queue.due_runs(NOW + RULES.lease - TICK, 9)) == ["R-b", "R-a", "R-c"]
        assert list(await queue.due_runs(NOW + RULES.lease, 9)) == ["R-b", "R-a", "R-c", "R-d"]
        assert list(await queue.due_runs(NOW + RULES.lease, 2)) == ["R-b", "R-a"]
        ended = await queue.put_run(steps.expire(leased, NOW + RULES.lease))
        assert "R-d" in await queue.due_runs(NOW + RULES.lease, 9)
        await queue.put_run(steps.told(ended))
        assert "R-d" not in await queue.due_runs(NOW + timedelta(days=9), 9)

    @law
    async def test_an_items_runs_are_found_and_forgotten(self, world: World) -> None:
        """Also one that was stopped before anybody knew whose it was; deleting twice is deleting once."""
        queue = await world.open("acme")
        early = await queue.put_run(steps.stopped_before("R-3", NOW))
        await queue.put_run(steps.started_late(early, an_order("R-3"), NOW))
        for run_id in ("R-1", "R-2"):
            await queue.put_run(a_run(run_id))
        await queue.put_run(a_run("R-9", item="ACME-2"))
        assert {run.run_id for run in await queue.runs_of("ACME-1")} == {"R-1", "R-2", "R-3"}
        for run_id in ("R-1", "R-1", "R-3"):
            await queue.delete_run(run_id)
        assert {run.run_id for run in await queue.runs_of("ACME-1")} == {"R-2"}
        assert list(await queue.due_runs(NOW, 9)) == ["R-2", "R-9"]
        assert (await queue.put_run(a_run("R-1"))).version == 1

    @law
    async def test_tenants_do_not_see_each_other(self, world: World) -> None:
        """The same ids in two tenants are two runs, and neither sees the other's workers."""
        ours, theirs = await world.open("acme"), await world.open("globex")
        await ours.put_run(a_run())
        await ours.put_worker(ANNA)
        assert await theirs.get_run("ACME-1.b1.3") is None
        assert (list(await theirs.due_runs(NOW, 9)), list(await theirs.runs_of("ACME-1"))) == ([], [])
        assert list(await theirs.workers(NOW - timedelta(days=1))) == []
        await theirs.delete_run("ACME-1.b1.3")
        assert (await theirs.put_run(a_run())).version == 1
        assert await ours.get_run("ACME-1.b1.3") is not None

    @law
    async def test_workers_are_known_by_their_newest_word(self, world: World) -> None:
        """One worker is one, whatever it said before; who was not seen since then is not listed."""
        queue = await world.open("acme")
        later = ANNA.model_copy(update={"slots": 4, "seen_at": NOW + TICK})
        for worker in (ANNA, later, ANNA.model_copy(update={"id": "bert-0000"})):
            await queue.put_worker(worker)
        assert list(await queue.workers(NOW + TICK)) == [later]
        assert {worker.id for worker in await queue.workers(NOW)} == {"anna-4f2a", "bert-0000"}

    @law
    async def test_hostile_ids_are_only_text(self, world: World) -> None:
        """Whatever an item is called, it is that item and no other."""
        queue = await world.open("acme")
        for n, item in enumerate(HOSTILE):
            await queue.put_run(a_run(f"R-{n}", item=item))
        for n, item in enumerate(HOSTILE):
            assert [run.run_id for run in await queue.runs_of(item)] == [f"R-{n}"]

    @law
    async def test_what_cannot_be_reached_is_never_empty(self, world: World) -> None:
        """StoreUnavailable from every call, reads and writes."""
        queue = await world.open("acme")
        await queue.put_run(a_run())
        world.cut()
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: queue.get_run("ACME-1.b1.3"), lambda: queue.put_run(a_run("R-2")), lambda: queue.due_runs(NOW, 9),
            lambda: queue.delete_run("ACME-1.b1.3"), lambda: queue.runs_of("ACME-1"),
            lambda: queue.put_worker(ANNA), lambda: queue.workers(NOW),
        )  # fmt: skip
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call()
