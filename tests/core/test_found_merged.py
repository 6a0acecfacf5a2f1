"""What was merged and closed while nobody here knew, as before a restore from a backup, rests as done, in silence."""

from __future__ import annotations

from copy import deepcopy

import pytest

from factory_core.dispatch.asking import STRANDED
from factory_core.dispatch.records import State
from factory_core.work_item import ItemState

from .world import World, run, ticket

pytestmark = pytest.mark.pure


async def merged_after_a_backup(world: World) -> None:
    """The store is as it is now; outside the item goes on to its end, and then the store is put back."""
    backup = deepcopy(world.store.__dict__)
    if await world.state() is State.WAITING:
        await world.hear(world.reply("Show `amount` in the cart page."))
    await world.agent_ends()
    world.target.green(1)
    await world.hear(world.pull())
    assert await world.state() is State.DONE
    world.store.__dict__.update(backup)


@pytest.mark.parametrize("description", ["", "Please look."], ids=["running", "waiting"])
def test_it_is_found_to_be_done_and_nothing_is_said_twice(description: str) -> None:
    async def main() -> None:
        world = World()
        item = ticket(title="Cart is off", description=description) if description else ticket()
        await world.add(item)
        before = await world.state()
        assert before in (State.RUNNING, State.WAITING)
        await merged_after_a_backup(world)
        assert await world.state() is before
        said, pulls = world.said(), len(world.target.pull_requests)
        threads = deepcopy(world.channel.__dict__.get("threads"))
        closed = world.tracker.items["ACME-1"]
        assert closed.state is ItemState.DONE
        await world.hear(world.changed(closed))
        record = await world.record()
        assert (record.state, record.outbox, record.block) == (State.DONE, (), None)
        assert record.pull_request and record.pull_request.merged
        assert (world.said(), len(world.target.pull_requests)) == (said, pulls)
        assert world.channel.__dict__.get("threads") == threads
        assert (await world.store.get_batch()).slots == {} and not world.fleet.live

    run(main())


def test_a_run_whose_work_was_merged_opens_no_second_pull_request() -> None:
    """`factory restore` marks the record, and its agent's end is heard of once more."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        backup, (agent,) = deepcopy(world.store.__dict__), world.fleet.live
        await merged_after_a_backup(world)
        world.store.__dict__.update(backup)
        record = await world.record()
        await world.store.put_in_flight(record.but(handled=(*record.handled, STRANDED)))
        assert record.knows_run(agent) and not record.knows_run(f"{agent}.0")
        report = await world.fleet.look(agent)
        assert report
        await world.factory.recorder.finished(report)
        await world.settle()
        assert (await world.state(), len(world.target.pull_requests)) == (State.DONE, 1)

    run(main())


def test_a_ticket_that_a_person_closes_is_cancelled_as_before() -> None:
    """No pull request of its branch is merged."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        world.tracker.items["ACME-1"] = ticket(state=ItemState.DONE)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert await world.state() is State.CANCELLED

    run(main())
