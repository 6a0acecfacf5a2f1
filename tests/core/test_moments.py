"""A clock that was wrong for a while: what it set is corrected where it is read, and found without being asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import BaseModel

from factory_core.dispatch.effects import PostComment, StartAgent
from factory_core.dispatch.moments import SKEW, bounded, bounded_batch, bounded_run, longest_wait
from factory_core.dispatch.records import Lease, State
from factory_core.runs.run import RunStatus

from .machine_samples import CONFIG, records_in
from .stored_samples import NOW, SAMPLES
from .swept_world import SweptWorld, busy
from .world import run, ticket

pytestmark = pytest.mark.pure
FAR = datetime(2099, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=31)
AHEAD = (timedelta(days=40), timedelta(days=20), timedelta(hours=30), FAR - NOW)

HISTORY = {
    "log.at", "answers.at", "outbox.effect.not_before", "outbox.effect.retry_at",  # read by nothing that decides
    "pull_request.head_since", "pull_request.read_at", "pull_request.checks.since",  # the code host's own
    "replies.at", "deadline of a thread", "routes.at", "report.retry_at", "seen_at of a worker",
    "sweep.at", "lost.seen_at", "spending.day", "spending.hour",  # compared without their sign, or believed for a day
    "catch_up.paid_until", "catch_up.laps.not_before",  # bounded where they are used
}  # fmt: skip
"""Moments that keep no work waiting, whatever they say."""


def moments_in(value: Any, path: str = "") -> list[tuple[str, datetime]]:
    if isinstance(value, datetime):
        return [(path.lstrip("."), value)]
    if isinstance(value, BaseModel):
        fields = ((name, getattr(value, name)) for name in type(value).model_fields)
        return [found for name, one in fields for found in moments_in(one, f"{path}.{name}")]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [found for one in parts for found in moments_in(one, path)]


def far_away(value: Any) -> Any:
    """The same with each of its moments, set or not, where a clock had them that showed the year 2099."""
    if isinstance(value, BaseModel):
        changes = {}
        for name, field in type(value).model_fields.items():
            known = getattr(value, name)
            is_moment = "datetime" in str(field.annotation) and "delta" not in str(field.annotation)
            is_moment = is_moment and not isinstance(known, dict | tuple | BaseModel)
            changes[name] = FAR if is_moment else far_away(known)
        return value.model_copy(update=changes)
    if isinstance(value, datetime):
        return FAR
    if isinstance(value, dict):
        return {key: far_away(one) for key, one in value.items()}
    return tuple(far_away(one) for one in value) if isinstance(value, tuple) else value


def test_no_moment_that_keeps_work_waiting_is_further_away_than_a_rule() -> None:
    """A new field that holds a moment is bounded, or is named above with the reason why it need not be."""
    records = [record for state in State for record in records_in(state)]
    full = [record.but(run=record.run, lease=Lease(holder="h")).plan([StartAgent(), PostComment(body="x")])
            for record in records]  # fmt: skip
    others = [sample for sample in SAMPLES if type(sample).__name__ in ("Batch", "QueuedRun")]
    unbounded = set[str]()
    for sample in (*full, *others):
        wrong = far_away(sample)
        name = type(sample).__name__
        near: Any = (
            bounded(wrong, NOW, CONFIG) if name == "InFlightRecord"
            else bounded_batch(wrong, NOW, CONFIG) if name == "Batch"
            else bounded_run(wrong, NOW, CONFIG.workers)
        )  # fmt: skip
        unbounded |= {path for path, moment in moments_in(near) if moment > NOW + LONGEST + SKEW}
    assert unbounded - HISTORY == set()


def test_what_a_right_clock_has_set_stays_as_it_is() -> None:
    """The very same value: nothing is copied, and nothing stored anew."""
    for state in State:
        for record in records_in(state):
            known = record.but(since=NOW, deadline=NOW + longest_wait(record, CONFIG)).scheduled(NOW)
            assert bounded(known, NOW, CONFIG) is known
    for sample in SAMPLES:
        if type(sample).__name__ == "Batch":
            assert bounded_batch(cast(Any, sample), NOW, CONFIG) is sample


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_after_a_clock_was_ahead_every_item_is_looked_at_in_time(ahead: timedelta) -> None:
    """A question, a blocked item, one at work and one in review are written while the clock is ahead. When it is right
    again, one look at everything brings their deadlines back, and the next event finds them as usual."""

    async def story() -> None:
        world = SweptWorld(merge={"policy": "never", "requiredChecks": []}, capacity={"agents": 4, "perRepository": 4})
        await world.ask("ACME-1")
        for key in ("ACME-2", "ACME-3", "ACME-4"):
            await world.add(ticket(key))
            await world.settle()
        first, second, *_ = sorted(world.fleet.live)
        await world.factory.recorder.finished(world.fleet.end(first, RunStatus.SUCCEEDED))
        await world.factory.recorder.finished(world.fleet.end(second, RunStatus.NO_CHANGE))
        await world.settle()
        right = world.now
        await world.later(ahead)
        await world.hear(world.comment("Please mind the page, too.", key="ACME-1"))
        world.now = right + timedelta(minutes=1)
        await world.factory.performer.check_in()
        await world.settle()
        await world.sweep()
        await world.later(timedelta(0))
        async for record in world.store.list_in_flight():
            longest = longest_wait(record, world.config)
            assert record.deadline is None or record.deadline <= world.now + longest + SKEW, record.state
            assert record.wake_at is None or record.wake_at <= world.now + longest + SKEW, record.state
            assert record.since is None or record.since <= world.now + SKEW
        batch = await world.factory.recorder.store.get_batch()
        assert all(slot.since <= world.now + SKEW for slot in batch.slots.values())

    run(story())


def test_what_failed_by_a_clock_that_was_ahead_is_tried_at_once() -> None:
    """Not when that clock had meant, weeks from now."""

    async def story() -> None:
        world = SweptWorld()
        right = world.now
        world.now += timedelta(days=40)
        world.tracker.faults = {"read_item": [busy()]}
        await world.add(ticket())
        assert (await world.record()).state is State.TRIAGING
        world.now = right
        await world.sweep()
        await world.later(timedelta(minutes=1))
        await world.settle()
        assert (await world.record()).state is State.DISPATCHING or world.fleet.live

    run(story())


@pytest.mark.parametrize("back", [timedelta(seconds=30), timedelta(hours=2), timedelta(days=3)], ids=str)
def test_after_a_clock_was_put_back_nothing_is_lost_and_nothing_repeated(back: timedelta) -> None:
    """A question was asked and reminded of; the clock is put back: it is not reminded of again, and it is escalated."""

    async def story() -> None:
        world = SweptWorld(clarification={"escalateTo": "<@U9>"})
        await world.ask()
        rules = world.config.clarification
        await world.later(rules.remind_after + timedelta(minutes=1))
        said = len(world.channel.threads["C1:1.0"])
        world.now -= back
        await world.sweep()
        await world.later(timedelta(0))
        assert len(world.channel.threads["C1:1.0"]) == said
        await world.later(rules.escalate_after + SKEW)
        assert len(world.channel.threads["C1:1.0"]) == said + 1
        await world.hear(world.reply("Rename `total` in `shop/cart.py`.\n- [ ] a test says so"))
        assert (await world.record()).state is not State.WAITING

    run(story())


def test_a_search_that_looked_in_the_future_looks_again_from_today() -> None:
    """Else what changes until then would never be listed."""

    async def story() -> None:
        world = SweptWorld()
        right = world.now
        world.now += timedelta(days=40)
        await world.sweep()
        world.now = right
        world.tracker.items["ACME-1"] = ticket(updated_at=right)  # nobody told of it
        report = await world.sweep()
        assert report.started == 1

    run(story())
