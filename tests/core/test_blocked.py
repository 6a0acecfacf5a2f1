"""What a blocked item still owes: nothing undone is merged, nothing unsaid is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.pull_request import Review
from factory_core.dispatch.records import State
from factory_core.runs.run import RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure


async def in_review(**config: object) -> World:
    world = World(**config)
    await world.add(ticket())
    await world.agent_ends()
    return world


def retry(world: World) -> RetryRequested:
    return RetryRequested(id=world.fresh_id(), work_item_id="ACME-1", at=world.now, by="maya")


@pytest.mark.parametrize("ended", [RunStatus.CAPPED, RunStatus.NO_CHANGE, RunStatus.STOPPED])
def test_a_green_head_is_not_merged_while_what_was_asked_for_is_undone(ended: RunStatus) -> None:
    """The reporter's wish came after this head was made, and the agent did not get it done: a person decides."""

    async def story() -> None:
        world = await in_review()
        await world.hear(world.comment("Not like this: call it `sum`."))
        await world.agent_ends(ended)
        world.target.green(1)
        await world.hear(world.pull())
        assert (await world.state(), world.target.merges) == (State.BLOCKED, [])

    run(story())


def test_a_wish_that_found_the_rounds_used_up_keeps_the_head_from_being_merged() -> None:
    """However green it becomes, until a person takes it up again; then the agent is told."""

    async def story() -> None:
        world = await in_review(agents={"maxRounds": 0})
        await world.hear(world.comment("Not like this: call it `sum`."))
        world.target.green(1)
        await world.hear(world.pull())
        once = await world.record()
        await world.hear(world.pull())
        assert (await world.state(), world.target.merges) == (State.BLOCKED, [])
        assert ((await world.record()).log, (await world.record()).deadline) == (once.log, once.deadline)
        await world.hear(retry(world))
        assert "call it `sum`" in list(world.fleet.orders.values())[-1].task

    run(story())


def test_what_was_to_be_mended_when_the_rounds_were_used_up_is_told_after_a_retry() -> None:
    """The check is marked as told once; so the block keeps its words for the agent."""

    async def story() -> None:
        world = await in_review(agents={"maxRounds": 0})
        world.target.red(1, summary="test_amount fails")
        await world.hear(world.pull())
        assert await world.state() is State.BLOCKED
        await world.hear(retry(world))
        assert "test_amount fails" in list(world.fleet.orders.values())[-1].task

    run(story())


def test_what_a_person_mended_is_merged_without_a_retry() -> None:
    """The reviewer who kept asking for changes made them, and approved: nothing is left to be told."""

    async def story() -> None:
        world = await in_review(agents={"maxRounds": 0})
        world.target.green(1)
        world.target.review(1, Review(id="7", author="bob", state="changes_requested", body="Not yet."))
        await world.hear(world.pull())
        assert await world.state() is State.BLOCKED
        world.target.review(1, Review(id="8", author="bob", state="approved", commit="sha1"))
        await world.later(timedelta(minutes=1))
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(story())


def test_a_comment_without_words_costs_no_round() -> None:
    """An empty text orders nothing: not even where no round is left does it block the item."""

    async def story() -> None:
        world = World(agents={"maxRounds": 0})
        await world.add(ticket())
        await world.hear(world.comment(""))
        await world.agent_ends()
        assert await world.state() is State.IN_REVIEW

    run(story())


def test_what_stops_an_item_again_after_a_retry_is_said_again() -> None:
    """The same reason in the same words: whoever retried learns of it where people look."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.NO_CHANGE)
        await world.hear(retry(world))
        await world.agent_ends(RunStatus.NO_CHANGE)
        assert (await world.state(), len(world.said())) == (State.BLOCKED, 2)

    run(story())


def test_who_does_not_act_is_reminded_once_and_then_left_alone() -> None:
    """Three days without anybody: the ticket says it once more, with the fix; then it rests, and an edit goes on."""

    async def story() -> None:
        world = World()
        await world.add(ticket(labels=("exec:pair",)))
        for _ in range(20):
            await world.later(timedelta(days=1))
        record = await world.record()
        assert (record.state, record.deadline, record.wake_at) == (State.BLOCKED, None, None)
        first, second = world.said()
        assert first.startswith("The factory stops here: its label exec:pair")
        assert second.startswith("This has waited for a person for 3 d: its label exec:pair")
        await world.add(ticket())
        assert await world.state() is State.RUNNING

    run(story())


@pytest.mark.parametrize("after", ["0s", "1h"])
def test_when_it_reminds_of_a_block_is_the_configurations(after: str) -> None:
    """Nought is never."""

    async def story() -> None:
        world = World(runner={"remindBlockedAfter": after})
        await world.add(ticket(labels=("exec:pair",)))
        await world.later(timedelta(hours=2))
        assert len(world.said()) == (1 if after == "0s" else 2)

    run(story())
