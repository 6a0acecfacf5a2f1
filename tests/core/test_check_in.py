"""The clock's laws: one item's trouble is nobody else's, and what did not work is done another day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.batch import Batch, QueueEntry, Slot
from factory_core.dispatch.events import StopRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Retryable, StoreUnavailable, Terminal
from factory_core.runs.run import RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "trouble",
    [StoreUnavailable("a stored record", why="it is newer", fix="factory check"), TypeError(), RecursionError()],
)
def test_a_record_that_cannot_be_read_keeps_nobody_from_being_woken(trouble: Exception) -> None:
    """The longest overdue item is unreadable, as after a step back to an older release, or a fault of ours; the others
    go on."""

    async def story() -> None:
        world = World()
        for key in ("ACME-1", "ACME-2"):
            await world.add(ticket(key, title="The cart is confusing", description="Nicer, please."))
        read = world.store.get_in_flight

        async def partly(item: str) -> InFlightRecord | None:
            if item == "ACME-1":
                raise trouble
            return await read(item)

        world.store.get_in_flight = partly  # type: ignore[method-assign]
        await world.later(timedelta(hours=4, minutes=1))
        assert any("Still waiting" in said for said in world.channel.threads["C1:2.0"])

    run(story())


def test_what_could_not_be_forgotten_is_forgotten_another_day() -> None:
    """No record stays for ever because the fleet could not clean up once."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE
        world.fleet.faults["forget"] = [Terminal("no", why="a file is busy", fix="factory check")]
        await world.later(timedelta(days=8))
        assert await world.store.get_in_flight("ACME-1") is not None
        await world.later(timedelta(days=2))
        assert await world.is_forgotten("ACME-1")

    run(story())


@pytest.mark.parametrize("ends", ["merged", "blocked", "cancelled"])
def test_a_slot_is_free_though_nothing_can_be_said(ends: str) -> None:
    """Tracker and channel do not answer: the next in line starts all the same."""

    async def story() -> None:
        world = World(capacity={"agents": 1, "perState": {"in-review": 1}})
        for key in ("ACME-1", "ACME-2"):
            await world.add(ticket(key))
        later = Retryable("no answer", why="it is down", fix="factory check", after=3600)
        if ends == "merged":
            await world.agent_ends()
            world.target.green(1)
            world.tracker.faults["read_item"] = [later]
            await world.hear(world.pull())
        elif ends == "blocked":
            world.tracker.faults["post_comment"] = [later]
            await world.agent_ends(RunStatus.NO_CHANGE)
        else:
            await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="maya"))
        assert "ACME-1" not in (await world.store.get_batch()).slots
        assert len(world.fleet.live) == 1

    run(story())


def test_a_long_line_costs_a_tick_no_more_and_each_of_it_has_a_turn() -> None:
    """Of three hundred that nobody knows, and that stand in line all the same, fifty are sent away at a time."""

    async def story() -> None:
        world = World()
        entries = tuple(
            QueueEntry(work_item_id=f"GONE-{n:03}", repository="acme/shop", since=world.now) for n in range(300)
        )
        slot = Slot(repository="acme/shop", state="running", since=world.now)
        await world.store.put_batch(Batch(slots={"ACME-1": slot}, queue=entries))
        await world.add(ticket())
        left = list[int]()
        for _ in range(12):
            world.now += timedelta(seconds=31)
            await world.factory.performer.check_in(sweep=False)
            left.append(len((await world.store.get_batch()).queue))
        assert left[0] == 250 and left[-1] == 0

    run(story())
