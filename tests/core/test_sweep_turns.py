"""Who sweeps, when, how many calls it costs, and where the next one goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from factory_core.overview import overview

from .swept_world import LATE, SweptWorld, versions
from .world import run, ticket

pytestmark = pytest.mark.pure


def dying(call: Callable[..., Any], at: int) -> Callable[..., Any]:
    calls = iter(range(1, 10_000))

    async def dies(*args: Any, **keywords: Any) -> Any:
        if next(calls) == at:
            raise asyncio.CancelledError
        return await call(*args, **keywords)

    return dies


def test_of_several_processes_one_sweeps() -> None:
    """One conditional write says whose turn it is; the others ask the vendors nothing."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        workers = [world.factory, *(world.new_factory(f"worker-{n}") for n in range(2, 6))]
        reports = await asyncio.gather(*(worker.performer.sweep() for worker in workers))
        await world.settle()
        assert sum(report is not None for report in reports) == 1
        assert (world.tracker.calls["ready_items"], len(world.fleet.orders)) == (1, 1)
        restarted = world.new_factory("worker-6")
        assert await restarted.performer.sweep() is None  # nor does one that was just started

    run(main())


def test_a_sweep_that_died_is_done_again_when_its_turn_comes() -> None:
    """What it had not kept is read again, and nothing is found twice."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items = {key: ticket(key) for key in ("ACME-1", "ACME-2")}
        world.store.put_in_flight, kept = dying(world.store.put_in_flight, at=2), world.store.put_in_flight  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await world.factory.performer.sweep()
        world.store.put_in_flight = kept  # type: ignore[method-assign]
        world.factory = world.new_factory("worker-2")
        assert (await world.sweep()).started == 1
        assert sorted(await versions(world)) == ["ACME-1", "ACME-2"]

    run(main())


def test_the_calls_of_a_sweep_are_bounded_and_everybody_has_a_turn() -> None:
    """30 waiting items and 4 calls a source: 8 sweeps visit each once, none oftener."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 4}, clarification={"remindAfter": "6d", "giveUpAfter": "7d"})
        threads = [await world.ask(f"ACME-{n}") for n in range(1, 31)]
        seen: list[str] = []
        for sweep in range(8):
            world.tracker.calls.clear()
            world.channel.calls.clear()
            report = await world.sweep()
            assert world.channel.calls["replies"] <= 4 and world.tracker.calls["read_item"] <= 4
            assert report.calls <= 4 * 4
            seen.append(f"{sweep}: {world.channel.calls['replies']}")
        assert seen == [*(f"{sweep}: 4" for sweep in range(7)), "7: 2"]
        world.channel.people = [world.reply("It was like that last week as well.", thread) for thread in threads]
        found = [(await world.sweep()).answered for _ in range(8)]
        assert sum(found) == 30

    run(main())


def test_a_long_backlog_is_walked_over_several_sweeps() -> None:
    """120 ready items in pages of 50, two a sweep: all of them are started, the page's place survives a restart."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 2})
        world.tracker.items = {key: ticket(key) for key in (f"ACME-{n:03}" for n in range(120))}
        found = []
        for number in range(3):
            world.factory = world.new_factory(f"worker-{number + 2}")
            found.append((await world.sweep()).started)
        assert found == [100, 20, 0]

    run(main())


def test_an_interval_of_nothing_means_never() -> None:
    """Off: no call, no write."""

    async def main() -> None:
        world = SweptWorld(sweep={"every": 0})
        world.tracker.items["ACME-1"] = ticket()
        await world.later(timedelta(days=1))
        assert world.tracker.calls["ready_items"] == 0 and (await world.store.get_batch()).version == 0
        assert "sweep" not in [line.name for line in (await overview(world.factory.observed, world.fleet, "1")).lines]

    run(main())


def test_between_sweeps_a_check_in_asks_nobody() -> None:
    """A hundred ticks within the interval: one sweep."""

    async def main() -> None:
        world = SweptWorld()
        for _ in range(100):
            await world.later(timedelta(seconds=5))
        assert world.tracker.calls["ready_items"] == 1
        await world.later(timedelta(minutes=2))
        assert world.tracker.calls["ready_items"] == 2

    run(main())


def test_what_is_in_flight_is_listed_once_however_many_looks_there_are() -> None:
    """One pass over the records serves the items, their pull requests and their threads."""

    async def main() -> None:
        world = SweptWorld()
        await world.ask()
        listed, passes = world.store.list_in_flight, [0]

        def counting() -> Any:
            passes[0] += 1
            return listed()

        world.store.list_in_flight = counting  # type: ignore[method-assign]
        await world.sweep()
        assert passes == [1] and world.channel.calls["replies"] == 1

    run(main())


def test_a_sweep_that_was_overtaken_keeps_its_place_to_itself() -> None:
    """It hung for longer than the interval, and another process had its turn: what that one found stands."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        other, listed = world.new_factory("worker-2"), world.tracker.ready_items

        async def hanging(*args: Any) -> Any:
            world.tracker.ready_items = listed  # type: ignore[method-assign]
            world.now += LATE
            assert await other.performer.sweep() is not None
            return await listed(*args)

        world.tracker.ready_items = hanging  # type: ignore[method-assign]
        begun = world.now
        await world.factory.performer.sweep()
        kept = (await world.store.get_batch()).sweep
        assert kept.at == begun + LATE and kept.report and kept.report.started == 1
        await world.settle()
        assert len(world.fleet.orders) == 1

    run(main())
