"""A record that the store can never take is not tried for ever: its item is blocked with that reason, and goes on."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.stores.memory.state_store import InMemoryStateStore
from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import RecordTooLarge
from factory_core.work_item import ItemState

from .world import World, run, ticket

pytestmark = pytest.mark.pure
LARGEST = 6_000  # characters of a record: enough for one that holds no words of people


def small_store(world: World) -> InMemoryStateStore:
    assert isinstance(world.store, InMemoryStateStore)
    world.store.largest = LARGEST
    return world.store


async def outgrow(world: World) -> InFlightRecord:
    """People write until the record is too large for the store; then what is planned is performed."""
    for n in range(8):
        await world.hear(world.comment(f"Look at line {n}: {'so many words ' * 60}"))
    await world.settle()
    return await world.record()


def test_an_item_whose_record_is_too_large_is_blocked_with_that_reason() -> None:
    """Its agent is stopped, its slot is free, and the ticket says so once, with what to do."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        assert await world.state() is State.RUNNING
        small_store(world)
        record = await outgrow(world)
        assert record.state is State.BLOCKED and record.block
        assert "too large for the state store" in record.block.why and f"takes {LARGEST}" in record.block.why
        assert record.block.fix.startswith("factory pipeline retry ACME-1")
        assert not world.fleet.live and (await world.store.get_batch()).slots == {}
        assert record.outbox == () and len([text for text in world.said() if "too large" in text]) == 1

    run(main())


def test_the_fix_works() -> None:
    """A retry reads the ticket afresh, and the work is done and merged as any other."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        small_store(world)
        await outgrow(world)
        await outgrow(world)  # it goes on to grow while it is blocked
        again = RetryRequested(id="retry", work_item_id=(await world.record()).work_item_id, at=world.now)
        await world.hear(again)
        assert await world.state() is State.RUNNING
        await world.agent_ends()
        assert await world.state() is State.IN_REVIEW

    run(main())


def test_an_effect_whose_outcome_is_too_large_is_not_performed_for_ever() -> None:
    """The save after an effect is refused like one after an event: nothing is left to perform."""

    async def main() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket(description=f"Change the cart. {'All of it. ' * 900}")
        put = world.store.put_in_flight

        async def refuse_questions(record: InFlightRecord, **companions: Any) -> InFlightRecord:
            if record.state is State.WAITING:
                raise RecordTooLarge("it is too large", why="so many bytes", fix="factory check")
            return await put(record, **companions)

        world.store.put_in_flight = refuse_questions  # type: ignore[method-assign]
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        record = await world.record()
        assert record.state is State.BLOCKED and record.block and "too large" in record.block.why
        assert record.outbox == () and not record.lease.holder

    run(main())


def test_an_ended_item_stays_ended() -> None:
    async def main() -> None:
        world = World()
        await world.add(ticket())
        store = small_store(world)
        store.largest = None
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        done = await world.record()
        assert done.state is State.DONE
        store.largest = len(done.model_dump_json()) - 10
        world.tracker.items["ACME-1"] = ticket(state=ItemState.DONE, title="x" * 200)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert await world.state() is State.DONE

    run(main())
