"""A merge that the code host refused: what follows is decided by the kind of the refusal, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from factory_core.dispatch.events import PullRequestRead, RetryRequested, StopRequested
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.transitions import transition
from factory_core.errors import Terminal
from factory_simulator.recording_ports import RecordingTarget
from tests.core.world import World, config_of, run, ticket

pytestmark = pytest.mark.pure

MINUTE = timedelta(minutes=1)
PEOPLE = "Waiting on code owner review from acme/checkout."
BEHIND = "Head branch is out of date. Review and try the merge again."
QUEUE = "Changes must be made through the merge queue"
QUEUED = "Pull Request is in the merge queue"
METHOD = "Merge commits are not allowed on this repository. (allowed: squash, rebase)"
CONFLICT = "Pull Request has merge conflicts"


class Host(RecordingTarget):
    """A code host that answers `no` to each merge, unless that gives nothing."""

    def __init__(self, no: Callable[[Host, str], str]) -> None:
        super().__init__()
        self.no = no
        self.tried: list[str] = []
        self.updates: list[str] = []  # what it answers to an update of the branch, instead of doing it

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        self.tried.append(sha)
        return self.no(self, method) or await super().merge(pull_request, sha, method)

    async def update_branch(self, pull_request: PullRequest, sha: str) -> str:
        return self.updates.pop(0) if self.updates else await super().update_branch(pull_request, sha)


async def in_review(no: Callable[[Host, str], str], **config: Any) -> tuple[World, Host]:
    """A green pull request on such a host, and the first attempt to merge it."""
    world = World(**config)
    host = Host(no)
    world.target = host
    world.factory = world.new_factory("worker-1")
    await world.add(ticket())
    await world.agent_ends()
    host.green(1)
    await world.hear(world.pull())
    return world, host


async def minutes(world: World, count: int) -> None:
    for _ in range(count):
        await world.later(MINUTE)


def notes(record: InFlightRecord, start: str) -> int:
    return sum(entry.text.startswith(start) for entry in record.log)


# people


def test_what_waits_for_people_waits_in_review_with_its_reason_and_is_not_hammered() -> None:
    """Two hours: asked with each ordinary check of the review, nobody called, and the history says it once."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: PEOPLE)
        for _ in range(120):
            await world.later(MINUTE)
            await world.hear(world.pull(what="issue_comment"))
        record = await world.record()
        assert (record.state, record.waits_for, record.block) == (State.IN_REVIEW, PEOPLE, None)
        assert 4 <= len(host.tried) <= 5
        assert (notes(record, "Not merged"), notes(record, "Merges")) == (1, 1)
        (review,) = world.said()
        assert review.startswith("Ready for review: ")

    run(story())


def test_it_is_merged_as_soon_as_the_person_came() -> None:
    """The review changes the pull request: the merge is tried at once, and not half an hour later."""

    async def story() -> None:
        approved = [False]
        world, host = await in_review(lambda host, method: "" if approved[0] else PEOPLE)
        await minutes(world, 5)
        approved[0] = True
        host.review(1, Review(id="1", author="sam", state="approved", commit="sha1"))
        await world.hear(world.pull(what="pull_request_review.submitted"))
        assert await world.state() is State.DONE and len(host.tried) == 2

    run(story())


def test_people_are_reminded_with_the_reason_and_called_after_giving_up() -> None:
    """The wait counts from the beginning of the review: merges that were tried meanwhile do not begin it anew."""

    async def story() -> None:
        world, _ = await in_review(lambda host, method: PEOPLE)
        for _ in range(12 * 15):
            await world.later(120 * MINUTE)
        record = await world.record()
        reminders = [said for said in world.said() if said.startswith("The pull request has waited for 3 d")]
        assert len(reminders) == 1 and PEOPLE in reminders[0]
        assert record.block and record.block.reason == "review-unanswered" and PEOPLE in record.block.why

    run(story())


# never


def test_a_setting_that_forbids_it_is_said_once_with_its_key() -> None:
    """One attempt; more events about the same pull request change nothing."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: METHOD, merge={"policy": "on-green", "method": "merge"})
        for _ in range(90):
            await world.later(MINUTE)
            await world.hear(world.pull(what="issue_comment"))
        record = await world.record()
        assert record.block and record.block.reason == "merge-refused" and len(host.tried) == 1
        assert record.block.fix.startswith("In factory.config.yaml: set merge.method to squash; then factory pipeline")
        assert sum("stops here" in said for said in world.said()) == 1

    run(story())


@pytest.mark.parametrize("how", ["event", "retry"])
def test_when_the_setting_is_changed_it_is_merged_and_no_agent_runs_for_it(how: str) -> None:
    """By the next event about the pull request, or by a person's retry: the work was never the matter."""

    async def story() -> None:
        world, _ = await in_review(
            lambda host, method: METHOD if method == "merge" else "", merge={"policy": "on-green", "method": "merge"}
        )
        world.config = config_of(merge={"policy": "on-green", "method": "squash"})
        world.factory = world.new_factory("worker-2")
        again = RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="maya", reason="changed the method")
        await world.hear(world.pull() if how == "event" else again)
        assert await world.state() is State.DONE and len(world.fleet.orders) == 1

    run(story())


def test_a_retry_asks_the_host_again_for_the_same_pull_request() -> None:
    """The setting was changed on the host, where nobody sees it: a person says so."""

    async def story() -> None:
        world, _ = await in_review(lambda host, method: METHOD if len(host.tried) == 1 else "")
        await world.hear(RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="maya"))
        assert await world.state() is State.DONE and len(world.fleet.orders) == 1

    run(story())


# later


def test_a_pause_that_the_host_asks_for_is_kept() -> None:
    """Whatever happens meanwhile about the same pull request."""

    async def story() -> None:
        words = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."
        world, host = await in_review(lambda host, method: words if len(host.tried) == 1 else "")
        await minutes(world, 4)
        await world.hear(world.pull())
        assert len(host.tried) == 1
        await minutes(world, 2)
        assert await world.state() is State.DONE

    run(story())


def test_words_that_nobody_knows_are_tried_again_and_shown() -> None:
    """Safe: asked less and less often, the reason on the page, people reminded after three days."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: "The moon is in the wrong phase.")
        await minutes(world, 60)
        record = await world.record()
        assert (record.state, record.waits_for) == (State.IN_REVIEW, "The moon is in the wrong phase.")
        assert len(host.tried) == 6

    run(story())


def test_a_head_that_moved_is_read_at_once_and_judged_by_its_own_checks() -> None:
    """A person pushed between the gate and the merge: the new head is merged when it is green itself."""

    async def story() -> None:
        def no(host: Host, method: str) -> str:
            if len(host.tried) > 1:
                return ""
            host.change(1, head_sha="theirs", checks=(Check(name="ci", status="pending"),))
            return "Head branch was modified. Review and try the merge again."

        world, host = await in_review(no)
        record = await world.record()
        assert record.state is State.IN_REVIEW and record.pull_request and record.pull_request.head_sha == "theirs"
        host.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE and host.merges == [(1, "theirs")]

    run(story())


def test_a_host_that_keeps_saying_that_the_head_moved_is_not_asked_in_a_circle() -> None:
    """A replica may lag: read at once, and merged again after a pause."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: "Head branch was modified. Review and try the merge again.")
        assert len(host.tried) == 1
        await minutes(world, 10)
        assert len(host.tried) == 4 and await world.state() is State.IN_REVIEW

    run(story())


# behind


def test_a_branch_that_is_behind_is_updated_and_merged() -> None:
    """The new head is judged like any other; nobody is called, and no round is used."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: BEHIND if len(host.tried) == 1 else "")
        assert host.updated == [(1, "sha1")] and (await world.record()).waits_for == BEHIND
        await minutes(world, 2)
        record = await world.record()
        assert (record.state, record.round, host.merges) == (State.DONE, 0, [(1, "sha1+base")])

    run(story())


def test_the_update_of_a_branch_has_its_time() -> None:
    """While it is under way nothing is merged or updated again, whatever else happens to the pull request."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: BEHIND)
        host.change(1, head_sha="sha1")  # the host has not moved it yet
        for n in range(9):
            await world.later(MINUTE)
            host.review(1, Review(id=str(n), author="sam", state="commented"))
            await world.hear(world.pull())
        assert (len(host.tried), host.updated) == (1, [(1, "sha1")])

    run(story())


def test_an_update_that_moves_nothing_is_the_agents_work() -> None:
    """The host said that it would, and did not: the agent merges the base."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: BEHIND)
        host.change(1, head_sha="sha1")
        await minutes(world, 12)
        record = await world.record()
        assert (record.state, record.round, record.conflict_rounds) == (State.RUNNING, 0, 1)
        (order,) = list(world.fleet.orders.values())[1:]
        assert "behind its base" in order.task and order.resume

    run(story())


def test_a_branch_that_falls_behind_a_fourth_time_calls_a_person() -> None:
    """Three updates; what a person pushes then begins anew."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: BEHIND)
        await minutes(world, 10)
        record = await world.record()
        assert [sha for _, sha in host.updated] == ["sha1", "sha1+base", "sha1+base+base"]
        assert record.block and record.block.reason == "merge-refused" and "3 times" in record.block.why
        assert record.block.fix.startswith("In GitHub: update the branch")
        host.change(1, head_sha="theirs")
        await world.hear(world.pull(what="pull_request.synchronize"))
        assert host.updated[3:] == [(1, "theirs")] and await world.state() is State.IN_REVIEW

    run(story())


def test_a_review_of_each_updated_head_lets_nobody_update_it_for_ever() -> None:
    """Three updates in all: a review changes the pull request, and not that its branch is always behind."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: BEHIND)
        for n in range(12):
            await minutes(world, 10)
            head = host.pull_requests[1].head_sha
            host.review(1, Review(id=str(n), author="sam", state="approved", commit=head))
            await world.hear(world.pull(what="pull_request_review.submitted"))
        record = await world.record()
        assert [sha for _, sha in host.updated] == ["sha1", "sha1+base", "sha1+base+base"]
        assert record.block and record.block.reason == "merge-refused"
        assert sum("3 times" in said for said in world.said()) == 1

    run(story())


def test_an_update_that_meets_a_conflict_is_a_conflict() -> None:
    """422 `merge conflict between base and head`: the agent solves it, as any other one."""

    async def story() -> None:
        world, host = World(), Host(lambda host, method: BEHIND if len(host.tried) == 1 else "")
        host.updates = ["merge conflict between base and head"]
        world.target = host
        world.factory = world.new_factory("worker-1")
        await world.add(ticket())
        await world.agent_ends()
        host.green(1)
        await world.hear(world.pull())
        record = await world.record()
        assert (record.state, record.conflict_rounds, record.round) == (State.RUNNING, 1, 0)
        await world.agent_ends()
        host.change(1, head_sha="solved")
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(story())


# the merge queue


def test_a_base_with_a_merge_queue_is_entered_once_and_waited_for() -> None:
    """What is in the queue is under way: nobody disarms it, nobody is called, and the host's merge ends it."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: QUEUED if 1 in host.queue else QUEUE)
        assert host.queue == {1: "sha1"} and (await world.record()).armed
        await minutes(world, 90)
        assert await world.state() is State.IN_REVIEW and host.calls["enqueue"] == 1
        assert host.calls["disable_auto_merge"] == 0 and len(host.tried) < 8
        host.change(1, merged=True, state="closed")
        await world.hear(world.pull(what="pull_request.closed"))
        assert await world.state() is State.DONE and world.said()[-1].startswith("Merged")

    run(story())


def test_who_stops_the_item_takes_it_out_of_the_queue() -> None:
    """Nothing that a person stopped is merged by the host afterwards."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: QUEUED if 1 in host.queue else QUEUE)
        await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="Maya"))
        assert await world.state() is State.CANCELLED and host.queue == {}

    run(story())


def test_requested_changes_take_it_out_of_the_queue_before_the_agent_pushes() -> None:
    """A branch in the queue cannot be pushed to."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: QUEUED if 1 in host.queue else QUEUE)
        host.review(1, Review(id="1", author="sam", state="changes_requested", body="Rename it."))
        await world.hear(world.pull(what="pull_request_review.submitted"))
        assert await world.state() is State.RUNNING and host.queue == {}

    run(story())


def test_what_leaves_the_queue_unmerged_is_judged_again_and_enters_it_three_times_at_most() -> None:
    """With each ordinary check of the review; then a person is called, and it is in no queue."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: QUEUE)
        for _ in range(10):
            host.queue.clear()
            await world.hear(world.pull(what="pull_request.dequeued"))
            await minutes(world, 31)
        record = await world.record()
        assert host.calls["enqueue"] == 3 and host.queue == {}
        assert record.block and record.block.reason == "merge-refused" and "merge queue 3 times" in record.block.why

    run(story())


def test_a_queue_that_refuses_is_a_refusal_like_any_other() -> None:
    """The words decide, not the call that met them."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: QUEUE)
        host.queue.clear()

        async def refusing(*_: object) -> str:
            return PEOPLE

        host.enqueue = refusing  # type: ignore[method-assign]
        await minutes(world, 31)
        record = await world.record()
        assert (record.state, record.waits_for) == (State.IN_REVIEW, PEOPLE)

    run(story())


# conflicts


async def clash(world: World, host: Host, head: str) -> None:
    """The base moves: the head conflicts; then the agent's next run ends with a new head that does not."""
    host.change(1, mergeable=False)
    await world.hear(world.pull())
    assert await world.state() is State.RUNNING
    await world.agent_ends()
    host.change(1, head_sha=head)


def test_a_conflict_has_rounds_of_its_own() -> None:
    """They use no review round; when they are used up, a person solves it."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: PEOPLE)
        for n in range(3):
            await clash(world, host, f"head{n}")
        assert (await world.record()).round == 0
        await world.hear(world.pull())
        record = await world.record()
        assert record.block and record.block.reason == "conflict" and "3 follow-ups" in record.block.why
        host.change(1, mergeable=True, head_sha="by hand")
        host.no = lambda host, method: ""
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(story())


def test_a_conflict_that_was_solved_and_comes_back_is_another_one() -> None:
    """Each has all its rounds, also at the head that conflicted before."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: PEOPLE, budget={"runsPerDay": 20})
        for n in range(6):
            await clash(world, host, f"head{n}")
            host.change(1, mergeable=True)
            await world.hear(world.pull())
            assert (await world.record()).conflict_rounds == 0
        host.change(1, mergeable=False)
        await world.hear(world.pull())
        host.change(1, mergeable=True)
        await world.agent_ends()
        await world.hear(world.pull())
        host.change(1, mergeable=False)  # the same head once more
        await world.hear(world.pull())
        record = await world.record()
        assert (record.state, record.round, record.block) == (State.RUNNING, 0, None)

    run(story())


def test_review_rounds_are_left_for_reviews() -> None:
    """Three conflicts and three reviews are three of each."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: PEOPLE)
        for n in range(3):
            await clash(world, host, f"clash{n}")
            host.change(1, mergeable=True)
            await world.hear(world.pull())
            host.review(1, Review(id=str(n), author="sam", state="changes_requested", body=f"Again {n}."))
            await world.hear(world.pull())
            assert await world.state() is State.RUNNING
            await world.agent_ends()
            host.change(1, head_sha=f"review{n}", reviews=())
            await world.hear(world.pull())
        assert (await world.record()).round == 3 and await world.state() is State.IN_REVIEW

    run(story())


def test_a_conflict_that_only_the_merge_meets_is_solved_within_the_same_rounds() -> None:
    """The host shows it as mergeable and refuses for a conflict: bounded, and then a person's."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: CONFLICT)
        for n in range(3):
            assert await world.state() is State.RUNNING
            await world.agent_ends()
            host.change(1, head_sha=f"head{n}")
            await world.hear(world.pull())
        record = await world.record()
        assert record.block and record.block.reason == "conflict" and record.round == 0

    run(story())


def test_no_rounds_for_conflicts_are_a_choice() -> None:
    """agents.maxConflictRounds: 0 leaves every conflict to people."""

    async def story() -> None:
        world, _ = await in_review(lambda host, method: CONFLICT, agents={"maxConflictRounds": 0})
        record = await world.record()
        assert record.block and record.block.reason == "conflict" and len(world.fleet.orders) == 1

    run(story())


# all of them


@pytest.mark.parametrize(
    "words",
    [PEOPLE, BEHIND, QUEUE, QUEUED, CONFLICT, "Base branch was modified.", "Pull Request is not mergeable", "Oh no",
     'Required status check "ci" is expected.', "A conversation must be resolved before it can be merged.",
     "Head branch was modified. Review and try the merge again.", "Pull Request is closed", "No."],
)  # fmt: skip
def test_nobody_is_called_in_the_first_quarter_of_an_hour(words: str) -> None:
    """Unless a setting forbids the merge, or three updates were not enough: and the host is asked a few times only."""

    async def story() -> None:
        world, host = await in_review(lambda host, method: words)
        for _ in range(15):
            host.change(1, head_sha=host.pull_requests[1].head_sha.replace("+base", ""))
            await world.later(MINUTE)
            await world.hear(world.pull(what="check_run.completed"))
        record = await world.record()
        assert record.block is None and len(host.tried) <= 6
        assert record.pull_request and not record.pull_request.merged

    run(story())


def test_an_order_after_a_refusal_that_fails_calls_a_person_and_loses_nothing() -> None:
    """A missing permission to update the branch: blocked with its fix, and merged when a person updated it by hand."""

    async def story() -> None:
        world, host = World(), Host(lambda host, method: BEHIND if host.tried[-1] == "sha1" else "")
        world.target = host
        world.factory = world.new_factory("worker-1")

        async def update(*_: object) -> str:
            raise Terminal("no", why="the token lacks it", fix="In GitHub: give it")

        host.update_branch = update  # type: ignore[method-assign]
        await world.add(ticket())
        await world.agent_ends()
        host.green(1)
        await world.hear(world.pull())
        record = await world.record()
        assert record.block and (record.block.reason, record.block.fix) == ("effect-failed", "In GitHub: give it")
        host.change(1, head_sha="by hand")
        await world.hear(world.pull())
        assert await world.state() is State.DONE

    run(story())


def test_a_merge_of_a_pull_request_that_nobody_knows_is_read_again() -> None:
    """A record without its pull request: back to review, nothing is called."""

    async def story() -> None:
        world, _ = await in_review(lambda host, method: "")
        lost = (await world.record()).but(state=State.MERGING, pull_request=None)
        event = PullRequestRead(id="x", work_item_id="ACME-1", at=world.now, pull_request=None)
        decided = transition(lost, event, world.config)
        assert decided and decided.record.state is State.IN_REVIEW

    run(story())
