"""What is protected is pushed, and merged, at a person's word and not before."""

from __future__ import annotations

from typing import Any

import pytest

from factory_core.dispatch.events import PullRequestOpened
from factory_core.dispatch.pull_request import Check, FileChange, Review
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.reviewing import remember_pull_request
from factory_core.protected_paths import change_mark
from factory_core.runs.queued_run import Worker, can_take, queued
from factory_core.runs.run import HeldChange, HeldChanges, RunStatus

from .world import START, World, run, ticket

pytestmark = pytest.mark.pure

CI = ".github/workflows/ci.yml"
PATCH = "--- a/ci\n+++ b/ci\n+on: push"


def held(*contents: tuple[str, str]) -> HeldChanges:
    """Changes of these paths to these contents."""
    changes = tuple(HeldChange(path=path, mark=change_mark(path, sha)) for path, sha in contents)
    return HeldChanges(changes=changes, patch=PATCH)


async def holding(*contents: tuple[str, str], **changes: Any) -> World:
    """A world in which the first agent changed what is protected."""
    world = World(**changes)
    await world.add(ticket())
    await world.agent_ends(RunStatus.HELD, held=held(*(contents or ((CI, "a1"),))), words="I rewrote the CI.")
    return world


async def opened(world: World) -> InFlightRecord:
    """After the run without an agent, which pushes."""
    (run_id,) = world.fleet.live
    world.target.compared[f"sha-{run_id}"] = (FileChange(path=CI, sha="a1"),)
    await world.agent_ends(RunStatus.SUCCEEDED)
    return await world.record()


def test_what_is_protected_is_held_and_shown_with_the_words_that_allow_it() -> None:
    """Nothing is pushed, the slot is free, and the ticket shows the files and how their change begins."""

    async def story() -> None:
        world = await holding()
        record = await world.record()
        assert (record.state, record.block and record.block.reason) == (State.BLOCKED, "protected-paths")
        assert not world.target.pull_requests and "publish" not in world.fleet.calls
        shown, stopped = world.said()[-2:]
        assert PATCH.splitlines()[-1] in shown and f"`{CI}`" in stopped and "comment `/factory allow " in stopped
        assert (await world.store.get_batch()).slots == {}

    run(story())


@pytest.mark.parametrize("text", ["/factory allow", "factory allow NAME", "`/factory allow NAME`", " /Factory  Allow "])
@pytest.mark.parametrize("where", ["the ticket", "a thread"])
def test_a_persons_word_has_exactly_these_changes_pushed_without_an_agent(text: str, where: str) -> None:
    """The work of the run before, with its session and its last words; it is recorded who allowed what."""

    async def story() -> None:
        world = await holding()
        first = (await world.record()).run
        name = world.said()[-1].partition("/factory allow ")[2][:8]
        said = text.replace("NAME", name)
        await world.hear(world.comment(said) if where == "the ticket" else world.reply(said, item="ACME-1"))
        (run_id,) = world.fleet.live
        order = world.fleet.orders[run_id]
        assert first and (order.task, order.previous_run, order.resume) == ("", first.run_id, first.session)
        assert order.publish.allowed == (change_mark(CI, "a1"),)
        record = await opened(world)
        assert record.state is State.IN_REVIEW and "I rewrote the CI." in world.target.bodies[1]
        assert any(f"allowed to push `{CI}` ({name})" in entry.text for entry in record.log)

    run(story())


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, {"outsider": True}),
        ({"clarification": {"whoMayAnswer": "anyone"}}, {"outsider": True, "author": "maya"}),
        ({"clarification": {"whoMayAnswer": ["boss"]}}, {}),
        ({"protectedPaths": {"allowedBy": ["boss"]}}, {}),
    ],
)
def test_only_those_who_may_allow_it(changes: dict[str, Any], how: dict[str, Any]) -> None:
    """Not an outsider, though the ticket is his own; nor anybody beside a list of people."""

    async def story() -> None:
        world = await holding(**changes)
        await world.hear(world.comment("/factory allow", **how))
        record = await world.record()
        assert (record.state, record.allowed, world.fleet.live) == (State.BLOCKED, (), [])
        assert "not among those who may allow it" in record.log[-1].text

    run(story())


@pytest.mark.parametrize("text", ["Please /factory allow", "/factory allow 00000000", "/factory allowed", "allow"])
def test_other_words_release_nothing(text: str) -> None:
    async def story() -> None:
        world = await holding()
        await world.hear(world.comment(text))
        assert ((await world.record()).state, world.fleet.live) == (State.BLOCKED, [])

    run(story())


@pytest.mark.parametrize("other", [("Jenkinsfile", "b2"), (CI, "b2"), (CI, "")])
def test_other_changes_ask_anew(other: tuple[str, str]) -> None:
    """Another file, another content of the same file, or its end: the word was for what was shown."""

    async def story() -> None:
        world = await holding()
        await world.hear(world.comment("/factory allow"))
        await world.agent_ends(RunStatus.HELD, held=held(other))
        record = await world.record()
        assert (record.state, record.block and record.block.reason) == (State.BLOCKED, "protected-paths")
        assert sum("/factory allow " in said for said in world.said()) == 2

    run(story())


def test_a_lost_push_is_tried_again_without_an_agent() -> None:
    async def story() -> None:
        world = await holding()
        await world.hear(world.comment("/factory allow"))
        await world.agent_ends(RunStatus.LOST, fault="machine", why="its machine is gone")
        await world.later(world.config.agents.cooldown)
        (run_id,) = world.fleet.live
        assert world.fleet.orders[run_id].task == ""

    run(story())


def test_words_that_no_agent_was_given_wait_for_one() -> None:
    """A retry is an agent's, and is told what was said meanwhile."""

    async def story() -> None:
        world = await holding()
        await world.hear(world.comment("Leave the matrix as it is."), world.comment("/factory allow"))
        (run_id,) = world.fleet.live
        await opened(world)
        world.target.change(1, checks=(Check(name="ci", status="completed", conclusion="success"),), mergeable=True)
        await world.hear(world.pull())
        again = world.fleet.orders[world.fleet.live[0]]
        assert again.run_id != run_id and "Leave the matrix as it is." in again.task

    run(story())


def test_what_a_worker_pushed_unasked_is_found_at_the_code_host() -> None:
    """No pull request is opened for it. What a person allows afterwards is opened."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        world.target.compared[f"sha-{run_id}"] = (FileChange(path="ci.txt", former=CI, sha="c3"),)
        await world.agent_ends(RunStatus.SUCCEEDED)
        record = await world.record()
        assert (record.state, record.block and record.block.reason) == (State.BLOCKED, "protected-paths")
        assert not world.target.pull_requests and "which nobody allowed" in world.said()[-1]
        await world.hear(world.comment("/factory allow"))
        (again,) = world.fleet.live
        world.target.compared[f"sha-{again}"] = world.target.compared[f"sha-{run_id}"]
        await world.agent_ends(RunStatus.SUCCEEDED)
        assert await world.state() is State.IN_REVIEW and list(world.target.pull_requests) == [1]

    run(story())


def test_a_persons_push_to_the_branch_holds_up_no_follow_up() -> None:
    """What the branch had before is not the run's."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.SUCCEEDED)
        theirs = (FileChange(path=CI, sha="d4"),)
        world.target.change(1, head_sha="theirs")
        world.target.compared["theirs"] = theirs
        world.target.red(1)
        await world.hear(world.pull())
        (run_id,) = world.fleet.live
        world.target.compared[f"sha-{run_id}"] = (*theirs, FileChange(path="a.py", sha="e5"))
        await world.agent_ends(RunStatus.SUCCEEDED)
        assert await world.state() is State.IN_REVIEW

    run(story())


def test_a_protected_pull_request_is_merged_when_a_person_approves_its_head() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends(RunStatus.SUCCEEDED)
        world.target.green(1)
        world.target.change(1, files=("CODEOWNERS",))
        await world.hear(world.pull())
        assert not world.target.merges and "CODEOWNERS" in (await world.record()).waits_for
        head = world.target.pull_requests[1].head_sha
        world.target.review(1, Review(id="1", author="sam", state="approved", commit=head))
        await world.hear(world.pull())
        assert world.target.merges == [(1, head)]

    run(story())


@pytest.mark.parametrize(("files", "armed"), [((), True), (("CODEOWNERS",), False), (None, False)])
def test_what_is_protected_or_unknown_is_not_armed(files: tuple[str, ...] | None, armed: bool) -> None:
    """The code host asks nobody when it merges by itself."""
    world = World(merge={"auto": True})
    pull = _pull().model_copy(update={"files": files})
    event = PullRequestOpened(id="e", work_item_id="ACME-1", at=START, pull_request=pull)
    record = InFlightRecord(work_item_id="ACME-1", state=State.IN_REVIEW)
    assert remember_pull_request(record, event, world.config).record.armed is armed


def test_a_push_of_a_person_disarms() -> None:
    async def story() -> None:
        world = World(merge={"auto": True})
        await world.add(ticket())
        await world.agent_ends(RunStatus.SUCCEEDED)
        assert world.target.armed == {1}
        world.target.change(1, files=(CI,), head_sha="theirs", checks=(Check(name="ci", status="pending"),))
        await world.hear(world.pull())
        assert world.target.armed == set()

    run(story())


def test_a_worker_of_an_older_release_gets_no_run_without_an_agent() -> None:
    """It would start one with nothing to do."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (order,) = world.fleet.orders.values()
        old = Worker(id="w" * 8, engines=("console",), can=("checks",))
        new = old.model_copy(update={"can": ("checks", "protected-paths")})
        for one, expected in ((order, [True, True]), (order.model_copy(update={"task": ""}), [False, True])):
            in_line, rules = queued(one, START), world.config.workers
            assert [can_take(in_line, worker, START, rules) for worker in (old, new)] == expected

    run(story())


def _pull() -> Any:
    from .machine_samples import PULL

    return PULL
