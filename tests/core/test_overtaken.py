"""What comes in another order than it happened, or while something else is under way, changes no outcome."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import ItemChanged, RetryRequested
from factory_core.dispatch.pull_request import PullRequest, Review
from factory_core.dispatch.records import State
from factory_core.errors import Retryable
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from .world import World, run, ticket

pytestmark = pytest.mark.pure


class SwiftFleet:
    """Tells the end of a run before `start` has returned, for as many runs as `ends` names an end."""

    def __init__(self, world: World, *ends: RunStatus) -> None:
        self._world, self._ends, self._start = world, list(ends), world.fleet.start
        world.fleet.start = self.start  # type: ignore[method-assign]

    async def start(self, order: RunOrder) -> RunReport:
        report = await self._start(order)
        if self._ends:
            await self._world.factory.recorder.finished(self._world.fleet.end(order.run_id, self._ends.pop(0)))
        return report


def test_a_try_that_failed_before_its_start_was_known_is_not_taken_for_the_next_one() -> None:
    """The second run is the one that is followed, and its end counts."""

    async def story() -> None:
        world = World()
        SwiftFleet(world, RunStatus.FAILED)
        await world.add(ticket())
        await world.later(timedelta(minutes=2))
        assert (await world.record()).run.run_id in world.fleet.live  # type: ignore[union-attr]
        await world.agent_ends()
        assert await world.state() is State.IN_REVIEW

    run(story())


def test_an_agent_that_is_faster_than_the_word_of_its_start_is_not_told_twice() -> None:
    """What it was told is done with, however its end and its start were heard."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        SwiftFleet(world, RunStatus.SUCCEEDED)
        await world.hear(world.comment("Please say `sum`."))
        record = await world.record()
        assert (record.state, record.round, record.feedback) == (State.IN_REVIEW, 1, ())
        assert world.fleet.calls["start"] == 2

    run(story())


def test_what_is_said_while_the_pull_request_is_read_is_read_before_it_is_merged() -> None:
    """The newest read decides: a review that asked for changes meanwhile keeps the head from being merged."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        read = world.target.read_pull_request

        async def overtaken(repository: str, number: int) -> PullRequest | None:
            seen = await read(repository, number)
            if not world.target.pull_requests[1].reviews:
                world.target.review(1, Review(id="7", author="bob", state="changes_requested", body="Not yet."))
                await world.factory.recorder.accept(world.pull(what="pull_request_review.submitted"))
            return seen

        world.target.read_pull_request = overtaken  # type: ignore[method-assign]
        await world.hear(world.pull())
        assert (await world.state(), world.target.merges) == (State.RUNNING, [])

    run(story())


def test_a_session_that_is_opened_while_the_item_is_at_work_is_acknowledged() -> None:
    """The issue's own webhook is often faster than that of the session; Linear waits 10 s for a word in it."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        opened = ItemChanged(id="opened", work_item_id="ACME-1", at=world.now, session_id="s-1")
        await world.hear(opened)
        assert (await world.state(), world.tracker.sessions) == (State.RUNNING, {"s-1"})

    run(story())


def test_an_agent_whose_start_never_answered_is_stopped_before_another_may_start() -> None:
    """A start that was given up may have begun all the same: at most one run is alive, whatever a person does next."""

    async def story() -> None:
        world = World(runner={"giveUpAfter": "30m"})
        start = world.fleet.start

        async def unanswered(order: RunOrder) -> RunReport:
            await start(order)
            raise Retryable("no answer", why="it took too long", fix="factory check")

        world.fleet.start = unanswered  # type: ignore[method-assign]
        await world.add(ticket())
        for _ in range(world.config.runner.max_attempts):
            await world.later(timedelta(minutes=6))
        assert (await world.state(), world.fleet.live) == (State.BLOCKED, [])
        world.fleet.start = start  # type: ignore[method-assign]
        await world.hear(RetryRequested(id="retry", work_item_id="ACME-1", at=world.now, by="maya"))
        assert (await world.state(), len(world.fleet.live)) == (State.RUNNING, 1)

    run(story())


def test_a_pull_request_that_is_opened_while_its_item_goes_back_into_the_line_is_linked() -> None:
    """A wish came while it could not be opened: the ticket shows it all the same."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        opening = world.target.open_pull_request

        async def held_up(*args: str) -> PullRequest:
            world.target.open_pull_request = opening  # type: ignore[method-assign]
            raise Retryable("opening", why="500", fix="factory check")

        world.target.open_pull_request = held_up  # type: ignore[method-assign]
        await world.agent_ends()
        await world.hear(world.comment("Please say `sum`."))
        await world.later(timedelta(minutes=1))
        assert (await world.state(), len(world.tracker.links)) == (State.RUNNING, 1)

    run(story())
