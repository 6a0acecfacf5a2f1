"""Agents that are accepted and never start, never hear their task, come back wrong, or use everything up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure


async def starting(world: World) -> None:
    """ACME-1's order is accepted, as is every later one, and the fleet says ever since that it is about to start."""
    start = world.fleet.start

    async def accepted(order: RunOrder) -> RunReport:
        report = await start(order)
        world.fleet.reports[order.run_id] = report.model_copy(update={"status": RunStatus.STARTING})
        return world.fleet.reports[order.run_id]

    world.fleet.start = accepted  # type: ignore[method-assign]
    await world.add(ticket())


async def never_began(world: World) -> None:
    """`start_within` passes, and the looks that must agree."""
    await world.later(timedelta(minutes=11))
    for _ in range(4):
        await world.later(timedelta(minutes=2))


def test_an_agent_that_is_accepted_and_never_has_its_task_is_stopped_and_tried_again() -> None:
    """Only the engine's own word makes a start: a heartbeat without it is none after `start_within`, at looks a minute
    apart. Then a person."""

    async def story() -> None:
        world = World()
        await starting(world)
        (first,) = world.fleet.live
        await never_began(world)
        assert first not in world.fleet.live and len(world.fleet.live) == 1
        record = await world.record()
        assert (record.state, record.attempt) == (State.RUNNING, 2)
        await never_began(world)
        assert await world.state() is State.BLOCKED and "accepted and never started" in world.said()[-1]
        assert (world.fleet.live, len(world.fleet.orders)) == ([], 2)
        assert (await world.store.get_batch()).slots == {}

    run(story())


def test_ten_tickets_pass_through_one_place_and_each_agent_has_its_own_name() -> None:
    """A place is free with its agent's end, a name holds its ticket and is new for each try; in the end all is free."""

    async def story() -> None:
        world = World(capacity={"agents": 1, "perState": {"in-review": 10}})
        for n in range(10):
            await world.add(ticket(f"ACME-{n}"))
        for _ in range(10):
            await world.agent_ends(RunStatus.FAILED)
            await world.later(timedelta(seconds=61))
            await world.agent_ends()
        batch = await world.store.get_batch()
        assert {slot.state for slot in batch.slots.values()} == {"in-review"} and batch.queue == ()
        assert len(world.fleet.orders) == 20 and world.fleet.live == []
        tries: dict[str, list[int]] = {}
        for run_id, order in world.fleet.orders.items():
            item, _, number = run_id.split(".")
            tries.setdefault(item, []).append(int(number))
            assert item == order.work_item_id
        assert len(tries) == 10 and all(first < second for first, second in tries.values())
        for number in range(1, 11):
            world.target.green(number)
            await world.hear(world.pull(f"ACME-{number - 1}"))
        assert (await world.store.get_batch()).slots == {} and len(world.target.merges) == 10

    run(story())


@pytest.mark.parametrize("hours", [-24, 0])
def test_a_limit_that_resets_in_the_past_is_no_endless_loop(hours: int) -> None:
    """The engine's clock differs, or its words were misread: 15 seconds pass at least, and more each time."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        for minutes in (0.25, 0.5, 1, 2, 4, 8, 16, 30, 30):
            await world.agent_ends(RunStatus.LIMITED, retry_at=world.now + timedelta(hours=hours))
            await world.later(timedelta(minutes=minutes, seconds=-1))
            assert await world.state() is State.QUEUED
            await world.later(timedelta(seconds=31))
            assert await world.state() is State.RUNNING
        assert len(world.fleet.orders) == 10 and (await world.record()).attempt == 1

    run(story())


def test_a_fleet_that_cannot_be_reached_is_asked_ever_more_seldom_and_then_a_person() -> None:
    """An hour costs some twenty calls and stops nothing; a day is said on the ticket, and the place is free."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        world.fleet.faults["look"] = [Retryable("The fleet", why="no answer", fix="factory check")] * 10_000
        await world.later(timedelta(minutes=11))
        for _ in range(3600):
            await world.later(timedelta(seconds=1))
        assert world.fleet.calls["look"] <= 25 and await world.state() is State.RUNNING
        for _ in range(24 * 12):
            await world.later(timedelta(minutes=5))
        assert await world.state() is State.BLOCKED and "no answer" in world.said()[-1]
        assert (await world.store.get_batch()).slots == {}

    run(story())


def test_an_agent_is_not_stopped_for_the_time_that_its_machine_slept() -> None:
    """A laptop is closed for a night: what counts is how long the run was awake, and a heartbeat that is new."""

    async def story() -> None:
        world = World(agents={"maxDuration": "1h", "idleAfter": "7m"})
        await world.add(ticket())
        (run_id,) = world.fleet.live
        assert world.fleet.orders[run_id].idle_after == timedelta(minutes=7)

        def awake_for(span: timedelta) -> None:
            heartbeat = {"alive_at": world.now, "awake_for": span}
            world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update=heartbeat)

        world.now += timedelta(hours=9)
        awake_for(timedelta(minutes=20))
        await world.later(timedelta(minutes=10))
        assert world.fleet.live == [run_id]
        awake_for(timedelta(minutes=80))
        await world.later(timedelta(minutes=10))
        assert world.fleet.live == []

    run(story())


def test_an_agent_that_overruns_its_own_cap_is_stopped_from_here() -> None:
    """Its supervisor should have: a heartbeat is no progress, and nothing runs for ever. The ticket says who stopped
    it, and why."""

    async def story() -> None:
        world = World(agents={"maxDuration": "1h"})
        await world.add(ticket())
        for _ in range(12):
            await world.later(timedelta(minutes=10))
        assert world.fleet.live == []
        block = (await world.record()).block
        assert block and block.why.startswith(
            "The agent was stopped by the factory: by this machine's clock it has run"
        )

    run(story())


def test_a_clock_that_jumps_ahead_stops_no_agent() -> None:
    """Its last heartbeat seems weeks old. The next one shows that it lives, and that the clock was wrong."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live

        def heartbeat() -> None:
            beat = {"status": RunStatus.RUNNING, "alive_at": world.now, "awake_for": timedelta(minutes=5)}
            world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update=beat)

        heartbeat()
        await world.later(timedelta(days=40))
        assert world.fleet.live == [run_id]
        heartbeat()
        await world.later(timedelta(minutes=2))
        assert world.fleet.live == [run_id]

    run(story())


def test_a_clock_that_jumps_ahead_while_an_agent_starts_stops_it_not() -> None:
    """Accepted a moment ago, by that clock weeks ago. It begins meanwhile, and costs no attempt."""

    async def story() -> None:
        world = World()
        await starting(world)
        (run_id,) = world.fleet.live
        await world.later(timedelta(days=40))
        assert world.fleet.live == [run_id]
        begun = {"status": RunStatus.RUNNING, "started_at": world.now, "alive_at": world.now}
        world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update=begun)
        await world.later(timedelta(minutes=2))
        assert world.fleet.live == [run_id] and (await world.record()).attempt == 1

    run(story())


def test_a_supervisor_that_stays_silent_is_stopped() -> None:
    """Looks a minute apart find no newer heartbeat: its run is ended."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        beat = {"status": RunStatus.RUNNING, "alive_at": world.now, "awake_for": timedelta(minutes=5)}
        world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update=beat)
        await world.later(timedelta(hours=4))
        for _ in range(6):
            await world.later(timedelta(minutes=2))
        assert world.fleet.live == []

    run(story())


def test_a_run_that_was_stopped_where_it_ran_is_said_so() -> None:
    """Nobody is named who did not do it."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.STOPPED, started_at=world.now, why="its task was stopped in the console")
        block = (await world.record()).block
        assert block and block.why == (
            "The agent was stopped where it ran, not by the factory: its task was stopped in the console."
        )

    run(story())
