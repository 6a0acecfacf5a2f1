"""What people and code hosts do to a pull request while the factory waits for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.dispatch.records import State
from factory_core.errors import Terminal

from .world import World, run, ticket

pytestmark = pytest.mark.pure
GREEN = (Check(name="ci", status="completed", conclusion="success"),)


async def in_review(**config: object) -> World:
    world = World(**config)
    await world.add(ticket())
    await world.agent_ends()
    assert await world.state() is State.IN_REVIEW
    return world


def test_whether_it_merges_cleanly_is_asked_again_soon_and_then_less_and_less_often() -> None:
    """The host works it out when asked and tells nobody: it is asked after a minute, and then ever later."""

    async def story() -> None:
        world = await in_review()
        world.target.green(1)
        world.target.change(1, mergeable=None)
        await world.hear(world.pull())
        record, asked = await world.record(), world.target.calls["read_pull_request"]
        assert record.deadline == world.now + timedelta(seconds=60)
        await world.later(timedelta(seconds=61))
        assert (await world.state(), world.target.calls["read_pull_request"]) == (State.IN_REVIEW, asked + 1)
        await world.later(timedelta(hours=1))
        assert (await world.record()).deadline == world.now + timedelta(hours=1, seconds=61) / 4
        world.target.green(1)
        await world.later(timedelta(minutes=16))
        assert await world.state() is State.DONE

    run(story())


@pytest.mark.parametrize("by", ["webhook", "own look"])
def test_a_draft_is_not_complete_and_ready_is_found_by_webhook_or_by_looking(by: str) -> None:
    """However green: a draft is not merged. That it became ready is an event, or found within the half hour."""

    async def story() -> None:
        world = await in_review()
        world.target.green(1)
        world.target.change(1, draft=True)
        await world.hear(world.pull())
        record = await world.record()
        assert (record.state, record.waits_for, world.target.merges) == (State.IN_REVIEW, "it is a draft", [])
        world.target.change(1, draft=False)
        if by == "webhook":
            await world.hear(world.pull(what="pull_request.ready_for_review"))
        else:
            await world.later(timedelta(minutes=31))
        assert await world.state() is State.DONE

    run(story())


def test_a_force_push_between_gate_and_merge_is_judged_anew() -> None:
    """A person pushed another head: that one is merged when it is green itself, and never on the old one's checks."""

    async def story() -> None:
        world = await in_review()
        world.target.green(1)
        read = world.target.read_pull_request

        async def overtaken(repository: str, number: int) -> PullRequest | None:
            seen = await read(repository, number)
            world.target.read_pull_request = read  # type: ignore[method-assign]
            world.target.change(1, head_sha="theirs", checks=(Check(name="ci", status="pending"),))
            return seen

        world.target.read_pull_request = overtaken  # type: ignore[method-assign]
        await world.hear(world.pull())
        await world.later(timedelta(seconds=61))
        assert await world.state() is State.IN_REVIEW and world.target.merges == []
        world.target.change(1, checks=GREEN)
        await world.hear(world.pull())
        assert await world.state() is State.DONE and world.target.merges == [(1, "theirs")]

    run(story())


def test_a_pull_request_that_was_aimed_elsewhere_is_left_to_people() -> None:
    """Its checks are of another base, and what is merged there nobody routed: it waits until it is aimed back."""

    async def story() -> None:
        world = await in_review()
        world.target.green(1)
        world.target.change(1, base="release")
        await world.hear(world.pull(what="pull_request.edited"))
        record = await world.record()
        assert (record.state, world.target.merges) == (State.IN_REVIEW, [])
        assert record.waits_for == "it goes into release now, and not into main"
        world.target.change(1, base="main")
        await world.hear(world.pull(what="pull_request.edited"))
        assert await world.state() is State.DONE

    run(story())


def test_a_person_who_closes_and_reopens_it_changed_their_mind() -> None:
    """Closed: a person is needed. Opened again and green: it is merged, and no second one was opened."""

    async def story() -> None:
        world = await in_review()
        world.target.change(1, state="closed")
        await world.hear(world.pull(what="pull_request.closed"))
        assert await world.state() is State.BLOCKED
        world.target.change(1, state="open")
        world.target.green(1)
        await world.hear(world.pull(what="pull_request.reopened"))
        assert await world.state() is State.DONE and len(world.target.pull_requests) == 1

    run(story())


def test_a_branch_that_a_person_deleted_is_a_closed_pull_request_and_can_be_done_again() -> None:
    """The host closes it with the branch: said once; what the agent pushes after a retry gets a new one."""

    async def story() -> None:
        world = await in_review()
        world.target.change(1, state="closed", head_sha="")
        await world.hear(world.pull(what="pull_request.closed"))
        assert await world.state() is State.BLOCKED and len(world.said()) == 2  # with what was ready for review
        await world.hear(world.comment("Oops, please again."))
        await world.later(timedelta(minutes=1))
        await world.hear(RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="maya"))
        await world.agent_ends()
        world.target.green(2)
        await world.hear(world.pull())
        assert await world.state() is State.DONE and world.target.merges == [(2, "sha2")]

    run(story())


def test_a_branch_that_cannot_be_published_is_said_and_not_taken_for_done() -> None:
    """A person's commits are on it: the push is refused, nothing is opened, and git's reason is on the ticket."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        refused = Terminal("The branch cannot be pushed", why="[rejected] non-fast-forward", fix="factory check")
        world.fleet.faults["publish"] = [refused]
        await world.agent_ends()
        assert await world.state() is State.BLOCKED and world.target.pull_requests == {}
        assert "non-fast-forward" in world.said()[-1] and (await world.store.get_batch()).slots == {}

    run(story())


def test_a_check_that_never_ends_is_reminded_of_once_and_then_needs_a_person() -> None:
    """Nothing is merged on a running check, and nothing waits for ever."""

    async def story() -> None:
        world = await in_review()
        world.target.change(1, checks=(Check(name="ci", status="pending"),), mergeable=True)
        await world.hear(world.pull())
        for _ in range(30):
            await world.later(timedelta(hours=12))
        record = await world.record()
        assert record.state is State.BLOCKED and record.block and record.block.reason == "review-unanswered"
        assert len([said for said in world.said() if said.startswith("The pull request has waited")]) == 1
        assert world.target.merges == []

    run(story())


def test_each_wait_for_a_review_is_reminded_of() -> None:
    """Three days, a reminder, another round of the agent, and three days more."""

    async def story() -> None:
        world = World(merge={"policy": "never"})
        await world.add(ticket())
        for round_ in range(2):
            await world.agent_ends()
            for _ in range(8):
                await world.later(timedelta(hours=12))
            assert sum(words.startswith("The pull request has waited for 3 d") for words in world.said()) == round_ + 1
            if not round_:
                await world.hear(world.comment("And in the mail."))

    run(story())


def test_a_check_that_is_run_again_and_fails_again_costs_no_second_round_for_one_head() -> None:
    """The same check of the same head is told once; the agent's next push is another head."""

    async def story() -> None:
        world = await in_review(agents={"maxRounds": 3})
        world.target.red(1)
        await world.hear(world.pull())
        await world.agent_ends()
        for _ in range(3):
            await world.hear(world.pull())
        assert (await world.record()).round == 1 and await world.state() is State.IN_REVIEW

    run(story())


def test_an_approval_that_was_taken_back_before_the_merge_keeps_it_open() -> None:
    """Dismissed: it waits for another one."""

    async def story() -> None:
        world = await in_review(merge={"policy": "on-green-with-review"})
        world.target.green(1)
        world.target.review(1, Review(id="1", author="sam", state="approved", commit="sha1"))
        world.target.review(1, Review(id="2", author="sam", state="dismissed", commit="sha1"))
        await world.hear(world.pull())
        assert await world.state() is State.IN_REVIEW and world.target.merges == []

    run(story())
