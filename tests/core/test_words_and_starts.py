"""Words of people that come early, twice or late, and a start whose worker died: what the simulator once found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.work_item import ItemState

from .world import Crash, World, crashing, run, ticket

pytestmark = pytest.mark.pure
VAGUE = ticket(title="Cart is off", description="Please look.")
USEFUL = "Show `amount` instead of `total` in shop/cart.py, everywhere."


def test_a_useful_word_while_a_useless_one_is_triaged_is_not_lost() -> None:
    """The newest triage decides: no second question is asked."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        await world.factory.recorder.accept(world.reply("not sure"))
        await world.factory.recorder.accept(world.reply(USEFUL))
        await world.settle()
        assert await world.state() is State.RUNNING and len(world.channel.threads["C1:1.0"]) == 1

    run(story())


def test_every_early_reply_counts_and_one_that_comes_again_does_not() -> None:
    """Two replies overtake the question; the sender repeats the first: still one question, both words told."""

    async def story() -> None:
        world = World()
        first, second = world.reply("It was like that last week as well.", ts="m1"), world.reply(USEFUL, ts="m2")
        await world.hear(first, second)
        await world.add(VAGUE)
        await world.hear(first)
        record = await world.record()
        assert record.state is State.RUNNING and [answer.id for answer in record.answers] == ["m1", "m2"]
        assert len(world.channel.threads["C1:1.0"]) == 1 and not record.feedback

    run(story())


def test_a_comment_on_a_ticket_that_was_given_up_takes_it_up_again() -> None:
    """As the last comment on it promises."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        for span in (timedelta(hours=5), timedelta(hours=24), timedelta(days=7)):
            await world.later(span)
        assert await world.state() is State.FAILED
        await world.hear(world.comment(USEFUL))
        assert await world.state() is State.RUNNING

    run(story())


def test_a_start_that_is_refused_leaves_no_agent_of_the_try_before() -> None:
    """Started, then its worker died before it could save; meanwhile a person took the ticket back."""

    async def story() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        await world.factory.recorder.accept(world.changed(ticket()))
        with crashing(world.fleet, "start", after=True), pytest.raises(Crash):
            await world.settle()
        world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
        world.factory = world.new_factory("worker-2")
        await world.later(timedelta(seconds=61))
        assert await world.state() is State.CANCELLED and world.fleet.live == []

    run(story())


def test_a_read_from_before_a_triage_cancels_nothing() -> None:
    """An edit is to be read, an answer comes first: the late read finds the ticket ready, and the triage goes on."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        world.tracker.faults["read_item"] = [Retryable("Linear", why="500", fix="factory check")]
        edited = VAGUE.model_copy(update={"description": "Please look soon."})
        world.tracker.items["ACME-1"] = edited
        await world.hear(world.changed(edited))
        await world.hear(world.reply(USEFUL))
        await world.later(timedelta(seconds=2))
        assert await world.state() is State.RUNNING

    run(story())
