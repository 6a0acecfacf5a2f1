"""A ticket that the factory put in progress and has no record of goes on; a person's own is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from factory_core.dispatch.events import ForgetRequested, StopRequested
from factory_core.dispatch.forgotten import forgotten_at
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Retryable
from factory_core.ports import ItemPage
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState, WorkItem
from factory_simulator.recording_ports import RecordingTracker

from .swept_world import SweptWorld
from .world import START, run, ticket

pytestmark = pytest.mark.pure
HOURS = timedelta(hours=3)


class TellingTracker(RecordingTracker):
    """It knows which of its moves were ours: a person edits `items` directly."""

    async def begun_items(self, before: datetime, cursor: str, limit: int) -> ItemPage:
        self._called("begun_items")
        ours = {item for item, state in self.moves if state is ItemState.DISPATCHED}
        found = sorted((one for one in self.items.values() if one.id in ours), key=lambda one: one.id)
        old = [one for one in found if one.state is ItemState.DISPATCHED and one.updated_at and one.updated_at < before]
        rest = [one for one in old if one.id > cursor]
        return ItemPage(tuple(rest[:limit]), rest[limit - 1].id if len(rest) > limit else "")


class StrandedWorld(SweptWorld):
    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.tracker: Any = TellingTracker()
        self.factory = self.new_factory("worker-1")

    async def lose(self, key: str = "ACME-1") -> None:
        """Its record is gone, as after an older copy of the store was put back."""
        await self.store.delete_in_flight(key)

    def left_at(self, key: str = "ACME-1", **changes: Any) -> WorkItem:
        """The ticket as it stands, last changed just now."""
        self.tracker.items[key] = self.tracker.items[key].model_copy(update={"updated_at": self.now, **changes})
        item: WorkItem = self.tracker.items[key]
        return item


def test_a_ticket_in_progress_without_a_record_is_taken_up_once_and_then_a_person_is_asked() -> None:
    """Not before any run of it must be over; it is said on the ticket, and its attempts are counted as always."""

    async def story() -> None:
        world = StrandedWorld()
        await world.add(ticket())
        world.left_at()
        await world.lose()
        (first,) = world.fleet.live
        report = await world.sweep()
        assert report.resumed == 0 and await world.store.get_in_flight("ACME-1") is None
        world.fleet.end(first, RunStatus.CAPPED)
        report = await world.sweep(HOURS)
        record = await world.record()
        assert (report.resumed, record.state, len(world.fleet.live)) == (1, State.RUNNING, 1)
        assert world.fleet.calls["forget"] == 1 and "lost its record" in world.said()[0]
        assert (await world.sweep(HOURS)).resumed == 0
        await world.agent_ends(RunStatus.FAILED)
        await world.later(timedelta(minutes=2))
        await world.agent_ends(RunStatus.FAILED)
        assert await world.state() is State.BLOCKED and len(world.said()) == 2
        assert (await world.sweep(HOURS)).resumed == 0

    run(story())


def test_what_was_stopped_is_not_taken_for_lost_when_its_record_is_forgotten() -> None:
    """A stop leaves the ticket in progress, where the factory had put it."""

    async def story() -> None:
        world = StrandedWorld()
        await world.add(ticket())
        world.left_at()
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="Maya"))
        assert await world.state() is State.CANCELLED
        world.now += world.config.runner.keep_finished
        await world.lose()
        report = await world.sweep(HOURS)
        assert report.resumed == 0 and await world.store.get_in_flight("ACME-1") is None

    run(story())


async def forgotten(**changes: Any) -> StrandedWorld:
    """ACME-1 was stopped in progress, and a person had it forgotten."""
    world = StrandedWorld()
    await world.add(ticket(title="Rename what Zebulonine sees"))
    world.left_at(**changes)
    await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="Maya"))
    await world.hear(ForgetRequested(id="forget", work_item_id="ACME-1", at=world.now, by="Maya"))
    return world


def bare(record: InFlightRecord | None) -> bool:
    """Is nothing of the ticket there but its id?"""
    if record is None or record.item is None:
        return record is None
    known = (record.state, record.item.key, record.item.title, record.item.reporter, record.log)
    identity = record.item.identity
    return known == (State.NEW, record.work_item_id, "", "", ()) and set(record.aliases) <= {identity}


def test_what_was_stopped_and_forgotten_by_command_is_not_taken_for_lost() -> None:
    """Its bare id is kept for as long as a lost record would be looked for, and longer where its ticket changes."""

    async def story() -> None:
        world = await forgotten()
        left = await world.store.get_in_flight("ACME-1")
        assert left and bare(left) and left.run is None and left.spent.usd == 0
        for day in range(20):
            if day == 5:
                world.left_at()  # somebody comments on it
            assert (await world.sweep(timedelta(days=1))).resumed == 0 and world.fleet.live == []
            await world.later(timedelta(minutes=1))
            assert bare(await world.store.get_in_flight("ACME-1"))
        assert await world.store.get_in_flight("ACME-1") is None

    run(story())


@pytest.mark.parametrize("state", [ItemState.READY, ItemState.DISPATCHED, ItemState.OTHER])
def test_a_late_delivery_brings_nothing_back_of_what_was_forgotten(state: ItemState) -> None:
    """Whatever it shows, and wherever the ticket was stopped; nor does the search for what is ready."""

    async def story() -> None:
        world = StrandedWorld()
        item = ticket(title="Rename what Zebulonine sees", updated_at=world.now)
        await world.add(item)
        await world.hear(world.changed(world.left_at(state=state)))
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="Maya"))
        starts = world.fleet.calls["start"]
        await world.hear(ForgetRequested(id="forget", work_item_id="ACME-1", at=world.now, by="Maya"))
        world.now += timedelta(minutes=1)
        for late in (item, item.model_copy(update={"updated_at": None}), None):
            await world.hear(world.changed(late, "ACME-1"))
            left = await world.store.get_in_flight("ACME-1")
            assert "Zebulonine" not in str(left) and (left is None or left.state is State.NEW)
        await world.sweep(HOURS)
        assert world.fleet.calls["start"] == starts and world.fleet.live == []
        assert "Zebulonine" not in str(await world.store.get_in_flight("ACME-1"))

    run(story())


@pytest.mark.parametrize("found_by", ["webhook", "search"])
def test_what_was_forgotten_begins_when_a_person_makes_it_ready_anew(found_by: str) -> None:
    async def story() -> None:
        world = await forgotten()
        world.now += timedelta(minutes=1)
        again = world.left_at(state=ItemState.READY)
        await (world.hear(world.changed(again)) if found_by == "webhook" else world.sweep())
        assert await world.state() is State.RUNNING and not forgotten_at(await world.record())

    run(story())


@pytest.mark.parametrize("by", ["a person", "nobody"])
def test_what_a_person_put_in_progress_is_left_alone(by: str) -> None:
    """Nor is a ticket that was ours once, and that a person moved since."""

    async def story() -> None:
        world = StrandedWorld()
        if by == "nobody":
            await world.add(ticket())
            await world.lose()
            world.left_at(state=ItemState.OTHER)
        else:
            world.tracker.items["ACME-1"] = ticket(state=ItemState.DISPATCHED, updated_at=START)
        report = await world.sweep(HOURS)
        assert report.resumed == 0 and world.said() == [] and await world.store.get_in_flight("ACME-1") is None

    run(story())


def test_a_run_that_lives_all_the_same_keeps_the_ticket_from_a_second_one() -> None:
    """Its fleet says so, for as long as it does; then the ticket goes on."""

    async def story() -> None:
        world = StrandedWorld()
        await world.add(ticket())
        (first,) = world.fleet.live
        world.left_at()
        await world.lose()
        alive = Retryable("ACME-1 still has a run", why="it is waiting", fix="factory status")
        world.fleet.faults["forget"] = [alive] * 3
        await world.sweep(HOURS)
        assert world.fleet.live == [first] and await world.state() is State.TRIAGING
        world.fleet.end(first, RunStatus.LOST)
        for _ in range(5):
            await world.later(timedelta(minutes=6))
        assert len(world.fleet.live) == 1 and world.fleet.live != [first]

    run(story())


def test_a_person_who_takes_it_back_meanwhile_wins() -> None:
    """The list is old when it is read: the fresh read before the triage decides."""

    async def story() -> None:
        world = StrandedWorld()
        await world.add(ticket())
        item = world.left_at()
        world.fleet.end(*world.fleet.live, RunStatus.CAPPED)
        await world.lose()
        world.tracker.items["ACME-1"] = item.model_copy(update={"state": ItemState.OTHER})

        async def stale(before: datetime, cursor: str, limit: int) -> ItemPage:
            return ItemPage((item,), "")

        world.tracker.begun_items = stale
        await world.sweep(HOURS)
        assert await world.state() is State.NEW and world.fleet.live == []

    run(story())


def test_tickets_with_records_cost_one_question_and_no_read() -> None:
    """Beside the one pass over the records that a search makes anyway."""

    async def reads(world: SweptWorld) -> int:
        for n in range(19):
            await world.add(ticket(f"ACME-{n}"))
            changed = {"updated_at": world.now}
            world.tracker.items[f"ACME-{n}"] = world.tracker.items[f"ACME-{n}"].model_copy(update=changed)
        world.now += HOURS
        read, seen = world.store.get_in_flight, list[str]()

        async def noted(name: str) -> Any:
            seen.append(name)
            return await read(name)

        world.store.get_in_flight = noted  # type: ignore[method-assign]
        await world.sweep()
        return len(seen)

    async def story() -> None:
        rules = {"agents": 30, "perRepository": 30}
        telling = StrandedWorld(capacity=rules)
        assert await reads(telling) == await reads(SweptWorld(capacity=rules)) > 0
        assert telling.tracker.calls["begun_items"] == 1

    run(story())
