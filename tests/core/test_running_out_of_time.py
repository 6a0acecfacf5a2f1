"""A process that is about to be ended begins nothing that might outlast it, and leaves the rest to anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.records import InFlightRecord, Lease, State

from .world import World, run, ticket

pytestmark = pytest.mark.pure


async def _claimed(world: World) -> InFlightRecord:
    """The clear ticket as the webhook saved it, with everything still to be done."""
    world.tracker.items["ACME-1"] = ticket()
    await world.factory.recorder.accept(world.changed(world.tracker.items["ACME-1"]))
    return world.woken.pop()


def test_without_time_nothing_is_begun_and_the_lease_is_free() -> None:
    """Another process goes on at once, and that no effect was tried is no fault of anybody."""
    world = World()

    async def played() -> tuple[InFlightRecord, InFlightRecord]:
        claimed = await _claimed(world)
        await world.factory.performer.perform(claimed, until=world.now + world.config.runner.effect_timeout)
        left = await world.record()
        again = await world.new_factory("worker-2").recorder.claim("ACME-1")
        assert again is not None
        return left, again

    left, again = run(played())
    assert (left.state, left.lease, left.wake_at) == (State.TRIAGING, Lease(epoch=1), world.now)
    assert (again.lease.holder, again.outbox) == ("worker-2", left.outbox)


def test_time_that_runs_out_between_effects_settles_what_was_done() -> None:
    """Each effect takes ten seconds of forty-five, and the last must not begin with less than its thirty."""
    world, read = World(), list[str]()
    original = world.tracker.read_item

    async def slow(item_id: str) -> object:
        read.append(item_id)
        world.now += timedelta(seconds=10)
        return await original(item_id)

    world.tracker.read_item = slow  # type: ignore[assignment, method-assign]

    async def played() -> InFlightRecord:
        claimed = await _claimed(world)
        await world.factory.performer.perform(claimed, until=world.now + timedelta(seconds=45))
        return await world.record()

    left = run(played())
    assert len(read) == 2 and left.outbox and left.lease.holder == ""
    world.tracker.read_item = original  # type: ignore[method-assign]
    run(world.later(timedelta(seconds=1)))
    assert run(world.record()).state is State.RUNNING and len(world.fleet.live) == 1


def test_a_lease_that_was_lost_meanwhile_is_not_given_back() -> None:
    """Who took it over keeps it."""
    world = World()

    async def played() -> InFlightRecord:
        claimed = await _claimed(world)
        world.now += world.config.runner.lease + timedelta(seconds=1)
        await world.new_factory("worker-2").recorder.claim("ACME-1")
        await world.factory.performer.perform(claimed, until=world.now)
        return await world.record()

    assert run(played()).lease.holder == "worker-2"
