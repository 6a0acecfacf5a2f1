"""What the code host was told to merge by itself is disarmed, however long that takes; or a person is told to do it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from factory_core.dispatch.effects import DisableAutoMerge
from factory_core.dispatch.events import StopRequested
from factory_core.dispatch.pull_request import PullRequest
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal
from factory_core.work_item import ItemState
from factory_simulator.recording_ports import RecordingTarget
from tests.core.world import World, run, ticket

from .canned import Vendor, pull, response, target

pytestmark = pytest.mark.pure

ARMED = pull(auto_merge={"merge_method": "squash"})
OURS = PullRequest(repository="acme/shop", number=1)
READ, QUERY = "GET /repos/acme/shop/pulls/1", "POST /graphql"


def away(n: int) -> list[Problem]:
    return [Retryable("GitHub cannot be reached", why="it answered 502", fix="factory check") for _ in range(n)]


async def taken_back(*faults: Problem) -> World:
    """An armed pull request whose ticket a person took back, while disarming meets these."""
    world = World(merge={"policy": "on-green", "auto": True})
    await world.add(ticket())
    await world.agent_ends()
    assert world.target.armed == {1}
    world.target.faults["disable_auto_merge"] = list(faults)
    await world.hear(StopRequested(id="stop", work_item_id="ACME-1", at=world.now, by="Maya"))
    assert await world.state() is State.CANCELLED
    return world


def test_an_outage_of_days_is_outlasted() -> None:
    """Longer than vendors are waited for, and past the day on which the item is forgotten."""

    async def story() -> None:
        world = await taken_back(*away(200))
        for _ in range(9 * 24):
            await world.later(timedelta(hours=1))
        assert world.target.armed == set() and len(world.said()) == 1  # what was ready for review
        for _ in range(3):
            await world.later(timedelta(days=1))
        assert await world.is_forgotten("ACME-1")

    run(story())


def test_what_people_hold_does_not_merge_by_itself() -> None:
    """A draft, a label that says no, another base: the code host is told not to."""

    async def story() -> None:
        world = World(merge={"policy": "on-green", "auto": True})
        await world.add(ticket())
        await world.agent_ends()
        assert world.target.armed == {1}
        world.target.change(1, draft=True)
        await world.hear(world.pull())
        assert (await world.state(), world.target.armed) == (State.IN_REVIEW, set())

    run(story())


@pytest.mark.parametrize(
    "fault",
    [
        away(1)[0], ConnectionLost("github", "Bad credentials"),
        Retryable("GitHub", why="its rate limit", fix="factory check", after=3600.0),
    ],
)  # fmt: skip
def test_a_passing_failure_is_tried_again(fault: Problem) -> None:
    """A limit, an outage, a credential that ended."""

    async def story() -> None:
        world = await taken_back(fault)
        for _ in range(30):
            await world.later(timedelta(minutes=5))
        assert world.target.armed == set()

    run(story())


def test_a_final_refusal_is_said_on_the_ticket_with_what_to_do() -> None:
    """Also on one that was taken back: the host may merge it yet."""

    async def story() -> None:
        fix = "In GitHub: open acme/shop#1 and disable its auto-merge"
        world = await taken_back(Terminal("GitHub: it still merges by itself", why="not permitted", fix=fix))
        _, armed = world.said()
        assert "may still merge" in armed and fix in armed

    run(story())


def test_it_is_the_pull_request_that_was_armed_which_is_disarmed() -> None:
    """The item was reopened meanwhile, and knows another pull request or none."""

    async def story() -> None:
        world = await taken_back(*away(3))
        world.tracker.items["ACME-1"] = ticket(state=ItemState.OTHER)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))
        world.tracker.items["ACME-1"] = ticket()
        await world.hear(world.changed(ticket()))
        record = await world.record()
        assert record.generation == 2 and record.pull_request is None and world.target.armed == {1}
        for _ in range(3):
            await world.later(timedelta(minutes=1))
        assert world.target.armed == set()

    run(story())


def test_an_order_of_the_last_release_names_no_pull_request() -> None:
    """It is read as it was stored, and means the item's own."""
    stored = InFlightRecord(work_item_id="ACME-1").plan([DisableAutoMerge()]).model_dump(mode="json")
    del stored["outbox"][0]["effect"]["repository"], stored["outbox"][0]["effect"]["number"]
    assert InFlightRecord.model_validate(stored).outbox[0].effect == DisableAutoMerge(repository="", number=0)

    async def story() -> None:
        world = await taken_back()
        world.target.armed = {1}
        record = (await world.record()).plan([DisableAutoMerge()])
        await world.store.put_in_flight(record.scheduled(world.now))
        await world.later(timedelta(minutes=1))
        assert world.target.armed == set()

    run(story())


# at GitHub


def disarm(vendor: Vendor) -> None:
    target(vendor, lambda output: output.disable_auto_merge(OURS))


@pytest.mark.parametrize(
    "refusal",
    [
        response(200, {"errors": [{"type": "RATE_LIMIT", "message": "limit"}]}),
        response(400, {"errors": [{"type": "RATE_LIMITED", "message": "limit"}]}),
        response(403, {"message": "You have triggered an abuse detection mechanism."}),
        response(200, {"errors": [{"message": "Something went wrong while executing your query."}]}),
        response(502, b"<html>"),
        response(401, {"message": "Bad credentials"}),
        response(200, b"<html>"),
    ],
)
def test_what_may_pass_is_never_taken_for_an_answer(refusal: Any) -> None:
    with pytest.raises(Retryable):
        disarm(Vendor({READ: response(200, ARMED), QUERY: refusal}))


@pytest.mark.parametrize(
    "shown",
    [
        pull(),
        pull(state="closed"),
        pull(merged=True, state="closed"),
        pull(merged=True, state="closed", auto_merge={}),
    ],
)
def test_what_is_not_armed_needs_no_disarming(shown: Any) -> None:
    """Not armed, merged, or closed."""
    node = {"data": {"node": {"isInMergeQueue": False}}}
    vendor = Vendor({READ: response(200, shown), QUERY: response(200, node)})
    disarm(vendor)
    assert all(b"disablePullRequest" not in request.content for request in vendor.asked)


def test_a_pull_request_that_is_gone_is_armed_no_more() -> None:
    """While its repository is there; where that is out of sight, nobody knows."""
    disarm(Vendor({"GET /repos/acme/shop": response(200, {})}))
    with pytest.raises(Terminal):
        disarm(Vendor({}))


def test_an_enterprise_server_without_merge_queues_has_nothing_to_leave() -> None:
    """It knows no such field, and that is no failure."""
    unknown = {"errors": [{"message": "Field 'isInMergeQueue' doesn't exist on type 'PullRequest'"}]}
    disarm(Vendor({READ: response(200, pull()), QUERY: response(200, unknown)}))


def test_a_queue_that_cannot_be_left_is_told_to_a_person() -> None:
    """Terminal, with the pull request and what to do."""

    def answer(request: Any) -> Any:
        if b"dequeuePullRequest" in request.content:
            return response(200, {"errors": [{"type": "FORBIDDEN", "message": "You may not do that"}]})
        return response(200, {"data": {"node": {"isInMergeQueue": True}}})

    with pytest.raises(Terminal) as caught:
        disarm(Vendor({READ: response(200, pull()), QUERY: answer}))
    assert caught.value.fix == "In GitHub: open acme/shop#1 and take it out of the merge queue"


def test_the_memory_port_leaves_the_queue_when_it_is_disarmed() -> None:
    """As the code host does."""

    async def story() -> None:
        host = RecordingTarget()
        await host.enqueue(OURS, "sha1")
        await host.disable_auto_merge(OURS)
        assert host.queue == {}

    run(story())
