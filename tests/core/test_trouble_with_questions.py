"""Questions that cannot be put, are answered by two at once, or are answered when there is no room."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from factory_core.dispatch.events import CheckedIn
from factory_core.dispatch.records import State
from factory_core.dispatch.transitions import decide
from factory_core.errors import Retryable, Terminal
from factory_core.ports import Thread
from factory_core.runs.run import RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure
VAGUE = ticket(title="Cart is off", description="Please look.")
USEFUL = "Show `amount` instead of `total` in shop/cart.py, everywhere."
ARCHIVED = Terminal("Slack: chat.postMessage", why="is_archived", fix="In Slack: restore the channel")


def test_two_replies_at_once_start_one_agent_that_hears_both() -> None:
    """Over two processes: one resume, and the second text is with the first."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        other = world.new_factory("worker-2")
        said = [world.reply(USEFUL, ts="m1"), world.reply("And in the mail.", ts="m2", author="U2")]
        await asyncio.gather(*(worker.recorder.accept(one) for worker in (world.factory, other) for one in said))
        await world.settle()
        (order,) = world.fleet.orders.values()
        assert order.task.count(USEFUL) == 1 and order.task.count("And in the mail.") == 1

    run(story())


def test_an_answer_that_finds_no_room_waits_in_line_with_the_item() -> None:
    """Capacity is full at the wake: it costs no try, and the answer is told when there is room."""

    async def story() -> None:
        world = World(capacity={"agents": 1})
        await world.add(VAGUE)
        await world.add(ticket("ACME-2"))
        await world.hear(world.reply(USEFUL))
        record = await world.record()
        assert (record.state, record.attempt, len(world.fleet.live)) == (State.QUEUED, 0, 1)
        await world.agent_ends()
        assert await world.state() is State.RUNNING
        assert USEFUL in list(world.fleet.orders.values())[-1].task

    run(story())


def test_a_question_that_cannot_be_put_is_said_on_the_ticket_with_the_fix() -> None:
    """The channel was archived: the ticket says so, holds nothing, and an edit of the ticket answers as well."""

    async def story() -> None:
        world = World()
        world.channel.faults["open_thread"] = [ARCHIVED]
        await world.add(VAGUE)
        assert await world.state() is State.BLOCKED
        assert "is_archived" in world.said()[0] and "In Slack: restore the channel" in world.said()[0]
        await world.add(ticket())
        assert await world.state() is State.RUNNING

    run(story())


def test_a_thread_whose_channel_is_archived_while_it_waits_keeps_the_question_answerable() -> None:
    """The reminder cannot be said: noted, no more; a comment on the ticket still answers it."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        world.channel.faults["reply"] = [ARCHIVED]
        await world.later(timedelta(hours=4, seconds=1))
        assert await world.state() is State.WAITING
        await world.hear(world.comment(USEFUL))
        assert await world.state() is State.RUNNING

    run(story())


def test_a_question_that_may_stand_already_is_not_asked_before_it_is_looked_for() -> None:
    """The post went through and its answer was lost: the retry has the same key, and the answer in it counts."""

    async def story() -> None:
        world = World()
        opened = world.channel.open_thread

        async def lost(title: str, body: str, key: str) -> Thread:
            await opened(title, body, key)
            world.channel.open_thread = opened  # type: ignore[method-assign]
            raise Retryable("Slack cannot be reached", why="no answer", fix="factory check")

        world.channel.open_thread = lost  # type: ignore[method-assign]
        await world.add(VAGUE)
        await world.hear(world.reply(USEFUL))
        await world.later(timedelta(seconds=2))
        assert await world.state() is State.RUNNING and len(world.channel.threads) == 1

    run(story())


def test_what_an_agent_asked_before_the_weekend_is_not_given_up_on_monday() -> None:
    """It ended while nobody served: the question's time begins when it is asked, not when the agent wanted to."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        report = world.fleet.end(run_id, RunStatus.ASKED, words="Which currency?")
        world.now += timedelta(days=8)
        await world.factory.recorder.finished(report)
        await world.settle()
        await world.later(timedelta(minutes=5))
        assert await world.state() is State.WAITING and len(world.channel.threads["C1:1.0"]) == 1
        await world.later(timedelta(hours=4))
        assert [said[:13] for said in world.channel.threads["C1:1.0"][1:]] == ["Still waiting"]

    run(story())


def test_a_look_at_the_clock_that_was_held_up_reminds_nobody_of_a_newer_wait() -> None:
    """A worker read that the deadline had passed, and stood still until something else was waited for."""

    async def story() -> None:
        world = World()
        await world.add(ticket(title="Cart is off", description="Please look."))
        record = await world.record()
        assert record.state is State.WAITING and record.deadline
        due = CheckedIn(id="x", work_item_id="ACME-1", at=record.deadline)
        early = due.model_copy(update={"at": record.deadline - timedelta(seconds=1)})
        assert decide(record, early, world.config) is None and decide(record, due, world.config) is not None

    run(story())


def test_an_old_reply_that_is_delivered_late_is_still_an_answer() -> None:
    """Hours after it was written, and after the reminder: it counts, and nobody is asked again."""

    async def story() -> None:
        world = World()
        await world.add(VAGUE)
        said = world.reply(USEFUL)
        await world.later(timedelta(hours=6))
        await world.hear(said)
        assert await world.state() is State.RUNNING

    run(story())
