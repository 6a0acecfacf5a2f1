"""What cannot be done now holds up only its own lane, and whatever goes wrong stays with the effect that it befell."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, get_args

import pytest

from factory_core.dispatch.effects import (
    LANE,
    AskQuestion,
    Effect,
    ForgetItem,
    PostComment,
    ReadItem,
    ReleaseSlot,
    StopAgent,
    TriageItem,
)
from factory_core.dispatch.events import AbortRequested, RetryRequested
from factory_core.dispatch.records import ENDED, InFlightRecord, Lease, State
from factory_core.errors import Retryable, Terminal, UnreadableRecord
from factory_core.performing.lease import holds
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .world import START, Crash, World, crashing, run, ticket

pytestmark = pytest.mark.pure


def down(what: str) -> Retryable:
    return Retryable(f"{what} cannot be reached", why="it answered 500", fix="factory check")


def kinds(record: InFlightRecord) -> list[str]:
    return [planned.effect.kind for planned in record.outbox]


def heads(*effects: Any) -> list[str]:
    return [planned.effect.kind for planned in InFlightRecord(work_item_id="ACME-1").plan(effects).heads()]


def test_every_effect_has_a_lane_but_the_one_that_waits_for_all() -> None:
    every = {member.model_fields["kind"].default for member in get_args(get_args(Effect)[0])}
    assert every - set(LANE) == {"forget_item"} and set(LANE) <= every


def test_the_first_of_each_lane_may_go_and_to_forget_comes_last() -> None:
    question = AskQuestion(text="Which page?")
    assert heads(StopAgent(run_id="r"), ReleaseSlot(), question, TriageItem()) == [
        "stop_agent",
        "ask_question",
        "triage_item",
    ]
    assert heads(PostComment(body="x"), ForgetItem()) == ["post_comment"]
    assert heads(ForgetItem(), ReadItem()) == ["forget_item", "read_item"]


def test_a_question_that_cannot_be_asked_holds_up_no_answer_on_the_ticket() -> None:
    """It is asked late all the same, for it may stand already; and when that never works, nobody is called."""

    async def story() -> None:
        world = World()
        world.channel.faults["open_thread"] = [down("Slack")] * 1000
        await world.add(ticket(description="Please look."))
        assert await world.state() is State.WAITING
        world.tracker.items["ACME-1"] = ticket()
        await world.hear(world.comment("Rename `total` to `amount` in `shop/cart.py`."))
        assert await world.state() is State.RUNNING and kinds(await world.record()) == ["ask_question"]
        for _ in range(300):
            await world.later(timedelta(minutes=5))
        record = await world.record()
        assert not record.outbox and not (record.block and record.block.reason == "effect-failed")
        assert any("ask question did not work" in entry.text for entry in record.log)

    run(story())


def test_a_second_question_goes_into_the_thread_that_the_first_one_opened() -> None:
    async def story() -> None:
        world = World()
        world.channel.faults["open_thread"] = [down("Slack")] * 2
        await world.add(ticket(description="Please look."))
        await world.hear(world.comment("It was like that last week as well."))
        assert kinds(await world.record()) == ["ask_question", "ask_question"]
        await world.later(timedelta(minutes=1))
        await world.later(timedelta(minutes=1))
        assert await world.state() is State.WAITING and [len(said) for said in world.channel.threads.values()] == [2]

    run(story())


def test_a_comment_that_cannot_be_posted_holds_up_no_slot() -> None:
    """The next in line starts at once, and the ticket is told when the tracker takes comments again."""

    async def story() -> None:
        world = World(agents={"maxAttempts": 1})
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        world.tracker.faults["post_comment"] = [down("Linear")] * 3
        await world.agent_ends(RunStatus.CAPPED)
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.BLOCKED, State.RUNNING)
        for _ in range(4):
            await world.later(timedelta(seconds=30))
        assert len(world.said("ACME-1")) == 1

    run(story())


def test_an_agent_that_cannot_be_stopped_keeps_its_slot() -> None:
    """Within a lane the order is a law: two agents must never share one place."""

    async def story() -> None:
        world = World()
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        world.fleet.faults["stop"] = [down("The fleet")] * 2
        world.tracker.items["ACME-1"] = ticket("ACME-1", state=ItemState.CANCELLED)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.CANCELLED, State.QUEUED)
        await world.later(timedelta(minutes=1))
        await world.later(timedelta(minutes=1))
        assert await world.state("ACME-2") is State.RUNNING and len(world.fleet.live) == 1

    run(story())


def test_a_ticket_that_is_edited_while_it_stands_in_line_gives_its_place_up() -> None:
    """What it says now may be unclear: until that is known, nobody waits behind it."""

    async def story() -> None:
        world = World()
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        world.tracker.items["ACME-2"] = ticket("ACME-2", description="Please look.")
        await world.hear(world.changed(world.tracker.items["ACME-2"]))
        assert await world.state("ACME-2") is State.WAITING
        assert [entry.work_item_id for entry in (await world.store.get_batch()).queue] == []

    run(story())


@pytest.mark.parametrize("how", ["retried", "reopened", "answered"])
def test_who_is_taken_up_again_while_it_is_being_forgotten_is_kept(how: str) -> None:
    """Whether the call that throws its work tree away is under way, or waits to be tried once more."""

    async def story() -> None:
        world = World(runner={"keepFinished": "7d"})
        await world.add(ticket(description="Please look."))
        if how == "answered":
            for _ in range(9):
                await world.later(timedelta(days=1))
            assert await world.state() is State.FAILED
        else:
            world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
            await world.hear(world.changed(world.tracker.items["ACME-1"]))
        world.fleet.faults["forget"] = [down("The fleet")]
        await world.later((await world.record()).deadline - world.now)  # type: ignore[operator]
        assert kinds(await world.record()) == ["forget_item"] and await world.state() in ENDED
        world.tracker.items["ACME-1"] = ticket()
        again = {
            "retried": RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="Maya"),
            "reopened": world.changed(ticket()),
            "answered": world.reply("Rename `total` to `amount` in `shop/cart.py`.", item="ACME-1"),
        }[how]
        forget, forgotten = world.fleet.forget, list[str]()

        async def interrupted(item: str) -> None:
            """What comes in while it is being thrown away."""
            await forget(item)
            forgotten.append(item)
            await world.factory.recorder.accept(again)

        world.fleet.forget = interrupted  # type: ignore[method-assign]
        await world.later(timedelta(minutes=1))
        assert forgotten == ["ACME-1"]
        assert await world.state() is State.RUNNING and not (await world.record()).outbox

    run(story())


def test_the_order_to_forget_loses_its_point_when_the_item_is_taken_up_again() -> None:
    """Else the work tree would be thrown away when the new run ends, before its branch is pushed."""

    async def story() -> None:
        world = World()
        world.fleet.faults["forget"] = [down("The fleet")]
        world.tracker.items["ACME-1"] = ticket()
        await world.hear(world.changed(ticket()))
        world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        await world.later((await world.record()).deadline - world.now)  # type: ignore[operator]
        assert kinds(await world.record()) == ["forget_item"]
        await world.hear(RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="Maya"))
        assert "forget_item" not in kinds(await world.record())

    run(story())


def test_a_failure_of_what_is_not_planned_any_more_is_nobodys_matter() -> None:
    """The start that a person's cancel overtook fails for good: the ticket stays cancelled, and says nothing more."""

    async def story() -> None:
        world = World()
        start = world.fleet.start

        async def overtaken(order: Any) -> Any:
            world.fleet.start = start  # type: ignore[method-assign]
            world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
            abort = AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="Maya")
            await world.factory.recorder.accept(abort)
            raise Terminal("no such engine", why="it is not installed", fix="factory check")

        world.fleet.start = overtaken  # type: ignore[method-assign]
        await world.add(ticket())
        record = await world.record()
        assert record.state is State.CANCELLED and not record.outbox
        assert not any("did not work" in entry.text for entry in record.log)

    run(story())


def test_a_batch_that_cannot_be_read_stays_with_the_effect_that_needs_it() -> None:
    """The main outcome is saved, nothing escapes, and the item goes on when the batch can be read again."""

    async def story() -> None:
        world, read = World(), None
        read = world.store.get_batch

        async def unreadable() -> Any:
            raise UnreadableRecord("the batch cannot be read", why="it is damaged", fix="factory check")

        world.store.get_batch = unreadable  # type: ignore[method-assign]
        await world.add(ticket())
        record = await world.record()
        assert record.state is State.QUEUED and kinds(record) == ["take_slot"] and not record.lease.holder
        assert record.outbox[0].attempts == 1 and record.outbox[0].why == "it is damaged"
        world.store.get_batch = read  # type: ignore[method-assign]
        await world.later(timedelta(minutes=1))
        assert await world.state() is State.RUNNING

    run(story())


def test_a_lease_is_held_by_one_holder_in_one_life() -> None:
    """A record that was forgotten and begun anew counts its epochs from the beginning."""
    claimed = InFlightRecord(work_item_id="ACME-1", born="1", lease=Lease(holder="worker-1", epoch=1, until=START))
    moved = claimed.but(version=7, state=State.QUEUED, lease=claimed.lease.model_copy(update={"until": None}))
    assert holds(moved, claimed)
    for other in (
        None,
        claimed.but(born="2"),
        claimed.but(lease=Lease(epoch=1)),
        claimed.but(lease=claimed.lease.model_copy(update={"epoch": 2})),
        claimed.but(lease=claimed.lease.model_copy(update={"holder": "worker-2"})),
    ):
        assert not holds(other, claimed)


def test_who_begins_late_takes_the_whole_lease_first() -> None:
    """An effect may take half a minute: with a quarter left, another worker would begin it too."""

    async def story() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        await world.factory.recorder.accept(world.changed(ticket()))
        held = list[timedelta]()
        read = world.tracker.read_item

        async def reading(item: str) -> Any:
            until = (await world.record()).lease.until
            assert until is not None
            held.append(until - world.now)
            return await read(item)

        world.tracker.read_item = reading  # type: ignore[method-assign]
        world.now += timedelta(seconds=45)
        await world.settle()
        assert min(held) > world.config.runner.effect_timeout

    run(story())


def test_a_worker_that_dies_blames_no_innocent_effect_more_than_once() -> None:
    """A row of effects is performed in one go; after a death each is performed alone."""

    async def story() -> None:
        world = World(runner={"maxAttempts": 3})
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        for number in range(12):
            with crashing(world.tracker, "post_comment", after=False):
                try:
                    if not number:
                        await world.factory.recorder.accept(world.pull())
                    await world.settle()
                    await world.factory.performer.check_in()
                    await world.settle()
                except Crash:
                    world.woken.clear()
            world.factory = world.new_factory(f"worker-{number + 2}")
            world.now += timedelta(seconds=61)
        record = await world.record()
        assert record.state is State.DONE and not record.outbox
        assert [entry.text for entry in record.log if "did not work" in entry.text] == [
            "Passed over: post comment did not work: its worker died over it each time: no outcome"
        ]
        assert world.tracker.items["ACME-1"].state is ItemState.DONE

    run(story())


def test_an_effect_that_waits_for_its_vendor_is_not_blamed_for_deaths_over_another() -> None:
    """The link fails again and again, and each time its turn has come its worker has just died over the reading."""

    async def story() -> None:
        world = World(runner={"maxAttempts": 3})
        await world.add(ticket())
        busy = Retryable("Linear cannot be reached", why="it answered 500", fix="factory check")
        world.tracker.faults["link_pull_request"] = [busy] * 40
        for number in range(8):
            with suppress(Crash), crashing(world.target, "read_pull_request", after=False):
                await (world.later(timedelta(minutes=6)) if number else world.agent_ends())
            world.woken.clear()
            world.factory = world.new_factory(f"worker-{number + 2}")
        record = await world.record()
        assert record.block and "its worker died over it each time" in record.block.why
        assert record.block.why.startswith("read pull request did not work")
        assert [planned.faults for planned in record.outbox if planned.effect.kind == "link_pull_request"] == [0]

    run(story())
