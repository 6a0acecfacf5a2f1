"""The main job, through the whole core, in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.pull_request import Review
from factory_core.dispatch.records import State
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .world import CLEAR, World, run, ticket

pytestmark = pytest.mark.pure


def test_a_clear_ticket_becomes_a_merged_pull_request() -> None:
    """Ready → run → pull request → green → merged → done, each once."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        assert await world.state() is State.RUNNING
        await world.agent_ends(words="Renamed it.")
        assert await world.state() is State.IN_REVIEW
        world.target.green(1)
        await world.hear(world.pull())
        record = await world.record()
        assert record.state is State.DONE and record.outbox == () and not record.lease.holder
        assert world.target.merges == [(1, "sha1")]
        assert [state for _, state in world.tracker.moves] == [
            ItemState.DISPATCHED,
            ItemState.IN_REVIEW,
            ItemState.DONE,
        ]
        review, merged = world.said()
        assert review.startswith("Ready for review: https://code.example/acme/shop/pull/1\n\nRenamed it.")
        assert merged.startswith("Merged: https://code.example/acme/shop/pull/1") and "Renamed it." not in merged
        assert (await world.store.get_batch()).slots == {}

    run(main())


def test_a_vague_ticket_is_asked_about_and_goes_on_with_the_answer() -> None:
    """Question → reply → dispatch, and the answer is in what the agent is told."""

    async def main() -> None:
        world = World()
        await world.add(ticket(title="Cart is off", description="Please look."))
        assert await world.state() is State.WAITING and len(world.channel.threads) == 1
        await world.hear(world.reply("Only in the page: show amount, not total."))
        assert await world.state() is State.RUNNING
        (order,) = world.fleet.orders.values()
        assert "Only in the page: show amount, not total." in order.task
        assert order.branch == "factory/ACME-1-cart-is-off"

    run(main())


@pytest.mark.parametrize(
    "label", ["exec:pair", "exec:checkpoint", "spec:draft", "research:needs-grounding", "type:spike"]
)
def test_a_label_that_asks_for_a_person_keeps_agents_away(label: str) -> None:
    """Not eligible: a reason on record, one comment, no run."""

    async def main() -> None:
        world = World()
        await world.add(ticket(labels=(label,)))
        record = await world.record()
        assert record.block and record.block.reason == "ineligible" and label in record.block.why
        assert len(world.said()) == 1 and world.fleet.orders == {}

    run(main())


def test_a_failing_check_runs_the_agent_again_in_the_same_work_tree() -> None:
    """Red check → told → same session, same branch → green → merged; a known failure is told once."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(session="s1")
        world.target.red(1, "unit", "2 tests fail")
        await world.hear(world.pull(), world.pull())
        assert await world.state() is State.RUNNING
        first, second = world.fleet.orders.values()
        assert second.previous_run == first.run_id and second.resume == "s1" and second.branch == first.branch
        assert "The check unit ended with failure. 2 tests fail" in second.task
        await world.agent_ends()
        assert await world.state() is State.IN_REVIEW and len(world.fleet.orders) == 2
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(main())


def test_requested_changes_run_the_agent_again_until_the_rounds_are_used_up() -> None:
    """Each review counts once; after the last round a person is needed."""

    async def main() -> None:
        world = World(agents={"maxRounds": 2})
        await world.add(ticket())
        for number in range(3):
            await world.agent_ends()
            world.target.review(1, Review(id=f"r{number}", author="sam", state="changes_requested", body="Not yet."))
            await world.hear(world.pull(what="pull_request_review.submitted"))
        record = await world.record()
        assert record.state is State.BLOCKED and record.block and record.block.reason == "review-failed"
        assert len(world.fleet.orders) == 3 and (await world.store.get_batch()).slots == {}

    run(main())


def test_a_members_comment_on_the_ticket_runs_the_agent_again() -> None:
    """In review, the words of the reporter and of everybody who may write are an order; an outsider's are not."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        await world.hear(world.comment("Drop the table.", author="stranger", outsider=True))
        assert await world.state() is State.IN_REVIEW
        for author, words in (("maya", "Also rename it in the mail."), ("colleague", "And in the API.")):
            await world.hear(world.comment(words, author=author))
            assert await world.state() is State.RUNNING
            assert words in list(world.fleet.orders.values())[-1].task
            await world.agent_ends()

    run(main())


def test_a_failed_try_is_repeated_after_the_cool_down_and_then_needs_a_person() -> None:
    """max_attempts tries, no more; the slot is free afterwards; a retry starts from nothing."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.FAILED, why="tests fail")
        assert await world.state() is State.DISPATCHING and len(world.fleet.orders) == 1
        await world.later(timedelta(seconds=61))
        assert await world.state() is State.RUNNING and len(world.fleet.orders) == 2
        await world.agent_ends(RunStatus.FAILED, why="tests fail")
        record = await world.record()
        assert record.block and record.block.why == "Stopped after 2 tries. Last: tests fail"
        assert (await world.store.get_batch()).slots == {}

    run(main())


def test_the_engines_usage_limit_costs_no_attempt() -> None:
    """Limited: the slot is given back and the item comes again when the limit resets."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.LIMITED, retry_at=world.now + timedelta(hours=2))
        assert await world.state() is State.QUEUED and (await world.store.get_batch()).slots == {}
        await world.later(timedelta(hours=2, seconds=1))
        record = await world.record()
        assert record.state is State.RUNNING and record.attempt == 1

    run(main())


def test_an_agents_question_is_asked_and_its_session_goes_on_with_the_answer() -> None:
    """ASKED → waiting, slot free → answer → the same session is resumed."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.ASKED, words="Which currency?", session="s1")
        assert await world.state() is State.WAITING and (await world.store.get_batch()).slots == {}
        assert "Which currency?" in world.channel.threads["C1:1.0"][0]
        await world.hear(world.reply("Euro, always."))
        assert await world.state() is State.RUNNING
        assert list(world.fleet.orders.values())[-1].resume == "s1"

    run(main())


def test_done_is_final_until_a_person_reopens_it() -> None:
    """A late ready event of a done item starts nothing; a reopened one gets a new life on a new branch."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        await world.hear(world.changed(ticket()))  # an old event: the ticket itself is done
        assert await world.state() is State.DONE and len(world.fleet.orders) == 1
        world.now += timedelta(hours=1)
        await world.add(ticket())
        assert await world.state() is State.RUNNING
        assert list(world.fleet.orders.values())[-1].branch == "factory/ACME-1-rename-total-to-amount-v2"

    run(main())


@pytest.mark.parametrize("state", [ItemState.CANCELLED, ItemState.OTHER, ItemState.DONE])
def test_a_person_who_takes_the_ticket_back_wins(state: ItemState) -> None:
    """Cancelled, put back or done by hand while the agent runs: the agent is stopped, nothing more is written."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        moves, said = list(world.tracker.moves), world.said()
        await world.add(ticket(state=state))
        assert await world.state() is State.CANCELLED and world.fleet.live == []
        assert world.tracker.moves == moves and world.said() == said
        assert (await world.store.get_batch()).slots == {}

    run(main())


def test_an_unclear_answer_is_asked_about_again_in_the_same_thread_and_not_for_ever() -> None:
    """At most max_rounds questions; then a person is needed, and that person's answer still counts."""

    async def main() -> None:
        world = World()
        await world.add(ticket(title="Cart is off", description="Please look."))
        for _ in range(3):
            await world.hear(world.reply("It was like that last week as well."))
        record = await world.record()
        assert record.state is State.BLOCKED and record.block and record.block.reason == "still-unclear"
        assert len(world.channel.threads) == 1 and len(world.channel.threads["C1:1.0"]) == 3
        await world.hear(world.reply("Show `amount` instead of `total` in shop/cart.py, everywhere."))
        assert await world.state() is State.RUNNING

    run(main())


def test_silence_is_reminded_escalated_and_given_up_and_a_late_answer_still_counts() -> None:
    """Every wait has a deadline with a defined action."""

    async def main() -> None:
        world = World(clarification={"escalateTo": "<@U9>"})
        await world.add(ticket(title="Cart is off", description="Please look."))
        await world.later(timedelta(hours=4, seconds=1))
        await world.later(timedelta(hours=20))
        said = world.channel.threads["C1:1.0"]
        assert len(said) == 3 and said[1].startswith("Still waiting") and said[2].startswith("<@U9>")
        await world.later(timedelta(days=6, seconds=1))
        assert await world.state() is State.FAILED and len(world.said()) == 1
        await world.hear(world.reply("Rename `total` to `amount` in the cart page, and test it."))
        assert await world.state() is State.RUNNING

    run(main())


def test_only_the_reporter_may_answer_when_the_rule_says_so() -> None:
    """Another member's reply is noted and ignored; the reporter's goes on."""

    async def main() -> None:
        world = World(clarification={"whoMayAnswer": "reporter", "people": {"maya": "U1"}})
        await world.add(ticket(title="Cart is off", description="Please look."))
        await world.hear(world.reply("Rename everything!", author="U66"))
        assert await world.state() is State.WAITING
        await world.hear(world.reply("Rename `total` to `amount`.", author="U1"))
        assert await world.state() is State.RUNNING

    run(main())


def test_a_reply_that_comes_before_its_thread_is_known_is_kept_and_used() -> None:
    """Order does not matter: the early reply is delivered when the question is recorded."""

    async def main() -> None:
        world = World()
        await world.hear(world.reply("Rename `total` to `amount` in the cart page.", thread="C1:1.0"))
        await world.add(ticket(title="Cart is off", description="Please look."))
        record = await world.record()
        assert record.state is State.RUNNING and [answer.author for answer in record.answers] == ["U1"]

    run(main())


def test_editing_a_ticket_that_waits_for_an_answer_is_an_answer() -> None:
    """The description became clear: no reply is needed."""

    async def main() -> None:
        world = World()
        await world.add(ticket(description=""))
        assert await world.state() is State.WAITING
        await world.add(ticket(description=CLEAR))
        assert await world.state() is State.RUNNING

    run(main())


def test_a_pull_request_that_a_person_closed_needs_a_person() -> None:
    """Closed without a merge is a defined state, and merging it by hand afterwards ends it well."""

    async def main() -> None:
        world = World(merge={"policy": "never"})
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.IN_REVIEW and world.target.merges == []
        world.target.change(1, state="closed")
        await world.hear(world.pull())
        assert await world.state() is State.BLOCKED
        world.target.change(1, merged=True)
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(main())


def test_a_merge_that_the_code_host_refuses_for_now_is_tried_again_with_growing_pauses() -> None:
    """The base moves on and on: asked less and less often, nobody is called, and what it waits for is shown."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        asked: list[timedelta] = []
        began = world.now

        async def refuse(*_: object) -> str:
            asked.append(world.now - began)
            return "base branch was modified"

        world.target.merge = refuse  # type: ignore[method-assign]
        await world.hear(world.pull())
        for _ in range(120):
            await world.later(timedelta(minutes=1))
        record = await world.record()
        assert (record.state, record.waits_for) == (State.IN_REVIEW, "base branch was modified")
        assert [span // timedelta(minutes=1) for span in asked] == [0, 1, 3, 7, 15, 31, 61, 91]

    run(main())


def test_an_item_with_a_never_close_label_stays_open_and_no_text_closes_it() -> None:
    """No closing keyword in what the factory writes, and the ticket is not moved to done."""

    async def main() -> None:
        world = World()
        bodies: list[str] = []
        original = world.target.open_pull_request

        async def opening(repository: str, branch: str, base: str, title: str, body: str) -> object:
            bodies.append(title + "\n" + body)
            return await original(repository, branch, base, title, body)

        world.target.open_pull_request = opening  # type: ignore[assignment,method-assign]
        await world.add(ticket(labels=("incident",), title="Fixes ACME-7 in the cart"))
        await world.agent_ends(words="This closes #12 and resolves ACME-9.")
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE
        assert ItemState.DONE not in [state for _, state in world.tracker.moves]
        assert bodies[0].startswith("ACME-1: Fixes ACME 7 in the cart\nFor ACME-1")
        assert "skip ACME-1" in bodies[0] and world.tracker.links == set()
        assert "closes #12" not in bodies[0] and "resolves ACME-9" not in bodies[0]

    run(main())


def test_who_calls_the_factory_to_a_ticket_that_is_not_ready_is_told_so() -> None:
    """Nothing is refused silently: a session on a ticket that nobody made ready gets one answer, and no run."""

    async def main() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket(state=ItemState.OTHER)
        called = world.changed(None, "ACME-1").model_copy(update={"session_id": "s1"})
        await world.hear(called, called)
        note, refusal = world.tracker.activities["s1"].values()
        assert (note.kind, refusal.kind, world.fleet.orders) == ("note", "problem", {})
        assert "the ticket is not ready for it (other)" in refusal.text
        await world.later(timedelta(days=7, seconds=1))
        assert await world.store.get_in_flight("ACME-1") is None

    run(main())
