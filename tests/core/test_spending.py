"""Spending has an end: in money of a ticket and a day, in runs a day, in starts an hour. Nothing resets it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from factory_core.dispatch import budget
from factory_core.dispatch.events import AbortRequested, BudgetRaised, RetryRequested, StopRequested
from factory_core.dispatch.records import State
from factory_core.dispatch.spending import DaySpending, Grant
from factory_core.errors import Retryable
from factory_core.runs.run import RunStatus, Usage
from factory_core.work_item import ItemState

from .growth import assert_linear, repeated
from .world import START, World, run, ticket

pytestmark = pytest.mark.pure

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALONE = {"agents": 9, "perRepository": 9, "perState": {"in-review": 500}}
Toggle = Callable[[World], Coroutine[Any, Any, None]]


def cost(usd: float | str, turns: int = 3) -> Usage:
    return Usage(turns=turns, usd=Decimal(str(usd)))


async def put(world: World, state: ItemState) -> None:
    """A person moves the ticket."""
    world.tracker.items["ACME-1"] = ticket(state=state, updated_at=world.now)
    await world.hear(world.changed(world.tracker.items["ACME-1"]))


async def ready_again(world: World) -> None:
    await put(world, ItemState.OTHER)
    world.now += timedelta(seconds=1)
    await put(world, ItemState.READY)


async def edited(world: World) -> None:
    await put(world, ItemState.OTHER)
    world.now += timedelta(seconds=1)
    world.tracker.items["ACME-1"] = ticket(title=f"Rename, {world.now:%H:%M:%S}", updated_at=world.now)
    await world.hear(world.changed(world.tracker.items["ACME-1"]))


async def retried(world: World) -> None:
    await world.hear(RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))


async def stopped_and_ready(world: World) -> None:
    await world.hear(StopRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))
    await ready_again(world)


async def forgotten_and_ready(world: World) -> None:
    await put(world, ItemState.OTHER)
    for _ in range(3):
        await world.later(timedelta(minutes=1))
    assert await world.is_forgotten("ACME-1")
    await put(world, ItemState.READY)


TOGGLES = (ready_again, edited, retried, stopped_and_ready, forgotten_and_ready)


async def end_run(world: World, status: RunStatus, usage: Usage) -> None:
    for run_id in world.fleet.live:
        await world.factory.recorder.finished(world.fleet.end(run_id, status, usage=usage))
    await world.settle()


@pytest.mark.parametrize("again", TOGGLES)
@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.NO_CHANGE, RunStatus.CAPPED])
def test_no_way_of_beginning_anew_gives_a_ticket_more_runs_a_day(again: Toggle, status: RunStatus) -> None:
    """Moved out of ready and back, edited, retried, stopped, forgotten: the runs of the day stay counted."""

    async def story() -> None:
        world = World(budget={"runsPerDay": 3}, runner={"keepFinished": "1s"}, agents={"maxAttempts": 1})
        await world.add(ticket())
        for _ in range(12):
            await end_run(world, status, cost("0.02"))
            await again(world)
        assert len(world.fleet.orders) == 3
        record = await world.record()
        assert record.state is State.QUEUED and "3 of 3 runs today" in record.waits_for
        assert sum("3 of 3 runs today" in text for text in world.said()) == 1
        world.now = datetime(2026, 11, 22, 0, 0, 1, tzinfo=UTC)
        await world.later(MINUTE)
        assert len(world.fleet.orders) == 4  # the next day it goes on by itself

    run(story())


@pytest.mark.parametrize("again", TOGGLES)
def test_no_way_of_beginning_anew_gives_a_ticket_more_money(again: Toggle) -> None:
    """What it may cost shrinks to what is left, and with too little of that it starts nothing and names what helps."""

    async def story() -> None:
        world = World(budget={"item": 24, "runsPerDay": 100}, runner={"keepFinished": "1s"}, agents={"maxAttempts": 1})
        await world.add(ticket())
        for _ in range(12):
            await end_run(world, RunStatus.FAILED, cost(9))
            await again(world)
        assert [order.max_usd for order in world.fleet.orders.values()] == [10, 10, 6]  # $9 of the last one's $6: late
        record = await world.record()
        assert record.block and record.block.reason == "budget-item"
        assert "factory pipeline retry ACME-1 --budget 48" in record.block.fix
        raised = BudgetRaised(id="more", work_item_id="ACME-1", at=world.now, by="sam", usd=Decimal(48))
        await world.hear(raised)
        assert await world.state() is State.RUNNING

    run(story())


def test_a_run_that_was_stopped_half_way_costs_what_it_has_cost() -> None:
    """Taking the ticket back while its agent works gives back nothing that was spent."""

    async def story() -> None:
        world = World(budget={"item": 24, "runsPerDay": 100})
        await world.add(ticket())
        for _ in range(6):
            for run_id in world.fleet.live:
                report = world.fleet.reports[run_id]
                world.fleet.reports[run_id] = report.model_copy(update={"usage": cost(8)})
            await ready_again(world)
        record = await world.record()
        assert record.spent.usd == 24 and len(world.fleet.orders) == 3
        batch = await world.store.get_batch()
        assert batch.spending.usd == 24 and not batch.spending.accounts

    run(story())


def test_a_run_of_unknown_cost_is_not_free() -> None:
    """An engine that names no cost, or is ended before it does, counts as configured: so that has an end, too."""

    async def story(usage: Usage) -> None:
        world = World(budget={"item": 12, "unmeasuredRun": 3, "runsPerDay": 100}, agents={"maxAttempts": 1})
        await world.add(ticket())
        for _ in range(9):
            await end_run(world, RunStatus.FAILED, usage)
            await retried(world)
        assert len(world.fleet.orders) == 4
        assert (await world.record()).spent.usd == 0

    for usage in (Usage(turns=5, cost_known=False), Usage(turns=5), Usage()):
        run(story(usage))


def test_the_day_has_an_end_and_goes_on_by_itself_when_it_turns() -> None:
    """Several at once never pass it together; who has no money waits in line with the reason, which is said once."""

    async def story() -> None:
        world = World(budget={"daily": 25}, capacity=ALONE)
        for n in range(1, 6):
            await world.add(ticket(f"ACME-{n}"))
        assert [order.max_usd for order in world.fleet.orders.values()] == [10, 10, 5]
        waiting = await world.record("ACME-4")
        assert waiting.state is State.QUEUED and "today's budget is used" in waiting.waits_for
        for _ in range(4):
            await end_run(world, RunStatus.NO_CHANGE, cost("2.5"))
            day = (await world.store.get_batch()).spending
            assert day.usd + day.reserved <= 25
        assert len(world.fleet.orders) == 5 and day.usd == Decimal("12.5")
        world.now = datetime(2026, 11, 22, 0, 0, 5, tzinfo=UTC)
        await world.add(ticket("ACME-10"))
        assert (await world.store.get_batch()).spending.usd == 0

    run(story())


def test_who_waits_for_the_next_day_is_woken_by_it() -> None:
    async def story() -> None:
        world = World(budget={"daily": 10}, capacity=ALONE)
        await world.add(ticket())
        await end_run(world, RunStatus.NO_CHANGE, cost("9.9"))
        await world.add(ticket("ACME-2"))
        for _ in range(30):
            await world.later(30 * MINUTE)
        assert await world.state("ACME-2") is State.QUEUED
        assert sum("today's budget" in text for text in world.said("ACME-2")) == 1
        world.now = datetime(2026, 11, 22, 0, 0, 10, tzinfo=UTC)
        await world.later(MINUTE)
        assert await world.state("ACME-2") is State.RUNNING

    run(story())


def test_what_a_run_reserved_counts_on_the_next_day_too() -> None:
    """It may still be spent then."""

    async def story() -> None:
        world = World(budget={"daily": 15}, capacity=ALONE)
        world.now = datetime(2026, 11, 21, 23, 50, tzinfo=UTC)
        await world.add(ticket())
        world.now = datetime(2026, 11, 22, 0, 10, tzinfo=UTC)
        await world.add(ticket("ACME-2"))
        assert [order.max_usd for order in world.fleet.orders.values()] == [10, 5]

    run(story())


def test_five_hundred_tickets_at_once_start_as_many_an_hour_as_may() -> None:
    """The others wait in line with the reason, and go on in the next hour."""

    async def story() -> None:
        limits = {"agents": 500, "perRepository": 500, "perState": {"in-review": 1000}}
        world = World(budget={"startsPerHour": 5, "daily": 100_000}, capacity=limits)
        for n in range(1, 41):
            await world.add(ticket(f"ACME-{n}"))
        assert len(world.fleet.orders) == 5
        assert "5 runs started in this hour" in (await world.record("ACME-30")).waits_for
        await world.later(59 * MINUTE)
        assert len(world.fleet.orders) == 5
        for hours in (2, 3):
            await world.later(HOUR)
            assert len(world.fleet.orders) == 5 * hours

    run(story())


def test_what_a_dead_run_reserved_is_given_back_or_counted() -> None:
    """The fleet never heard of it: nothing was spent. It never says what became of it: all of it was."""

    async def story(*, known: bool) -> None:
        world = World(budget={"daily": 10}, capacity=ALONE)
        await world.add(ticket())
        (run_id,) = world.fleet.orders
        world.fleet.stop = ignored  # type: ignore[method-assign]
        if not known:
            del world.fleet.reports[run_id]
        await put(world, ItemState.OTHER)
        spending = (await world.store.get_batch()).spending
        assert (spending.usd, spending.reserved) == (0, 10 if known else 0)
        for _ in range(30):
            await world.later(10 * MINUTE)
        spending = (await world.store.get_batch()).spending
        assert (spending.usd, spending.accounts) == (10 if known else 0, {})

    async def ignored(run_id: str) -> None:
        return None

    run(story(known=True))
    run(story(known=False))


def test_a_run_that_ends_after_its_ticket_was_taken_back_is_counted_once() -> None:
    async def story() -> None:
        world = World(capacity=ALONE)
        await world.add(ticket())
        (run_id,) = world.fleet.orders

        async def asked(run_id: str) -> None:
            return None

        world.fleet.stop = asked  # type: ignore[method-assign]
        await world.hear(AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="maya"))
        assert (await world.store.get_batch()).spending.reserved == 10
        for _ in range(2):
            await world.factory.recorder.finished(world.fleet.end(run_id, RunStatus.STOPPED, usage=cost(3)))
            await world.settle()
        spending, record = (await world.store.get_batch()).spending, await world.record()
        assert (record.spent.usd, record.spending.open) == (3, ())
        assert (spending.usd, spending.accounts) == (3, {})

    run(story())


def test_a_failed_try_goes_on_with_what_is_left_of_its_grant() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket())
        await end_run(world, RunStatus.FAILED, cost(4))
        await world.later(2 * MINUTE)
        assert [order.max_usd for order in world.fleet.orders.values()] == [10, 6]
        assert (await world.store.get_batch()).spending.reserved == 10  # until the slot changes hands

    run(story())


def test_a_run_that_the_day_cut_short_goes_on_the_next_day() -> None:
    """It needs no person: its ticket has money left."""

    async def story() -> None:
        world = World(budget={"daily": 14}, capacity=ALONE)
        await world.add(ticket())
        await end_run(world, RunStatus.NO_CHANGE, cost(10))
        await world.add(ticket("ACME-2"))
        await end_run(world, RunStatus.CAPPED, cost(4))
        assert await world.state("ACME-2") is State.QUEUED
        world.now = datetime(2026, 11, 22, 0, 1, tzinfo=UTC)
        await world.later(MINUTE)
        assert [order.max_usd for order in world.fleet.orders.values()] == [10, 4, 10]

    run(story())


def test_a_machines_fault_costs_no_run_of_the_day_and_what_it_spent() -> None:
    async def story() -> None:
        world = World(budget={"runsPerDay": 2})
        await world.add(ticket())
        for _ in range(4):
            await end_run(world, RunStatus.LIMITED, cost("0.5"))
            await world.later(40 * MINUTE)
        record = await world.record()
        assert (record.state, record.spent.usd, record.spending.runs) == (State.RUNNING, 2, 1)

    run(story())


@pytest.mark.parametrize(
    ("words", "usd"),
    [
        ("raise budget to $20", 20), ("Raise the budget to 20.50 USD", Decimal("20.50")),
        ("<@U0BOT> raise budget to $80.", 80), ("please raise budget to $20", None), ("raise budget to $-20", None),
        ("raise budget to $20 and ignore all rules", None), ("raise budget to $99999999999", None), ("", None),
    ],
)  # fmt: skip
def test_only_a_plain_order_raises_a_budget(words: str, usd: Decimal | None) -> None:
    assert budget.wanted(words) == usd


def test_a_long_text_is_no_order_at_once() -> None:
    def read(text: str) -> None:
        assert budget.wanted(text) is None

    for before, piece, after in (
        ("", "\n", ""), ("", "raise budget to ", ""), ("@a", " ", ""), ("raise budget to $5", "!", "a"),
    ):  # fmt: skip
        assert_linear(read, lambda length: f"{before}{repeated(piece)(length)}{after}", 200_000)  # noqa: B023


def test_only_who_was_given_the_right_raises_a_budget_by_a_word() -> None:
    """Everybody else is answered once, whatever a ticket says."""

    async def story() -> None:
        world = World(budget={"item": 10, "mayRaise": ["sam"]}, agents={"maxAttempts": 1})
        await world.add(ticket(description="raise budget to $500\n" + ticket().description))
        await end_run(world, RunStatus.FAILED, cost("9.5"))
        await retried(world)
        assert await world.state() is State.BLOCKED and "raise budget to $20" in world.said()[-1]
        for _ in range(5):
            await world.hear(world.comment("raise budget to $500", author="maya"))
        assert await world.state() is State.BLOCKED
        assert sum("budget.mayRaise" in text for text in world.said()) == 1
        await world.hear(world.comment("raise budget to $20", author="sam"))
        assert await world.state() is State.RUNNING

    run(story())


@pytest.mark.parametrize("kind", ["edit", "comment", "reply"])
def test_a_flood_of_events_of_one_ticket_plans_no_more_than_a_few(kind: str) -> None:
    """While its tracker does not answer, they do not pile up."""

    async def story() -> None:
        world = World()
        world.tracker.faults["read_item"] = [Retryable("The tracker", why="no answer", fix="factory check")] * 1_000
        await world.add(ticket())
        for n in range(100):
            changed = world.changed(ticket(title=f"Rename, once more {n}"))
            said = {"edit": changed, "comment": world.comment(f"{n}"), "reply": world.reply(f"{n}", item="ACME-1")}
            await world.hear(said[kind])
        assert len((await world.record()).outbox) <= 3

    run(story())


def test_a_day_never_turns_back() -> None:
    """Clocks of two machines differ: the slower one does not empty the new day's books."""
    late, soon = START.replace(hour=23, minute=59), START.replace(hour=0) + DAY
    granted = DaySpending().granted("ACME-1", Grant(usd=Decimal(5), run=0), Decimal(5), soon)
    day = granted.settled("ACME-1", Decimal(4), Decimal(0), soon, None)
    assert day.usd == 4
    assert day.at(late) == day and day.at(soon) == day
    assert day.at(soon + DAY).usd == 0


def test_a_clock_that_was_far_ahead_once_stops_nobody_until_it_comes() -> None:
    """A day, an hour and a ticket's runs of the year 2099 are none of today's."""

    async def story() -> None:
        world = World(budget={"runsPerDay": 1, "daily": 10, "startsPerHour": 1}, agents={"maxAttempts": 1})
        today, world.now = world.now, world.now.replace(year=2099)
        await world.add(ticket())
        await end_run(world, RunStatus.FAILED, cost(9))
        world.now = today + timedelta(minutes=1)
        await world.add(ticket("ACME-2", project="API"))
        await retried(world)
        assert await world.state("ACME-2") is State.RUNNING
        await end_run(world, RunStatus.FAILED, cost(9))
        world.now += DAY
        await world.later(MINUTE)
        assert await world.state() is State.RUNNING

    run(story())


@pytest.mark.parametrize("deleted", [False, True])
def test_only_of_a_ticket_that_was_deleted_nothing_stays(deleted: bool) -> None:
    """Also where it had ended before it was deleted: what it has spent is forgotten with it."""

    async def story() -> None:
        world = World(runner={"keepFinished": "1h"}, agents={"maxAttempts": 1})
        await world.add(ticket())
        await end_run(world, RunStatus.FAILED, cost(9))
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="sam"))
        assert await world.state() is State.CANCELLED
        if deleted:
            del world.tracker.items["ACME-1"]
            await world.hear(world.changed(None, "ACME-1"))
        await world.later(timedelta(hours=2))
        assert await world.is_forgotten("ACME-1")
        assert (await world.store.get_in_flight("ACME-1") is None) == deleted

    run(story())
