"""A ticket is in progress when its run has begun; a run that nobody takes is said, and stays takeable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.overview import overview
from factory_core.runs.run import RunOrder, RunReport, RunStatus
from factory_core.work_item import ItemState

from .swept_world import SweptWorld
from .test_answers import ANSWER, VAGUE
from .test_worker_fleet import Elsewhere
from .world import World, run, ticket

pytestmark = pytest.mark.pure
NOT_TAKEN = "no worker took the run (console)"


class SweptElsewhere(Elsewhere, SweptWorld):
    """Agents that run elsewhere, and a check-in that looks for missed events."""


def column(world: World, key: str = "ACME-1") -> ItemState:
    return world.tracker.items[key].state


def test_a_ticket_is_in_progress_from_the_first_heartbeat_on() -> None:
    """Neither the line nor the offer moves it, and a second heartbeat costs no write of the item."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        assert (await world.state(), column(world)) == (State.DISPATCHING, ItemState.READY)
        claim = await world.claimed()
        assert column(world) is ItemState.READY
        await world.beats(claim)
        assert (await world.state(), column(world)) == (State.RUNNING, ItemState.DISPATCHED)
        version = (await world.record()).version
        await world.beats(claim)
        assert (await world.record()).version == version
        assert world.tracker.moves == [("ACME-1", ItemState.DISPATCHED)]

    run(story())


def test_a_run_that_nobody_takes_is_said_once_and_goes_on_with_the_worker_that_comes() -> None:
    """Within `startWithin` the ticket and the status say so with a fix; hours later it is taken, and merged."""

    async def story() -> None:
        world = Elsewhere(server={"publicUrl": "https://factory.example"}, tenant="acme")
        await world.add(ticket())
        await world.later(timedelta(minutes=9))
        assert world.said() == []
        await world.later(timedelta(minutes=2))
        [said] = world.said()
        fix = "factory worker --url https://factory.example --tenant acme"
        assert NOT_TAKEN in said and fix in said
        for _ in range(30):
            await world.later(timedelta(minutes=20))
        assert world.said() == [said] and column(world) is ItemState.READY
        report = await overview(world.factory.observed, world.line, "1")
        [item] = report.needs
        assert report.verdict.level == "needs-person"
        assert (item.reason, item.why, item.fix_in_words) == ("not-begun", "No worker took the run (console).", fix)

        claim = await world.claimed()
        await world.beats(claim)
        assert (await world.state(), column(world)) == (State.RUNNING, ItemState.DISPATCHED)
        assert (await overview(world.factory.observed, world.line, "1")).needs == ()
        await world.ends(claim)
        assert await world.state() is State.IN_REVIEW and (await world.record()).attempt == 1

    run(story())


@pytest.mark.parametrize("where", ["reply", "comment"])
def test_nobody_takes_a_run_that_somebody_does_not_want_any_more(where: str) -> None:
    """It is in line for a worker while somebody writes that it is not to be done."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket(**VAGUE))
        await world.hear(world.reply(ANSWER))
        assert await world.state() is State.DISPATCHING
        await world.hear(world.reply("stop") if where == "reply" else world.comment("stop"))
        record = await world.record()
        assert record.block and record.block.reason == "withdrawn"
        assert "run" not in await world.says("claim")

    run(story())


def test_nobody_takes_a_run_whose_ticket_was_taken_back_in_a_gap() -> None:
    async def story() -> None:
        world = SweptElsewhere()
        await world.later(timedelta(seconds=1))  # the ordinary search was just made
        await world.add(ticket())
        world.tracker.items["ACME-1"] = ticket(state=ItemState.OTHER)
        world.factory.recorder.gaps.note("the factory was started")
        for _ in range(5):
            await world.later(timedelta(seconds=1))
        assert await world.state() is State.CANCELLED and "run" not in await world.says("claim")

    run(story())


def test_a_lost_word_of_the_beginning_is_found_by_the_look_at_the_run() -> None:
    async def story() -> None:
        world = Elsewhere()

        async def lost(report: RunReport) -> None:
            raise Retryable("the item", why="it cannot be read now", fix="factory status")

        world.leases.began = lost
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        assert column(world) is ItemState.READY
        await world.later(timedelta(minutes=4))
        await world.beats(claim)
        await world.later(timedelta(minutes=4))
        await world.beats(claim)
        await world.later(timedelta(minutes=3))
        assert (await world.state(), column(world), world.said()) == (State.RUNNING, ItemState.DISPATCHED, [])

    run(story())


def test_a_heartbeat_may_be_faster_than_the_outcome_of_the_start() -> None:
    """A worker that waits at a held claim begins while the start is still being saved."""

    async def story() -> None:
        world = Elsewhere()
        start = world.line.start

        async def taken_at_once(order: RunOrder) -> RunReport:
            waiting = await start(order)
            claim = await world.claimed()
            await world.beats(claim)
            return waiting

        world.line.start = taken_at_once  # type: ignore[method-assign]
        await world.add(ticket())
        record = await world.record()
        assert (record.state, record.outbox, column(world)) == (State.RUNNING, (), ItemState.DISPATCHED)
        assert record.run and [record.run.run_id] == world.told and record.run.engine == "console"

    run(story())


@pytest.mark.parametrize("saved", [False, True])
def test_the_word_of_a_run_that_ended_begins_nothing(saved: bool) -> None:
    """It comes when the next attempt is planned, or waits in line: the ticket is not moved for it."""

    async def story() -> None:
        world = Elsewhere()
        late: list[RunReport] = []

        async def keep(report: RunReport) -> None:
            late.append(report)

        world.leases.began = keep
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        await world.ends(claim, "failed")
        if saved:
            await world.later(timedelta(minutes=2))
        assert await world.state() is State.DISPATCHING
        await world.factory.recorder.began(late[0])
        await world.settle()
        assert (await world.state(), column(world)) == (State.DISPATCHING, ItemState.READY)

    run(story())


def test_each_run_that_nobody_takes_is_said() -> None:
    """The first is taken after all and fails; the second waits as long, and that is said anew."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        await world.later(timedelta(minutes=11))
        claim = await world.claimed()
        await world.beats(claim)
        await world.ends(claim, "failed")
        await world.later(timedelta(minutes=2))
        await world.later(timedelta(minutes=11))
        assert sum(NOT_TAKEN in said for said in world.said()) == 2

    run(story())


def test_a_start_that_does_not_work_is_said_while_it_is_still_tried() -> None:
    """The fleet has no room for hours: the ticket says why, once, and the run begins when there is room."""

    async def story() -> None:
        world = World()
        world.fleet.faults["start"] = [Retryable("no task", why="no capacity is left", fix="factory check")] * 30
        await world.add(ticket())
        for _ in range(30):
            await world.later(timedelta(minutes=1))
        [said] = world.said()
        assert "no run could be started: no capacity is left" in said and "factory doctor" in said
        assert column(world) is ItemState.READY
        [item] = (await overview(world.factory.observed, world.fleet, "1")).needs
        assert (item.reason, item.fix_in_words) == ("not-begun", "factory doctor")
        world.fleet.faults.clear()
        await world.later(timedelta(minutes=10))
        record = await world.record()
        assert (record.state, record.attempt, record.waits_for) == (State.RUNNING, 1, "")
        assert column(world) is ItemState.DISPATCHED

    run(story())


def test_a_person_takes_back_what_nobody_took() -> None:
    """The run leaves the line, and the ticket is never moved."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        await world.later(timedelta(minutes=11))
        world.tracker.items["ACME-1"] = ticket(state=ItemState.OTHER)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert await world.state() is State.CANCELLED and "run" not in await world.says("claim")
        assert world.tracker.moves == []

    run(story())


def test_an_agent_session_says_that_nobody_took_the_run_and_then_that_it_works() -> None:
    """It is no comment of its own there: the session shows the record."""

    async def story() -> None:
        world = Elsewhere()
        item = ticket()
        world.tracker.items[item.id] = item
        await world.hear(world.changed(item).model_copy(update={"session_id": "s1"}))
        await world.later(timedelta(minutes=11))
        shown = list(world.tracker.activities["s1"].values())
        assert shown[-1].kind == "question" and NOT_TAKEN in shown[-1].text and world.said() == []
        claim = await world.claimed()
        assert world.tracker.claimed == set()
        await world.beats(claim)
        assert list(world.tracker.activities["s1"].values())[-1].text == "Working on it"
        assert world.tracker.claimed == {"ACME-1"}

    run(story())


def test_a_run_that_is_only_accepted_is_no_beginning() -> None:
    assert not RunReport(run_id="r", work_item_id="i", status=RunStatus.STARTING).has_begun
