"""What fails in a sweep stops nothing else, moves no cursor, and is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.stores.memory.state_store import Entry
from factory_core.dispatch.records import State
from factory_core.errors import Problem, Retryable, StoreUnavailable, Terminal
from factory_core.overview import overview
from factory_core.work_item import ItemState

from .swept_world import SweptWorld, busy
from .world import World, run, ticket

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("problem", [busy(), Terminal("Linear: list", why="no right to", fix="factory check")])
def test_a_source_that_fails_stops_none_of_the_others(problem: Problem) -> None:
    """The tracker's list is down: the answer in the thread is found all the same, and the report says what failed."""

    async def main() -> None:
        world = SweptWorld()
        thread = await world.ask()
        world.channel.people.append(world.reply("Show `amount`.", thread))
        world.tracker.faults["ready_items"] = [problem]
        report = await world.sweep()
        assert report.answered == 1
        assert report.failed == {"ready": f"{problem.what}: {problem.why}"}
        assert await world.state() is State.RUNNING

    run(main())


def test_a_record_that_cannot_be_read_hides_no_other_from_the_search_and_the_page() -> None:
    """What a person took back is found, the place in the list is kept, and the page says which record is damaged."""

    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        for key in ("ACME-1", "ACME-2"):
            await world.add(ticket(key))
        world.store._in_flight["ACME-1"] = Entry(9, '{"state": "of a newer release"}')
        world.tracker.items["ACME-2"] = ticket("ACME-2", state=ItemState.CANCELLED)
        report = await world.sweep()
        assert report.closed == 1 and "ACME-1 cannot be read" in report.failed["records"]
        shown = await overview(world.factory.observed, world.fleet, "1")
        lines = {line.name: line for line in shown.lines}
        assert (lines["store"].status, lines["records"].status) == ("ok", "down")
        assert lines["records"].note.startswith("ACME-1 cannot be read: ")
        assert [item.key for item in shown.finished] == ["ACME-2"]

    run(main())


def test_a_ready_item_whose_record_cannot_be_read_hides_none_behind_it() -> None:
    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        for key in ("ACME-1", "ACME-2", "ACME-3"):
            world.tracker.items[key] = ticket(key)
        world.store._in_flight["ACME-2"] = Entry(9, '{"state": "of a newer release"}')
        report = await world.sweep()
        assert report.started == 2 and report.failed["ready"].startswith("ACME-2: ")
        assert sorted(order.work_item_id for order in world.fleet.orders.values()) == ["ACME-1", "ACME-3"]

    run(main())


def test_what_could_not_be_stored_is_found_again_however_long_we_had_been_away() -> None:
    """The list reaches back to the last whole look: one in which the store failed is not whole."""

    async def main() -> None:
        world = SweptWorld()
        await world.sweep()
        world.now += timedelta(days=20)
        world.tracker.items["ACME-1"] = ticket(updated_at=world.now - timedelta(days=19))
        put = world.store.put_in_flight

        async def away_once(*args: Any, **keywords: Any) -> Any:
            world.store.put_in_flight = put  # type: ignore[method-assign]
            raise StoreUnavailable("the state store cannot be reached", why="it is down", fix="factory check")

        world.store.put_in_flight = away_once  # type: ignore[method-assign]
        assert "ready" in (await world.sweep()).failed
        assert (await world.sweep()).started == 1

    run(main())


def test_a_list_that_cannot_be_had_moves_no_cursor() -> None:
    """Else whoever stands first would be visited each time, and the last never."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 2}, capacity={"agents": 9, "perRepository": 9})
        for n in range(1, 5):
            await world.add(ticket(f"ACME-{n}"))
        await world.sweep()
        before = (await world.store.get_batch()).sweep.cursors
        listed = world.store.list_in_flight

        async def away() -> Any:
            raise StoreUnavailable("the state store cannot be reached", why="it is down", fix="factory check")
            yield

        world.store.list_in_flight = away  # type: ignore[method-assign]
        assert "records" in (await world.sweep()).failed
        after = (await world.store.get_batch()).sweep.cursors
        assert before["items"] == after["items"] != ""
        world.store.list_in_flight = listed  # type: ignore[method-assign]

    run(main())


def test_a_vendor_that_asks_for_a_pause_gets_it() -> None:
    """Retry after an hour: the sweeps within that hour do not ask it; the first one afterwards does."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        world.tracker.faults["ready_items"] = [busy(after=3600)]
        for _ in range(6):
            await world.sweep(timedelta(minutes=10))
        assert world.tracker.calls["ready_items"] == 1
        assert (await world.sweep(timedelta(minutes=10))).started == 1

    run(main())


@pytest.mark.parametrize(
    "trouble", [busy(), Terminal("Linear: issue", why="broken", fix="factory check"), TypeError(), ArithmeticError()]
)
def test_one_item_that_always_fails_keeps_nobody_from_being_visited(trouble: Exception) -> None:
    """ACME-2 cannot be read, ever: that ACME-3 was cancelled is still found."""

    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        for key in ("ACME-1", "ACME-2", "ACME-3"):
            await world.add(ticket(key))
        world.tracker.items["ACME-3"] = ticket("ACME-3", state=ItemState.CANCELLED)
        read = world.tracker.read_item

        async def poisoned(item_id: str) -> Any:
            if item_id == "ACME-2":
                raise trouble
            return await read(item_id)

        world.tracker.read_item = poisoned  # type: ignore[method-assign]
        found = [(await world.sweep()).closed for _ in range(2)]
        assert sum(found) == 1 and await world.state("ACME-3") is State.CANCELLED

    run(main())


def test_an_unreachable_store_is_no_reason_to_start_anything() -> None:
    """Without the store nobody knows what is in flight: the sweep is not done."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        world.store.reachable = False
        with pytest.raises(Retryable):
            await world.factory.performer.sweep()
        assert world.tracker.calls["ready_items"] == 0
        world.store.reachable = True
        assert (await world.sweep()).started == 1

    run(main())


def test_the_store_that_goes_away_in_the_middle_loses_nothing() -> None:
    """Every source fails then, nothing is started, and the next sweep finds it."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        listed = world.tracker.ready_items

        async def cut(*args: Any) -> Any:
            world.store.reachable = False
            return await listed(*args)

        world.tracker.ready_items = cut  # type: ignore[method-assign]
        with pytest.raises(Retryable):
            await world.factory.performer.sweep()
        world.store.reachable, world.tracker.ready_items = True, listed  # type: ignore[method-assign]
        assert world.fleet.orders == {}
        assert (await world.sweep()).started == 1

    run(main())


async def line(world: World) -> tuple[str, datetime | None, str, str]:
    report = await overview(world.factory.observed, world.fleet, "1")
    (found,) = (one for one in report.lines if one.name == "sweep")
    return found.status, found.last_event_at, found.note, found.fix_in_words


def test_the_status_says_when_it_was_and_what_it_found() -> None:
    """`Sweep: 1 started`; a source that did not answer makes it unknown, with the reason and a fix."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        await world.sweep()
        assert await line(world) == ("ok", world.now, "1 started", "")
        world.tracker.faults["ready_items"] = [busy()]
        await world.sweep()
        failed = "nothing was missed; ready did not answer: Linear cannot be reached: it answered 429"
        assert await line(world) == ("unknown", world.now, failed, "factory check")

    run(main())


def test_a_ticket_that_seemed_gone_once_is_seen_to_be_gone_later() -> None:
    """The first time it was there again when it was read; its deletion, weeks later, is no old news."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket())
        read = world.tracker.read_item

        async def gone_once(item_id: str) -> Any:
            world.tracker.read_item = read  # type: ignore[method-assign]
            return None

        world.tracker.read_item = gone_once  # type: ignore[method-assign]
        await world.sweep()
        assert await world.state() is State.RUNNING
        world.tracker.items.clear()
        assert (await world.sweep()).closed == 1
        assert await world.state() is State.CANCELLED

    run(main())
