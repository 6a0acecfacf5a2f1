"""Capacity is never exceeded, no slot leaks, and the line is served by priority, then by age."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.config import Capacity
from factory_core.dispatch import capacity
from factory_core.dispatch.batch import Batch, QueueEntry
from factory_core.dispatch.capacity import Limits

from .world import START

pytestmark = pytest.mark.pure

LIMITS = Limits(Capacity(agents=3, per_repository=2, per_state={"in-review": 2}))
ITEMS = [f"ACME-{number}" for number in range(8)]
ACTIONS = st.lists(st.tuples(st.sampled_from(["take", "review", "release"]), st.sampled_from(ITEMS)), max_size=60)


def entry(item: str, minute: int = 0, priority: int = 0) -> QueueEntry:
    repository = "acme/shop" if int(item[-1]) % 2 else "acme/api"
    return QueueEntry(
        work_item_id=item, repository=repository, priority=priority, since=START + timedelta(minutes=minute)
    )


@given(ACTIONS)
def test_no_sequence_exceeds_a_limit_loses_an_item_or_leaks_a_slot(actions: list[tuple[str, str]]) -> None:
    """After each step: all limits hold, nobody is in twice, and whoever could run does not wait."""
    batch = Batch()
    for minute, (action, item) in enumerate(actions):
        now = START + timedelta(minutes=minute)
        before = batch
        if action == "take":
            served = capacity.take(batch, entry(item, minute), LIMITS, now)
        elif action == "review":
            served = capacity.to_review(batch, item, LIMITS, now)
        else:
            served = capacity.release(batch, item, LIMITS, now)
        batch = served.batch
        running = [slot for slot in batch.slots.values() if slot.state == "running"]
        assert len(running) <= 3
        assert all(sum(slot.repository == one for slot in running) <= 2 for one in ("acme/shop", "acme/api"))
        queued = [waiting.work_item_id for waiting in batch.queue]
        assert len(queued) == len(set(queued))
        assert not any(batch.slots.get(one) and batch.slots[one].state == "running" for one in queued)
        assert all(capacity.why_waiting(batch, waiting, LIMITS, START) for waiting in batch.queue)
        gone = {*before.slots, *(one.work_item_id for one in before.queue)} - {*batch.slots, *queued}
        assert gone <= ({item} if action == "release" else set())


@given(ACTIONS)
def test_releasing_everything_leaves_an_empty_batch(actions: list[tuple[str, str]]) -> None:
    """No slot leaks."""
    batch = Batch()
    for action, item in actions:
        if action == "take":
            batch = capacity.take(batch, entry(item), LIMITS, START).batch
    for item in ITEMS * 2:
        batch = capacity.release(batch, item, LIMITS, START).batch
    assert batch.slots == {} and batch.queue == ()


def test_the_line_is_served_by_priority_then_age_and_asking_again_keeps_the_place() -> None:
    """1 is urgent, 4 low, 0 none: none comes last; the older of two equals comes first."""
    one = Limits(Capacity(agents=1))
    batch = capacity.take(Batch(), entry("ACME-1"), one, START).batch
    for item, minute, priority in [("ACME-2", 1, 0), ("ACME-3", 2, 4), ("ACME-4", 3, 1), ("ACME-5", 4, 1)]:
        batch = capacity.take(batch, entry(item, minute, priority), one, START).batch
    batch = capacity.take(batch, entry("ACME-5", 0, 1), one, START).batch
    served = []
    for _ in range(4):
        (holder,) = batch.slots
        batch, granted = capacity.release(batch, holder, one, START)
        served += granted
    assert served == ["ACME-4", "ACME-5", "ACME-3", "ACME-2"]


def test_a_full_review_column_lets_nothing_new_start_but_mending_goes_on() -> None:
    """Work in review is pulled to its end before new work is begun, and keeps its own place meanwhile."""
    limits = Limits(Capacity(agents=3, per_repository=3, per_state={"in-review": 1}))
    batch = capacity.take(Batch(), entry("ACME-1"), limits, START).batch
    batch = capacity.to_review(batch, "ACME-1", limits, START).batch
    refused = capacity.take(batch, entry("ACME-2"), limits, START)
    assert refused.granted == ()
    mending = capacity.take(refused.batch, entry("ACME-1"), limits, START)
    assert mending.granted == ("ACME-1",) and mending.batch.slots["ACME-1"].state == "running"


def test_nothing_starts_without_a_place_in_review_for_its_end() -> None:
    """Two that ran would be two in review, where one may be."""
    limits = Limits(Capacity(agents=3, per_repository=3, per_state={"in-review": 1}))
    batch = capacity.take(Batch(), entry("ACME-1"), limits, START).batch
    waiting = capacity.take(batch, entry("ACME-2"), limits, START)
    assert waiting.granted == ()
    words = "1 running and 0 in review, of 1 places for review"
    assert capacity.why_waiting(waiting.batch, waiting.batch.queue[0], limits, START) == words
    assert capacity.release(waiting.batch, "ACME-1", limits, START).granted == ("ACME-2",)
