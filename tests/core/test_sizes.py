"""What is stored stays small, whatever people and agents say."""

from __future__ import annotations

import pytest

from factory_core.dispatch.records import MOST_TEXT, State
from factory_core.runs.run import RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure


def test_a_long_chat_does_not_make_the_record_large() -> None:
    """Far below the 400 kB of the smallest store, for every write costs the whole record; the newest words stay."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        for n in range(220):
            await world.hear(world.comment(f"{n:03d} " * 2_000))
        record = await world.record()
        assert len(record.model_dump_json()) < 300_000
        assert len(record.log[-1].quote) == MOST_TEXT and record.log[-1].quote.startswith("219 ")
        assert record.log[0].quote == f"{'020 ' * 50}…"

    run(story())


def test_an_agents_question_of_any_length_is_asked() -> None:
    """It is cut to what a channel takes."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.ASKED, words="Which? " * 50_000)
        assert await world.state() is State.WAITING
        (asked,) = world.channel.threads.values()
        assert len(asked[0]) < MOST_TEXT + 200

    run(story())
