"""One happening comes by many ways, twice, late or as a mere pointer, and is one; an event is a hint, never a fact."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from factory_core.dispatch.events import AgentFinished, Event, StopRequested
from factory_core.dispatch.records import State
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .world import World, run, ticket

pytestmark = pytest.mark.pure


def test_one_change_by_four_ways_under_four_ids_starts_one_agent() -> None:
    """By key, by state, by uuid, as a pointer: whichever is first begins, and the others change nothing."""

    async def story() -> None:
        world = World()
        item = world.tracker.items["ACME-1"] = ticket()
        ways: list[Event] = [world.changed(None, "ACME-1"), *(world.changed(item) for _ in range(3))]
        await asyncio.gather(*(world.factory.recorder.accept(way) for way in ways))
        await world.settle()
        await world.hear(*(way.model_copy(update={"id": f"{way.id}-again"}) for way in ways))
        assert (await world.state(), len(world.fleet.orders), world.fleet.calls["start"]) == (State.RUNNING, 1, 1)

    run(story())


def test_a_delivery_that_is_repeated_to_a_new_process_is_known() -> None:
    """What was applied is remembered in the record, so that a cold start forgets nothing."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        said = world.comment("And in the mail.")
        await world.hear(said)
        world.factory = world.new_factory("worker-2")
        await world.hear(said)
        assert (await world.record()).feedback == ("And in the mail.",)

    run(story())


def test_the_same_id_from_two_items_is_two_happenings() -> None:
    """Ids are remembered with their item: two senders that count alike do not silence each other."""

    async def story() -> None:
        world = World(capacity={"agents": 2, "perRepository": 2})
        for key in ("ACME-1", "ACME-2"):
            world.tracker.items[key] = ticket(key)
            await world.hear(world.changed(ticket(key)).model_copy(update={"id": "1"}))
        assert len(world.fleet.live) == 2

    run(story())


def test_a_bare_pointer_to_a_ready_ticket_starts_it() -> None:
    """A stub without title, labels and state says nothing against it: it is read whole first."""

    async def story() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        await world.hear(world.changed(None, "ACME-1"))
        assert await world.state() is State.RUNNING

    run(story())


@pytest.mark.parametrize("now", [ItemState.DONE, ItemState.CANCELLED, ItemState.OTHER, None])
def test_an_event_that_says_ready_is_read_afresh_and_starts_nothing_that_is_not(now: ItemState | None) -> None:
    """States in between were never told, or the event is an old one: what the ticket is now decides."""

    async def story() -> None:
        world = World()
        if now:
            world.tracker.items["ACME-1"] = ticket(state=now)
        await world.hear(world.changed(ticket()))
        assert await world.state() is State.NEW and world.fleet.orders == {} and world.said() == []

    run(story())


def test_a_ticket_that_was_taken_back_and_given_again_unheard_goes_on() -> None:
    """Ready, put back, ready again, of which one event came: the run is one, and nothing was stopped."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        world.tracker.items["ACME-1"] = ticket(state=ItemState.DISPATCHED)
        await world.hear(world.changed(ticket(state=ItemState.OTHER)))
        assert (await world.state(), len(world.fleet.live), len(world.fleet.orders)) == (State.RUNNING, 1, 1)

    run(story())


def test_another_items_agent_ends_nothing_here() -> None:
    """A report is bound to the run that it names: who sends it under another item's name changes nothing."""

    async def story() -> None:
        world = World(capacity={"agents": 2, "perRepository": 2})
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        theirs = next(run_id for run_id in world.fleet.live if run_id.startswith("ACME-2"))
        report = world.fleet.end(theirs, RunStatus.SUCCEEDED).model_copy(update={"work_item_id": "ACME-1"})
        await world.factory.recorder.finished(report)
        await world.settle()
        assert await world.state("ACME-1") is State.RUNNING

    run(story())


async def _stopped(world: World) -> None:
    await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="maya"))


async def _failed(world: World) -> None:
    await world.agent_ends(RunStatus.FAILED)


@pytest.mark.parametrize("meanwhile", [_stopped, _failed])
def test_a_completion_that_comes_after_another_end_changes_nothing(
    meanwhile: Callable[[World], Awaitable[None]],
) -> None:
    """The first end counts; success that is told late, twice and out of order publishes nothing."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        late = world.fleet.reports[run_id].model_copy(update={"status": RunStatus.SUCCEEDED, "ended_at": world.now})
        await meanwhile(world)
        ended = await world.record()
        for n in range(2):
            await world.hear(AgentFinished(id=f"late-{n}", work_item_id="ACME-1", at=world.now, report=late))
        assert await world.record() == ended and world.target.pull_requests == {}

    run(story())


def test_a_hint_that_shows_our_own_move_is_no_reason_to_read() -> None:
    """What we wrote ourselves comes back as an event, and tells nothing that is not known."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        reads, known = world.tracker.calls["read_item"], await world.record()
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert world.tracker.calls["read_item"] == reads and await world.record() == known
        await world.later(timedelta(seconds=1))
        assert await world.record() == known

    run(story())
