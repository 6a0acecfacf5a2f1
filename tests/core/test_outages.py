"""Vendors, stores and clocks that fail: what came stays, the rest goes on, and nothing is done twice."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Retryable, StoreUnavailable
from factory_core.overview import health, overview
from factory_core.work_item import ItemState, WorkItem

from .swept_world import SweptWorld
from .world import World, run, ticket

pytestmark = pytest.mark.pure
KEYS = [f"ACME-{n}" for n in range(1, 11)]
ROOM = {"agents": 10, "perRepository": 10}


def limited(after: float | None = None) -> Retryable:
    return Retryable("Linear cannot be reached", why="it answered 429", fix="factory check", after=after)


async def leak(world: World, item: str) -> None:
    """A slot of an item that nobody knows."""
    batch = await world.store.get_batch()
    slots = {**batch.slots, item: batch.slots["ACME-1"]}
    await world.store.put_batch(batch.model_copy(update={"slots": slots}))


@pytest.mark.parametrize(("after", "pause"), [(0, timedelta(seconds=2)), (1e20, timedelta(hours=24))])
def test_a_vendors_pause_is_no_shorter_than_ours_and_ends_when_a_person_is_called(
    after: float, pause: timedelta
) -> None:
    async def story() -> None:
        world = World(runner={"firstDelay": "2s", "giveUpAfter": "24h"})
        world.tracker.faults["read_item"] = [limited(after=after)]
        await world.add(ticket())
        (waiting,) = (await world.record()).outbox
        assert waiting.not_before and pause <= waiting.not_before - world.now < pause * 1.5

    run(story())


def test_a_429_for_the_third_of_ten_keeps_the_rest_and_is_tried_again_after_its_five_seconds() -> None:
    """Ten webhooks, one read each; and what worked once starts from the shortest pause when it fails another time."""

    async def story() -> None:
        world = World(capacity=ROOM)
        for key in KEYS:
            world.tracker.faults["read_item"] = [limited(after=5)] if key == "ACME-3" else []
            await world.add(ticket(key))
        assert [await world.state(key) for key in KEYS].count(State.RUNNING) == 9
        await world.later(timedelta(seconds=4.9))
        assert await world.state("ACME-3") is State.TRIAGING
        await world.later(timedelta(seconds=2.6))  # up to half of it is added, so that not all go on at once
        assert await world.state("ACME-3") is State.RUNNING
        world.tracker.faults["read_item"] = [limited()]
        await world.hear(world.changed(None, "ACME-3"))
        (again,) = (await world.record("ACME-3")).outbox
        first = world.config.runner.first_delay
        assert again.not_before and first <= again.not_before - world.now < first * 1.5

    run(story())


def test_a_call_that_never_answers_is_left_after_its_time_and_told() -> None:
    """The others go on at once; the item says what does not answer, and nobody reads health as well while it waits."""

    async def story() -> None:
        world = World(runner={"effectTimeout": 0.02}, capacity=ROOM)
        read = world.tracker.read_item

        async def hangs(item_id: str) -> Any:
            return await (asyncio.Event().wait() if item_id == "ACME-1" else read(item_id))

        world.tracker.read_item = hangs  # type: ignore[method-assign]
        async with asyncio.timeout(2):
            await world.add(ticket("ACME-1"))
            await world.add(ticket("ACME-2"))
        record = await world.record()
        assert (record.state, await world.state("ACME-2")) == (State.TRIAGING, State.RUNNING)
        assert record.outbox[0].why.startswith("no outcome within") and not record.lease.holder
        assert record.outbox[0].vendor == "linear"
        world.now += timedelta(minutes=3)  # nobody performs any more
        found = await health(world.factory.observed)
        assert not found.ok and found.oldest_waiting_effect_s and found.oldest_waiting_effect_s > 170
        assert found.problems[0].startswith("ACME-1 has been due since")

    run(story())


def test_an_hour_of_failing_calls_shows_in_health_and_on_the_item() -> None:
    """The process lives and its loop turns: but the last good call was an hour ago, and the item says what fails."""

    async def story() -> None:
        world = World()
        world.factory.intake.answered("linear")
        world.tracker.faults["read_item"] = [limited()] * 1000
        await world.add(ticket())
        began = world.now
        for _ in range(60):
            await world.later(timedelta(minutes=1))
        assert (await health(world.factory.observed)).last_success_at["linear"] == began
        (item,) = (await overview(world.factory.observed, world.fleet, "1")).moving
        assert item.then and re.match(r"Triage item failed 1\d times: It answered 429\.", item.then)

    run(story())


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_disk_that_is_full_at_any_save_loses_nothing_and_doubles_nothing(nth: int) -> None:
    """The vendor acted and its outcome cannot be kept: the lease runs out, and the same key does it again."""

    async def story() -> None:
        world = World()
        put, left = world.store.put_in_flight, [nth]

        async def full(*args: Any, **keywords: Any) -> InFlightRecord:
            left[0] -= 1
            if left[0] == 0:
                raise StoreUnavailable("the record cannot be saved", why="disk full", fix="factory check")
            return await put(*args, **keywords)

        world.store.put_in_flight = full  # type: ignore[method-assign]
        world.tracker.items["ACME-1"] = ticket(title="Cart is off", description="Please look.")
        told = [world.changed(world.tracker.items["ACME-1"]), world.reply("Show `amount` in the cart page.")]
        for event in told:
            for _ in range(2):  # the sender repeats what was not taken
                try:
                    await world.hear(event)
                except StoreUnavailable:
                    await world.later(timedelta(seconds=61))
        await world.later(timedelta(seconds=61))
        assert await world.state() is State.RUNNING
        assert (len(world.channel.threads["C1:1.0"]), len(world.fleet.orders)) == (1, 1)

    run(story())


def test_a_clock_that_jumps_back_stops_nothing_that_comes_after() -> None:
    """Two hours, in the middle of everything: the next events work at once, slots are mended, events searched for."""

    async def story() -> None:
        world = SweptWorld(capacity=ROOM)
        await world.add(ticket("ACME-1"))
        await world.later(timedelta(minutes=11))
        world.now -= timedelta(hours=2)
        await world.add(ticket("ACME-2"))
        assert len(world.fleet.live) == 2
        world.tracker.items["ACME-3"] = ticket("ACME-3")
        batch = await world.store.get_batch()
        await world.store.put_batch(
            batch.model_copy(update={"slots": {**batch.slots, "ACME-7": batch.slots["ACME-1"]}})
        )
        for _ in range(3):
            await world.later(timedelta(minutes=11))
        assert len(world.fleet.live) == 3 and "ACME-7" not in (await world.store.get_batch()).slots
        for run_id in world.fleet.live:
            await world.factory.recorder.finished(world.fleet.end(run_id, world.fleet.reports[run_id].status.SUCCEEDED))
        await world.settle()
        for number in (1, 2, 3):
            world.target.green(number)
            await world.hear(world.pull(f"ACME-{number}"))
        assert {await world.state(key) for key in KEYS[:3]} == {State.DONE}
        assert len(world.fleet.orders) == len(world.target.merges) == 3

    run(story())


def test_a_record_that_cannot_be_read_keeps_nobody_elses_slot_from_being_mended() -> None:
    """Its own slot is kept, for nobody knows; the one that leaked beside it is given back."""

    async def story() -> None:
        world = World(capacity=ROOM)
        await world.add(ticket("ACME-1"))
        batch = await world.store.get_batch()
        await world.store.put_batch(
            batch.model_copy(update={"slots": {**batch.slots, "ACME-7": batch.slots["ACME-1"]}})
        )
        read = world.store.get_in_flight

        async def partly(item: str) -> InFlightRecord | None:
            if item == "ACME-1":
                raise StoreUnavailable("a stored record cannot be read", why="it is newer", fix="factory check")
            return await read(item)

        world.store.get_in_flight = partly  # type: ignore[method-assign]
        await world.later(timedelta(minutes=1))
        assert set((await world.store.get_batch()).slots) == {"ACME-1"}

    run(story())


def test_a_sweep_that_is_ended_each_time_over_the_same_source_still_comes_round() -> None:
    """A host that kills it after each source: what the others had found out stays, and the next one goes on there."""

    async def story() -> None:
        world = SweptWorld(sweep={"calls": 2})
        world.tracker.items = {key: ticket(key) for key in (f"ACME-{n:03}" for n in range(250))}

        async def killed(item_id: str) -> Any:
            raise asyncio.CancelledError

        visit, world.tracker.read_item = world.tracker.read_item, killed  # type: ignore[method-assign]
        await world.store.put_in_flight(InFlightRecord(work_item_id="OLD-1", state=State.BLOCKED))
        for number in range(3):
            world.now += timedelta(minutes=11)
            world.factory = world.new_factory(f"worker-{number + 2}")
            with pytest.raises(asyncio.CancelledError):
                await world.factory.performer.sweep()
        world.tracker.read_item = visit  # type: ignore[method-assign]
        assert len([record async for record in world.store.list_in_flight()]) == 251

    run(story())


def test_an_answer_is_given_before_anything_is_done() -> None:
    """Saved first, performed later: no vendor is asked before whoever told us is answered."""

    async def story() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        await world.factory.recorder.accept(world.changed(ticket()))
        calls = (world.tracker.calls, world.channel.calls, world.target.calls, world.fleet.calls)
        assert [sum(one.values()) for one in calls] == [0, 0, 0, 0]
        record = await world.record()
        assert (record.state, len(record.outbox), len(world.woken)) == (State.TRIAGING, 1, 1)

    run(story())


def test_a_move_that_the_tracker_shows_and_does_not_keep_is_made_up_for_by_the_next() -> None:
    """Nobody reads a move back: the ticket says ready while its agent works, and is right again from the review on."""

    async def story() -> None:
        world = SweptWorld()
        move = world.tracker.set_state

        async def forgetful(item: WorkItem, state: ItemState) -> None:
            if state is not ItemState.DISPATCHED:
                await move(item, state)

        world.tracker.set_state = forgetful  # type: ignore[method-assign]
        await world.add(ticket())
        assert (await world.sweep()).started == 0 and world.tracker.items["ACME-1"].state is ItemState.READY
        await world.agent_ends()
        assert world.tracker.items["ACME-1"].state is ItemState.IN_REVIEW
        world.target.green(1)
        await world.hear(world.pull())
        assert (await world.state(), world.tracker.items["ACME-1"].state) == (State.DONE, ItemState.DONE)
        assert (await world.sweep()).started == 0 and len(world.fleet.orders) == 1

    run(story())
