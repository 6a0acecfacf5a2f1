"""The same words by several ways, under several event ids, are the same words; by whichever way they come first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from factory_core.dispatch.events import CommentAdded, Event, ReplyReceived, ThreadMoved
from factory_core.dispatch.records import State
from tests.core.swept_world import VAGUE, SweptWorld
from tests.core.world import World, run, ticket

from .people import BOT, WORDS, comment, linear, message, prompt, slack

pytestmark = pytest.mark.pure


def told(world: World) -> int:
    """How often the agents that ran were given the words."""
    return sum(order.task.count(WORDS) for order in world.fleet.orders.values())


@pytest.mark.parametrize("early", [False, True])
def test_a_reply_by_event_by_mention_and_by_sweep_is_one(early: bool) -> None:
    """Before its thread was known, too."""

    async def story() -> None:
        world = SweptWorld()
        ways = (
            *slack(message()),
            *slack(message(type="app_mention"), event_id="Ev2"),
            *slack(message(), event_id="Ev3"),
        )
        if early:
            await world.hear(*ways)
        await world.add(ticket(**VAGUE))
        world.channel.people += [way for way in ways if isinstance(way, ReplyReceived)]
        await world.hear(*ways)
        await world.sweep()
        record = await world.record()
        assert (record.state, len(record.answers), told(world)) == (State.RUNNING, 1, 1)

    run(story())


BOTH = (comment(id="c-1"), prompt(id="p-1", sourceCommentId="c-1"))
STATES = {"waiting": VAGUE, "running": {}}


@pytest.mark.parametrize("item", STATES.values(), ids=STATES)
@pytest.mark.parametrize("order", list(permutations(BOTH)), ids=["comment first", "prompt first"])
def test_a_comment_and_the_prompt_that_it_was_are_one(order: tuple[dict[str, Any], ...], item: dict[str, Any]) -> None:
    """Whichever comes first; and what was mere talk in the session is still an order on the ticket."""

    async def story() -> None:
        world = World()
        await world.add(ticket(**item))
        events = [event for payload in order for event in linear(payload)]
        await world.hear(*events, *(event.model_copy(update={"id": f"{event.id}-again"}) for event in events))
        while world.fleet.live:
            await world.agent_ends()
        assert told(world) == 1

    run(story())


def test_words_under_another_event_id_are_known_after_many_others() -> None:
    """Not only those among the newest twenty answers."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        said = world.comment(WORDS)
        await world.hear(said, *(world.comment(f"And page {n}.") for n in range(40)))
        before = await world.record()
        await world.hear(said.model_copy(update={"id": "under another name"}))
        assert (await world.record()).feedback == before.feedback

    run(story())


def test_a_comment_in_review_costs_one_round_however_often_it_comes() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        said = world.comment(WORDS)
        for n in range(3):
            await world.hear(said.model_copy(update={"id": f"delivery-{n}"}))
            if world.fleet.live:
                await world.agent_ends()
        record = await world.record()
        assert (record.state, record.round, told(world)) == (State.IN_REVIEW, 1, 1)

    run(story())


def test_a_picture_by_two_ways_is_noted_once() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket(**VAGUE))
        one = world.reply("", attachments=("cart.png",))
        await world.hear(one, one.model_copy(update={"id": "under another name"}))
        lines = [line.text for line in (await world.record()).log]
        assert lines.count("U1 sent cart.png without words.") == 1

    run(story())


def test_answers_of_a_channel_whose_id_changed_are_not_given_anew() -> None:
    """A thread that is read again under the channel's new id names its messages by that id."""

    async def story() -> None:
        world = SweptWorld()
        await world.add(ticket(**VAGUE))
        await world.hear(*slack(message("It was like that last week as well.")))
        moved = ThreadMoved(id="moved", at=world.now, old="C1", new="C2")
        await world.hear(moved)
        again: tuple[Event, ...] = slack(
            message("It was like that last week as well.", channel="C2", parent_user_id=BOT)
        )
        world.channel.people += [way for way in again if isinstance(way, ReplyReceived)]
        await world.hear(*again)
        await world.sweep()
        record = await world.record()
        assert (record.state, len(record.answers)) == (State.WAITING, 1)
        assert record.clarification and record.clarification.round == 2

    run(story())


def test_two_people_who_say_the_same_are_two() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket())
        events: list[CommentAdded] = [world.comment("Yes, in cents.", author=author) for author in ("maya", "noor")]
        await world.hear(*events)
        assert (await world.record()).feedback == ("Yes, in cents.", "Yes, in cents.")

    run(story())
