"""A model is asked about a ticket of which the rules are unsure: one run, and once for each text."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

import pytest

from adapters.fleets.worker_queue.protocol import CAN
from factory_core.dispatch.events import RetryRequested, StopRequested
from factory_core.dispatch.model_verdict import MOST_OPINIONS
from factory_core.dispatch.opinions import ANSWER_WITHIN
from factory_core.dispatch.records import State
from factory_core.errors import EngineUnavailable, Problem, Terminal
from factory_core.runs.queued_run import Worker, can_take, queued
from factory_core.runs.run import RunStatus, Usage
from factory_core.work_item import ItemState, WorkItem

from .world import World, run, ticket

pytestmark = pytest.mark.pure

TITLE, TEXT = "Cart total is wrong", "The total in `shop/cart.py` is off since the last release."
COST = Usage(turns=2, output_tokens=100, usd=Decimal("0.04"))


def played(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The story as a test."""

    @wraps(story)
    def test(**given: Any) -> None:
        run(story(**given))

    return test


def unsure(key: str = "ACME-1", **changes: Any) -> WorkItem:
    return ticket(key, **{"title": TITLE, "description": TEXT, **changes})


def world(**changes: Any) -> World:
    triage = {"model": "claude", **changes.pop("triage", {})}
    return World(triage=triage, **changes)


def answer(verdict: str, question: str = "", quote: str = TEXT) -> str:
    return json.dumps({"verdict": verdict, "question": question, "evidence": [{"quote": quote, "path": ""}]})


async def says(one: World, words: str, status: RunStatus = RunStatus.NO_CHANGE) -> None:
    await one.agent_ends(status, words=words, usage=COST)


@played
async def test_off_asks_nobody_and_stores_what_it_stored() -> None:
    off, plain = World(triage={"model": "off"}), World()
    for one in (off, plain):
        await one.add(unsure())
    assert off.fleet.orders == {} and await off.state() is State.WAITING
    stored = (await off.record()).model_dump_json(exclude_defaults=True)
    assert stored == (await plain.record()).model_dump_json(exclude_defaults=True)
    assert "opinion" not in stored and "consultation" not in stored
    assert "opinion" not in (await off.store.get_batch()).model_dump_json(exclude_defaults=True)


@played
async def test_a_ticket_that_the_rules_are_sure_of_is_not_asked_about() -> None:
    one = world()
    await one.add(ticket())
    assert all(not order.answer_schema for order in one.fleet.orders.values()) and len(one.fleet.orders) == 1


@played
async def test_the_question_is_one_run_that_only_reads() -> None:
    one = world()
    await one.add(unsure())
    (order,) = one.fleet.orders.values()
    assert (order.engine, order.max_usd, order.checks, order.setup, order.domains) == (
        "claude",
        Decimal("0.15"),
        (),
        (),
        (),
    )
    assert order.answer_schema and order.repository == "acme/shop" and TEXT in order.task
    record = await one.record()
    assert (record.state, record.deadline) == (State.TRIAGING, one.now + ANSWER_WITHIN)
    assert (record.spending.reserved, record.spending.runs) == (Decimal("0.15"), 0)
    assert (await one.store.get_batch()).spending.reserved == Decimal("0.15")


@played
async def test_its_answer_starts_the_agent_and_its_cost_counts() -> None:
    one = world()
    await one.add(unsure())
    await says(one, answer("start"))
    record, batch = await one.record(), await one.store.get_batch()
    assert record.state is State.RUNNING and record.verdict and record.verdict.by == "model"
    assert record.spent == COST and batch.spending.usd == COST.usd and record.spending.runs == 1
    assert batch.spending.reserved == record.spending.reserved == Decimal(10)
    assert "$0.04" in " ".join(entry.text for entry in record.log)


@played
async def test_its_question_is_asked() -> None:
    one = world()
    await one.add(unsure())
    await says(one, answer("ask", "Is the tax missing in it?"))
    record = await one.record()
    assert record.state is State.WAITING and record.clarification
    assert record.clarification.question == "Is the tax missing in it?"
    assert (await one.store.get_batch()).spending.reserved == 0


@played
async def test_what_a_person_must_do_is_started_when_a_person_says_so() -> None:
    one = world()
    await one.add(unsure())
    await says(one, answer("person"))
    record = await one.record()
    assert record.state is State.BLOCKED and record.block and record.block.reason == "ineligible"
    await one.hear(RetryRequested(id="again", work_item_id="ACME-1", at=one.now, by="maya"))
    assert await one.state() is State.WAITING and len(one.fleet.orders) == 1


@pytest.mark.parametrize(
    "words", ["", "Sure!", answer("start", quote="words that nobody wrote"), answer("start", quote="")]
)
@played
async def test_an_answer_that_does_not_hold_leaves_the_rules_verdict(words: str) -> None:
    one = world()
    await one.add(unsure())
    await says(one, words)
    record = await one.record()
    assert record.state is State.WAITING and record.verdict and record.verdict.by == "rules"


@pytest.mark.parametrize(
    "status", [RunStatus.FAILED, RunStatus.LIMITED, RunStatus.LOST, RunStatus.CAPPED, RunStatus.SUCCEEDED]
)
@played
async def test_a_run_that_fails_leaves_the_rules_verdict_and_pauses_no_engine(status: RunStatus) -> None:
    one = world()
    await one.add(unsure())
    await says(one, answer("start"), status)
    record = await one.record()
    assert record.state is State.WAITING and record.spending.open == () and record.opinions[0].why
    assert (await one.store.get_batch()).circuits == {}


@played
async def test_the_same_text_is_asked_about_once() -> None:
    one = world()
    await one.add(unsure())
    await says(one, answer("ask"))
    for event in (one.changed(unsure()), RetryRequested(id="r", work_item_id="ACME-1", at=one.now)):
        await one.hear(event)
    await one.hear(one.changed(unsure(description=f"{TEXT} Please.")))
    one.tracker.items["ACME-1"] = unsure()
    await one.hear(one.changed(unsure()))
    assert len(one.fleet.orders) <= 2
    assert len({order.task for order in one.fleet.orders.values()}) == len(one.fleet.orders)


@played
async def test_an_edit_takes_the_question_back_and_its_cost_counts_for_the_ticket() -> None:
    one = world()
    await one.add(unsure())
    (first,) = one.fleet.live
    edited = unsure(description=f"{TEXT} It must not be.")
    one.tracker.items["ACME-1"] = edited
    one.fleet.reports[first] = one.fleet.reports[first].model_copy(update={"usage": COST})
    await one.hear(one.changed(edited))
    record = await one.record()
    assert first in one.fleet.stopped and record.spent.usd == COST.usd
    assert all(run.run_id != first for run in record.spending.open)
    assert (await one.store.get_batch()).spending.usd == COST.usd


@played
async def test_a_repeated_event_asks_nothing_anew() -> None:
    one = world()
    await one.add(unsure())
    for _ in range(3):
        await one.hear(one.changed(unsure()))
        await one.later(timedelta(minutes=1))
    assert len(one.fleet.orders) == 1 and await one.state() is State.TRIAGING
    await says(one, answer("start"))
    assert await one.state() is State.RUNNING


@played
async def test_without_an_answer_in_time_the_rules_decide_and_the_run_is_stopped() -> None:
    one = world()
    one.fleet.line = True
    await one.add(unsure())
    (asked,) = one.fleet.live
    await one.later(ANSWER_WITHIN + timedelta(seconds=1))
    record = await one.record()
    assert record.state is State.WAITING and asked in one.fleet.stopped
    assert record.spending.open == () and (await one.store.get_batch()).spending.reserved == 0
    await one.factory.recorder.finished(one.fleet.end(asked, RunStatus.NO_CHANGE, words=answer("start")))
    await one.settle()
    assert await one.state() is State.WAITING


@pytest.mark.parametrize("end", ["stop", "away", "cancelled"])
@played
async def test_whoever_takes_the_ticket_back_ends_the_question(end: str) -> None:
    one = world()
    await one.add(unsure())
    (asked,) = one.fleet.live
    if end == "stop":
        await one.hear(StopRequested(id="stop", work_item_id="ACME-1", at=one.now, by="maya"))
    else:
        moved = unsure(state=ItemState.OTHER if end == "away" else ItemState.CANCELLED)
        one.tracker.items["ACME-1"] = moved
        await one.hear(one.changed(moved))
    record = await one.record()
    assert record.state in (State.CANCELLED, State.NEW) and record.consultation is None
    assert asked in one.fleet.stopped and one.fleet.live == [] and record.spending.open == ()


@played
async def test_a_stop_label_that_comes_meanwhile_holds() -> None:
    one = world()
    await one.add(unsure())
    forbidden = unsure(labels=("exec:pair",))
    one.tracker.items["ACME-1"] = forbidden
    await says(one, answer("start"))
    assert await one.state() is State.BLOCKED and len(one.fleet.orders) == 1


@pytest.mark.parametrize(
    "problem",
    [
        EngineUnavailable("claude", why="it is not here", fix="factory doctor"),
        Terminal("claude", why="no such engine", fix="factory doctor"),
    ],
)
@played
async def test_a_run_that_cannot_start_leaves_the_rules_verdict(problem: Problem) -> None:
    one = world()
    one.fleet.faults["start"] = [problem]
    await one.add(unsure())
    await one.later(timedelta(minutes=1))
    record = await one.record()
    assert record.state is State.WAITING and record.spending.open == () and record.opinions[0].why
    assert (await one.store.get_batch()).spending.usd == 0


@played
async def test_no_more_are_asked_in_a_day_than_may() -> None:
    one = world(triage={"maxPerDay": 1})
    await one.add(unsure())
    await says(one, answer("ask"))
    await one.add(unsure("ACME-2"))
    record = await one.record("ACME-2")
    assert record.state is State.WAITING and len(one.fleet.orders) == 1
    assert "as often as it may" in " ".join(entry.text for entry in record.log)
    await one.later(timedelta(days=1))
    await one.add(unsure("ACME-3"))
    assert len(one.fleet.orders) == 2


@played
async def test_the_days_budget_and_the_tickets_bind_it() -> None:
    poor, thrifty = world(budget={"item": 0.02}), world(budget={"daily": 0.17})
    await poor.add(unsure())
    assert poor.fleet.orders == {} and await poor.state() is State.WAITING
    await thrifty.add(unsure())
    await thrifty.add(unsure("ACME-2"))  # what the first may cost is reserved
    assert len(thrifty.fleet.orders) == 1 and await thrifty.state("ACME-2") is State.WAITING


@played
async def test_no_more_are_asked_at_once_than_agents_may_work() -> None:
    one = world(capacity={"agents": 1})
    await one.add(unsure())
    await one.add(unsure("ACME-2"))
    assert len(one.fleet.live) == 1 and await one.state("ACME-2") is State.TRIAGING
    await says(one, answer("ask"))
    await one.later(timedelta(seconds=30))
    assert [order.work_item_id for order in one.fleet.orders.values()] == ["ACME-1", "ACME-2"]


@played
async def test_a_ticket_that_changes_again_and_again_is_left_to_the_rules() -> None:
    one = world()
    for n in range(MOST_OPINIONS + 2):
        one.tracker.items["ACME-1"] = unsure(description=f"{TEXT} ({n} times)")
        await one.hear(one.changed(one.tracker.items["ACME-1"]))
        if one.fleet.live:
            await says(one, answer("ask"))
    assert len(one.fleet.orders) == MOST_OPINIONS and one.fleet.live == []


def test_a_worker_of_an_older_release_gets_no_such_run() -> None:
    """It would give the engine tools that write, and push what comes of it."""

    async def story() -> None:
        one = world()
        await one.add(unsure())
        (order,) = one.fleet.orders.values()
        old = Worker(id="w" * 8, engines=("claude",), can=("checks", "protected-paths"))
        in_line, rules = queued(order, one.now), one.config.workers
        assert not can_take(in_line, old, one.now, rules, sent=True)
        assert can_take(in_line, old.model_copy(update={"can": CAN}), one.now, rules)

    run(story())


@played
async def test_a_model_is_named_in_the_engines_that_are_looked_for() -> None:
    assert world().config.engines() == ("console", "claude")
    assert World().config.engines() == ("console",)
