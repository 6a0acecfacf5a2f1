"""Words that a run was told are told again, until a run that was told them ends well."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import AbortRequested, RetryRequested, StopRequested
from factory_core.dispatch.pull_request import Check
from factory_core.dispatch.records import State
from factory_core.errors import Retryable, Terminal
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from .world import CLEAR, World, run, ticket

pytestmark = pytest.mark.pure


async def mending() -> World:
    """ACME-1's check has failed, and a run was told so."""
    world = World()
    await world.add(ticket())
    await world.agent_ends()
    world.target.red(1)
    await world.hear(world.pull())
    assert newest_task(world).count("The check ci ended with failure.") == 1
    return world


def newest_task(world: World) -> str:
    return list(world.fleet.orders.values())[-1].task


async def retry(world: World, reason: str = "") -> None:
    await world.hear(RetryRequested(id="retry", work_item_id="ACME-1", at=world.now, by="maya", reason=reason))


@pytest.mark.parametrize("status", [RunStatus.LOST, RunStatus.FAILED, RunStatus.LIMITED, RunStatus.ASKED])
def test_what_is_to_be_mended_is_told_again_when_its_run_did_not_mend_it(status: RunStatus) -> None:
    """The next try starts in a session of its own, and the gate says each thing once."""

    async def story() -> None:
        world = await mending()
        await world.agent_ends(status, words="Which page?" if status is RunStatus.ASKED else "")
        if status is RunStatus.ASKED:
            await world.hear(world.reply("The cart."))
        await world.later(timedelta(minutes=31))
        assert len(world.fleet.orders) == 3 and "The check ci ended with failure." in newest_task(world)
        await world.agent_ends()
        assert (await world.record()).marks() == ()

    run(story())


@pytest.mark.parametrize("end", ["capped", "stopped"])
def test_a_retry_is_told_what_the_run_before_was_to_mend(end: str) -> None:
    async def story() -> None:
        world = await mending()
        if end == "capped":
            await world.agent_ends(RunStatus.CAPPED)
        else:
            await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="maya"))
        await retry(world, "Only touch the cart.")
        assert "Only touch the cart." in newest_task(world) and "The check ci ended" in newest_task(world)

    run(story())


def test_a_start_that_waits_is_taken_back_when_its_item_is_blocked() -> None:
    """The fleet is away: no agent starts for an item that waits for a person, and the words wait for the retry."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.red(1)
        away = Retryable("the fleet cannot be reached", why="no answer", fix="factory check")
        world.fleet.faults["start"] = [away]
        await world.hear(world.pull())
        world.target.faults["read_pull_request"] = [Terminal("GitHub: no access", why="403", fix="factory check")]
        await world.hear(world.pull())
        assert await world.state() is State.BLOCKED
        for _ in range(3):
            await world.later(timedelta(minutes=1))
        assert len(world.fleet.orders) == 1 and (await world.store.get_batch()).slots == {}
        await retry(world)
        assert len(world.fleet.orders) == 2 and "The check ci ended" in newest_task(world)

    run(story())


def test_what_is_not_broken_any_more_is_not_told_and_what_blocked_it_is_merged() -> None:
    """A check was red, its reading failed while the agent ran, and it turned green by itself."""

    async def story() -> None:
        world = await mending()
        world.target.faults["read_pull_request"] = [Terminal("GitHub: no access", why="403", fix="factory check")]
        await world.hear(world.pull())
        assert await world.state() is State.BLOCKED
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE and len(world.fleet.orders) == 2

    run(story())


async def answers_lost(world: World, after: float | None = None) -> None:
    """A check is red; the next start works, and its answer is lost once."""
    start = world.fleet.start

    async def loses(order: RunOrder) -> RunReport:
        await start(order)
        world.fleet.start = start  # type: ignore[method-assign]
        raise Retryable("the fleet cannot be reached", why="no answer", fix="factory check", after=after)

    await world.add(ticket())
    await world.agent_ends()
    world.target.red(1)
    world.fleet.start = loses  # type: ignore[method-assign]
    await world.hear(world.pull())


def test_words_between_a_start_and_its_repetition_are_told_to_the_next_run() -> None:
    """The fleet gives the run that it has, whose task was written before."""

    async def story() -> None:
        world = World()
        await answers_lost(world)
        await world.hear(world.comment("And in the mail."))
        await world.later(timedelta(minutes=5))
        assert await world.state() is State.RUNNING and "And in the mail." not in newest_task(world)
        await world.agent_ends()
        assert "And in the mail." in newest_task(world) and "The check ci ended" not in newest_task(world)

    run(story())


def test_a_run_whose_end_is_faster_than_the_word_of_its_start_was_told_all_the_same() -> None:
    async def story() -> None:
        world = World()
        await answers_lost(world, after=600)
        world.target.green(1)
        await world.agent_ends()
        await world.hear(world.pull())
        await world.later(timedelta(minutes=11))
        assert await world.state() is State.DONE and len(world.fleet.orders) == 2

    run(story())


def test_a_persons_order_is_told_beside_any_number_of_failed_checks() -> None:
    async def story() -> None:
        world = await mending()
        await world.hear(world.comment("And in the mail."))
        failed = [Check(name=f"ci-{n}", status="completed", conclusion="failure") for n in range(25)]
        world.target.change(1, checks=tuple(failed))
        await world.agent_ends()
        assert "The check ci-0 ended" in newest_task(world) and "And in the mail." in newest_task(world)

    run(story())


def test_an_edit_before_the_stop_is_through_leaves_one_request_for_a_slot() -> None:
    """Aborted, taken up again and edited while the fleet does not answer: two agents never share the one slot."""

    async def story() -> None:
        world = World(capacity={"agents": 1})
        await world.add(ticket())
        world.fleet.faults["stop"] = [Retryable("the fleet cannot be reached", why="no answer", fix="factory check")]
        await world.hear(AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="maya"))
        await retry(world)
        await world.add(ticket(description=f"{CLEAR}\nAlso in the mail."))
        kinds = [planned.effect.kind for planned in (await world.record()).outbox]
        assert kinds.count("take_slot") == 1 and kinds[-1] == "take_slot"
        await world.later(timedelta(minutes=5))
        assert await world.state() is State.RUNNING and len(world.fleet.live) == 1

    run(story())
