"""What people do while the factory is busy with the same thing: merge, stop, talk, retry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import AbortRequested, RetryRequested, StopRequested
from factory_core.dispatch.pull_request import Comment
from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.runs.run import RunOrder, RunReport
from factory_core.work_item import ItemState

from .world import World, run, ticket

pytestmark = pytest.mark.pure


def test_a_pull_request_that_a_person_merges_during_a_follow_up_ends_the_item() -> None:
    """The agent that was to mend it is stopped; no second pull request is opened."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.red(1)
        await world.hear(world.pull())
        assert await world.state() is State.RUNNING
        world.target.change(1, merged=True, state="closed")
        await world.hear(world.pull(what="pull_request.closed"))
        assert await world.state() is State.DONE and world.fleet.live == [] and len(world.target.pull_requests) == 1

    run(main())


def test_auto_merge_is_taken_back_when_the_work_is_stopped_or_to_be_mended() -> None:
    """Armed while it waits for green; disarmed by a failed check and by a person; armed again for the mended head."""

    async def main() -> None:
        world = World(merge={"auto": True})
        await world.add(ticket())
        await world.agent_ends()
        assert world.target.armed == {1}
        world.target.red(1)
        await world.hear(world.pull())
        assert world.target.armed == set()
        await world.agent_ends()
        assert world.target.armed == {1}
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="maya"))
        assert await world.state() is State.CANCELLED and world.target.armed == set()

    run(main())


def test_an_old_event_does_not_undo_a_stop() -> None:
    """The ticket still says ready from before: only a ticket that was touched since is a reopened one."""

    async def main() -> None:
        world = World()
        ready = ticket(updated_at=world.now)
        await world.add(ready)
        world.now += timedelta(minutes=5)
        world.tracker.items["ACME-1"] = ready
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="maya"))
        await world.hear(world.changed(ready))
        assert await world.state() is State.CANCELLED
        await world.add(ticket(updated_at=world.now + timedelta(seconds=1)))
        assert await world.state() is State.RUNNING

    run(main())


def test_talk_while_the_agent_works_costs_no_round_and_a_comment_on_the_ticket_does() -> None:
    """Thanks in the thread are noted, an outsider's comment is ignored; a member's goes to the next run."""

    async def main() -> None:
        world = World()
        await world.add(ticket(title="Cart is off", description="Please look."))
        await world.hear(world.reply("Show `amount` instead of `total` in the cart page."))
        await world.hear(world.reply("thanks!"), world.comment("nice one", author="stranger", outsider=True))
        assert (await world.record()).feedback == ()
        await world.hear(world.comment("And in the mail."))
        assert (await world.record()).feedback == ("And in the mail.",)

    run(main())


def test_words_that_come_while_a_run_with_many_words_is_started_are_kept_for_the_next() -> None:
    """The record keeps the newest twenty: those that the run was given are taken off when it ends well."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.hear(*(world.comment(f"And in page {n}.") for n in range(25)))
        start = world.fleet.start

        async def start_slowly(order: RunOrder) -> RunReport:
            await world.factory.recorder.accept(world.comment("And in the mail."))
            return await start(order)

        world.fleet.start = start_slowly  # type: ignore[method-assign]
        await world.agent_ends()
        assert "And in page 24." in list(world.fleet.orders.values())[-1].task
        await world.agent_ends()
        task = list(world.fleet.orders.values())[-1].task
        assert "And in the mail." in task and "And in page 24." not in task

    run(main())


def test_the_reason_of_a_retry_answers_what_nobody_had_answered() -> None:
    """Blocked as still unclear: the person who retries says what was missing, and triage hears it."""

    async def main() -> None:
        world = World()
        await world.add(ticket(title="Cart is off", description="Please look."))
        for _ in range(3):
            await world.hear(world.reply("It was like that last week as well."))
        assert await world.state() is State.BLOCKED
        words = "Show `amount` instead of `total` in shop/cart.py."
        await world.hear(RetryRequested(id="r", work_item_id="ACME-1", at=world.now, by="sam", reason=words))
        assert await world.state() is State.RUNNING

    run(main())


def test_a_retry_has_all_its_questions_anew() -> None:
    """Those of before do not count, least of all one that was never put: it was aborted while the chat was away."""

    async def main() -> None:
        world = World()
        world.channel.faults["open_thread"] = [Retryable("no answer", why="away", fix="factory check")]
        await world.add(ticket(title="Cart is off", description="Please look."))
        await world.hear(AbortRequested(id="a", work_item_id="ACME-1", at=world.now, by="sam"))
        await world.hear(RetryRequested(id="r", work_item_id="ACME-1", at=world.now, by="sam"))
        for _ in range(2):
            await world.hear(world.reply("It was like that last week as well."))
        assert (await world.state(), len(world.channel.threads["C1:1.0"])) == (State.WAITING, 3)
        await world.hear(world.reply("It was like that last week as well."))
        assert await world.state() is State.BLOCKED

    run(main())


def test_a_start_that_was_under_way_when_its_run_was_stopped_leaves_no_agent() -> None:
    """The stop came to the fleet before the start did: the run ends as soon as it is started."""

    async def main() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        slow = world.fleet.start
        held = []

        async def hold(order: object) -> object:
            held.append(order)
            raise Retryable("no answer", why="it took too long", fix="factory check")

        world.fleet.start = hold  # type: ignore[assignment,method-assign]
        await world.hear(world.changed(ticket()))
        await world.add(ticket(state=ItemState.CANCELLED))
        await world.later(timedelta(seconds=2))
        assert await world.state() is State.CANCELLED
        await slow(held[0])  # the paused worker's call reaches the fleet at last
        assert world.fleet.live == []

    run(main())


def test_an_order_on_the_pull_request_counts_while_the_agent_works_too() -> None:
    """Whoever may write to the repository may order there, whatever the rule says about answers in the channel."""

    async def main() -> None:
        world = World(clarification={"whoMayAnswer": ["U1"]})
        await world.add(ticket())
        await world.agent_ends()
        world.target.red(1)
        await world.hear(world.pull())
        world.target.comment(1, Comment(id="1", author="octocat", body="Rename it in the mail too."))
        await world.hear(world.pull(what="issue_comment.created"))
        assert (await world.record()).feedback == ("octocat wrote: Rename it in the mail too.",)
        await world.hear(world.comment("And drop the tests.", author="stranger"))
        assert (await world.record()).feedback == ("octocat wrote: Rename it in the mail too.",)

    run(main())
