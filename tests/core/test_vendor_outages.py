"""A vendor that is away for longer than it is given: what stops for it is known by value, and goes on afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.stores.record_sql import decode, encode
from factory_core.dispatch.causes import CAUSE_NAMES, CAUSES, is_blocked_by
from factory_core.dispatch.ending import MOST_RETURNS
from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.records import Block, InFlightRecord, State
from factory_core.errors import Retryable, VendorUnavailable
from factory_core.work_item import ItemState

from .test_answers import ANSWER, VAGUE
from .world import World, run, ticket

pytestmark = pytest.mark.pure
PATIENCE = timedelta(hours=1)
DOWN = Retryable("GitHub cannot be reached", why="it answered 500", fix="factory check")
FOR_EVER = 100_000


async def pass_by(world: World, span: timedelta) -> None:
    """Time passes in steps that no pause is shorter than for long."""
    end = world.now + span
    while world.now < end:
        await world.later(timedelta(minutes=2))


async def published_into_an_outage() -> World:
    """Its agent is done, and the code host is away until it is blocked."""
    world = World(runner={"giveUpAfter": "1h"})
    await world.add(ticket())
    world.target.faults["open_pull_request"] = [DOWN] * FOR_EVER
    await world.agent_ends()
    await pass_by(world, 2 * PATIENCE)
    return world


def test_what_an_outage_kept_from_being_published_goes_on_when_it_is_over_without_another_run() -> None:
    async def story() -> None:
        world = await published_into_an_outage()
        record = await world.record()
        assert record.state is State.BLOCKED and record.block
        assert (record.block.reason, record.block.provider) == ("vendor-outage", "github")
        assert "goes on by itself" in world.said()[-1]
        assert (await world.store.get_batch()).slots == {}
        await pass_by(world, timedelta(hours=30))
        assert await world.state() is State.BLOCKED
        world.target.faults.clear()
        await pass_by(world, timedelta(minutes=8))
        record = await world.record()
        assert (record.state, record.block) == (State.IN_REVIEW, None) and record.pull_request
        assert world.fleet.calls["start"] == 1
        world.target.green(record.pull_request.number)
        await world.hear(world.pull())
        await pass_by(world, timedelta(minutes=4))
        assert await world.state() is State.DONE
        assert len(world.target.pull_requests) == 1

    run(story())


def test_a_person_may_order_that_what_an_outage_blocked_is_tried_now() -> None:
    """It is that which is tried, and no run; and where it fails again for as long, that is said again."""

    async def story() -> None:
        world = await published_into_an_outage()
        for _ in range(2):
            await world.hear(RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))
            record = await world.record()
            assert (record.state, [one.attempts for one in record.outbox]) == (State.IN_REVIEW, [1])
            await pass_by(world, 2 * PATIENCE)
            assert await world.state() is State.BLOCKED
        assert sum("goes on by itself" in said for said in world.said()) == 3
        world.target.faults.clear()
        await world.hear(RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))
        assert await world.state() is State.IN_REVIEW and world.fleet.calls["start"] == 1

    run(story())


def test_a_question_that_an_outage_held_up_is_asked_once() -> None:
    """Its key stays: an answer that was lost at the end of the outage is no second question."""

    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        world.channel.faults["ask"] = world.channel.faults["open_thread"] = [DOWN] * FOR_EVER
        await world.add(ticket(title="Nicer", description="Can we make it nicer?"))
        (asking,) = (await world.record()).outbox
        await pass_by(world, 2 * PATIENCE)
        record = await world.record()
        assert record.block and record.block.provider == "slack"
        assert [one.key for one in record.outbox] == [asking.key]
        world.channel.faults.clear()
        await pass_by(world, timedelta(minutes=8))
        record = await world.record()
        assert (record.state, record.clarification is not None) == (State.WAITING, True)
        assert record.deadline and record.deadline > world.now

    run(story())


def test_what_a_start_needed_of_the_code_host_waits_for_the_code_host() -> None:
    """The tracker answers all the time, and whether a ticket is ready says nothing of the vendor that was away."""

    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        world.fleet.faults["start"] = [Retryable("the fleet", why="it is busy", fix="factory check", after=600)]
        await world.add(ticket())
        world.tracker.items["ACME-1"] = ticket(state=ItemState.DONE)
        world.target.faults["find_pull_request"] = [DOWN] * FOR_EVER
        await pass_by(world, 2 * PATIENCE)
        record = await world.record()
        assert record.block and (record.block.provider, record.block.order) == ("github", "triage_item")
        world.tracker.items["ACME-1"] = ticket()
        await pass_by(world, PATIENCE)
        assert await world.state() is State.BLOCKED
        world.target.faults.clear()
        await pass_by(world, timedelta(minutes=8))
        assert await world.state() is State.RUNNING

    run(story())


def test_the_vendor_that_an_order_failed_at_is_on_record() -> None:
    """By the port that was asked, whichever part of the order asked it; a fleet is no vendor."""

    async def story() -> None:
        world = World()
        world.tracker.faults["read_item"] = [DOWN]
        await world.add(ticket())
        assert [one.vendor for one in (await world.record()).outbox] == ["linear"]
        world.fleet.faults["start"] = [Retryable("the fleet", why="it is busy", fix="factory check")]
        await world.later(timedelta(seconds=2))
        assert [(one.effect.kind, one.vendor) for one in (await world.record()).outbox] == [("start_agent", "")]

    run(story())


def test_a_vendor_that_comes_and_goes_starts_no_agent_for_ever() -> None:
    """Each return to triage may cost a run: after a few of them a person's word is needed, and begins anew."""

    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        read, down = world.tracker.read_item, VendorUnavailable("linear", DOWN.what, why=DOWN.why, fix=DOWN.fix)

        async def answers_triage(item_id: str) -> object:
            record = await world.store.get_in_flight("ACME-1")
            if record and record.state is State.DISPATCHING:
                raise down
            return await read(item_id)

        world.tracker.read_item = answers_triage  # type: ignore[method-assign, assignment]
        await world.add(ticket())
        await pass_by(world, 12 * PATIENCE)
        record = await world.record()
        assert record.block and (record.block.reason, record.block.provider) == ("vendor-outage", "linear")
        assert (record.returns, record.outbox, record.block.order) == (MOST_RETURNS, (), "")
        assert (await world.store.get_batch()).slots == {}
        world.tracker.read_item = read  # type: ignore[method-assign]
        await pass_by(world, PATIENCE)
        assert await world.state() is State.BLOCKED and world.fleet.calls["start"] == 0
        await world.hear(RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))
        assert (await world.state(), (await world.record()).returns) == (State.RUNNING, 0)

    run(story())


def test_who_takes_the_ticket_elsewhere_meanwhile_leaves_nothing_behind() -> None:
    """What was still tried loses its point with the block."""

    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        world.tracker.faults["read_item"] = [DOWN] * FOR_EVER
        await world.add(ticket())
        await pass_by(world, 2 * PATIENCE)
        assert [one.effect.kind for one in (await world.record()).outbox if one.attempts] == ["triage_item"]
        await world.hear(RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya"))
        record = await world.record()
        assert [one.effect.kind for one in record.outbox].count("triage_item") == 1
        assert record.state is State.TRIAGING

    run(story())


def test_who_writes_stop_during_an_outage_stops_what_would_go_on_by_itself() -> None:
    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        await world.add(ticket(**VAGUE))
        world.tracker.faults["read_item"] = [DOWN] * FOR_EVER
        await world.hear(world.reply(ANSWER))
        await pass_by(world, 2 * PATIENCE)
        record = await world.record()
        assert record.block and record.block.reason == "vendor-outage"
        await world.hear(world.reply("please stop"))
        world.tracker.faults.clear()
        await pass_by(world, PATIENCE)
        record = await world.record()
        assert record.block and record.block.reason == "withdrawn" and not world.fleet.orders

    run(story())


def test_what_is_answered_while_the_question_cannot_be_asked_is_an_answer() -> None:
    async def story() -> None:
        world = World(runner={"giveUpAfter": "1h"})
        world.channel.faults["ask"] = world.channel.faults["open_thread"] = [DOWN] * FOR_EVER
        await world.add(ticket(**VAGUE))
        await pass_by(world, 2 * PATIENCE)
        record = await world.record()
        assert record.block and record.block.reason == "vendor-outage"
        await world.hear(world.comment(ANSWER))
        assert await world.state() is State.RUNNING
        world.channel.faults.clear()
        await pass_by(world, PATIENCE)
        assert world.channel.threads == {}

    run(story())


def test_many_are_taken_up_each_at_its_own_moment() -> None:
    async def story() -> None:
        world = await published_into_an_outage()
        world.target.faults.clear()
        later = world.now + timedelta(minutes=1)
        order = RetryRequested(id="r", work_item_id="ACME-1", at=world.now, by="maya", not_before=later)
        await world.hear(order)
        record = await world.record()
        assert [one.not_before for one in record.outbox] == [later] and record.pull_request is None
        await world.later(timedelta(minutes=1))
        assert (await world.record()).pull_request

    run(story())


def test_what_one_outage_held_up_does_not_go_on_all_at_once() -> None:
    """Of thirty tickets that meet the same 429, no more than a few begin in the same second."""

    async def story() -> None:
        room = {"agents": 30, "perRepository": 30}
        world = World(capacity=room)
        limited = Retryable("Linear cannot be reached", why="it answered 429", fix="factory check", after=20)
        world.tracker.faults["read_item"] = [limited] * 30
        for number in range(30):
            await world.add(ticket(f"ACME-{number}"))
        waits = [(await world.record(f"ACME-{number}")).outbox[0].not_before for number in range(30)]
        begins = [(moment - world.now).total_seconds() for moment in waits if moment]
        assert len(begins) == 30 and all(20 <= begin < 30 for begin in begins)
        assert max(sum(int(begin) == second for begin in begins) for second in range(20, 30)) <= 8

    run(story())


def test_every_reason_has_one_cause_and_both_select() -> None:
    assert set(CAUSES.values()) == set(CAUSE_NAMES)
    assert is_blocked_by("budget-run", "limit") and is_blocked_by("budget-run", "budget-run")
    assert not is_blocked_by("effect-failed", "vendor-outage")


def test_a_block_of_an_older_release_still_reads() -> None:
    block = Block(reason="effect-failed", why="open pull request did not work: 500", fix="factory check")
    record = InFlightRecord(work_item_id="1", state=State.BLOCKED, block=block)
    assert '"provider"' not in encode(record) and decode(InFlightRecord, encode(record)) == record
