"""What people do to a ticket, its labels, its people and its repository while the factory is busy with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.following import is_news
from factory_core.dispatch.records import State
from factory_core.errors import Terminal
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .world import CLEAR, World, run, ticket

pytestmark = pytest.mark.pure
VAGUE = ticket(title="Cart is off", description="Please look.")
USEFUL = "Show `amount` instead of `total` in shop/cart.py, everywhere."


async def busy(where: State) -> World:
    """A world whose ACME-1 stands there."""
    world = World(capacity={"agents": 1}, merge={"policy": "never"})
    if where is State.QUEUED:
        await world.add(ticket("ACME-9"))
    await world.add(VAGUE if where is State.WAITING else ticket())
    if where in (State.IN_REVIEW, State.BLOCKED):
        await world.agent_ends(RunStatus.SUCCEEDED if where is State.IN_REVIEW else RunStatus.NO_CHANGE)
    assert await world.state() is where
    return world


BUSY = [State.WAITING, State.QUEUED, State.RUNNING, State.IN_REVIEW, State.BLOCKED]


@pytest.mark.parametrize("where", BUSY)
@pytest.mark.parametrize("now", [None, ItemState.CANCELLED, ItemState.OTHER])
def test_a_ticket_that_is_deleted_or_leaves_our_columns_is_over_wherever_it_stood(
    where: State, now: ItemState | None
) -> None:
    """Its agent ends, its slot, place and thread are free, nothing more is written, and a late answer wakes nobody."""

    async def story() -> None:
        world = await busy(where)
        said, moves = world.said(), list(world.tracker.moves)
        if now is None:
            del world.tracker.items["ACME-1"]
        else:
            world.tracker.items["ACME-1"] = world.tracker.items["ACME-1"].model_copy(update={"state": now})
        await world.hear(world.changed(None, "ACME-1"))
        await world.hear(world.reply(USEFUL))
        batch = await world.store.get_batch()
        assert await world.state() is State.CANCELLED
        assert "ACME-1" not in batch.slots and "ACME-1" not in [entry.work_item_id for entry in batch.queue]
        assert not any(run_id.startswith("ACME-1") for run_id in world.fleet.live)
        assert (world.said(), world.tracker.moves) == (said, moves)

    run(story())


@pytest.mark.parametrize("where", [State.WAITING, State.QUEUED, State.RUNNING, State.IN_REVIEW])
def test_a_label_that_forbids_it_stops_it_wherever_it_stands(where: State) -> None:
    """`exec:pair` is put on it: no agent starts or works on, and nobody in line is kept waiting by it."""

    async def story() -> None:
        world = await busy(where)
        here = world.tracker.items["ACME-1"]
        await world.add(here.model_copy(update={"labels": ("exec:pair",)}))
        await world.later(timedelta(minutes=1))
        assert await world.state() in (State.BLOCKED, State.CANCELLED)
        assert not any(run_id.startswith("ACME-1") for run_id in world.fleet.live)
        batch = await world.store.get_batch()
        assert "ACME-1" not in batch.slots and "ACME-1" not in [entry.work_item_id for entry in batch.queue]

    run(story())


def test_a_label_that_is_removed_in_line_starts_nothing_and_put_back_it_does() -> None:
    """Where only listed labels start: the ticket says so in one comment, and goes on when the label is back."""

    async def story() -> None:
        world = World(capacity={"agents": 1}, triage={"requireGoLabel": True})
        await world.add(ticket("ACME-9", labels=("exec:quick",)))
        await world.add(ticket(labels=("exec:quick",)))
        assert await world.state() is State.QUEUED
        await world.add(ticket())
        await world.agent_ends()
        assert await world.state() is State.BLOCKED and len(world.said()) == 1 and len(world.fleet.orders) == 1
        await world.add(ticket(labels=("exec:quick",)))
        assert await world.state() is State.RUNNING and len(world.said()) == 1

    run(story())


def test_a_new_title_does_not_move_the_work() -> None:
    """The branch is named once; what was pushed is found again under it."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        renamed = world.tracker.items["ACME-1"].model_copy(update={"title": "Something else"})
        await world.add(renamed)
        await world.agent_ends()
        world.target.red(1)
        await world.hear(world.pull())
        assert {order.branch for order in world.fleet.orders.values()} == {"factory/ACME-1-rename-total-to-amount"}

    run(story())


def test_a_repository_that_was_renamed_stops_the_item_with_the_fix() -> None:
    """The code host says what to do; nothing is opened elsewhere, and after a retry the work is still there."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        moved = Terminal(
            "GitHub: POST /repos/acme/shop/pulls was answered with 301",
            why="the repository was renamed or moved",
            fix="In factory.config.yaml: name the repository as GitHub names it today",
        )
        world.target.faults["open_pull_request"] = [moved]
        await world.agent_ends()
        assert await world.state() is State.BLOCKED and "renamed or moved" in world.said()[-1]
        assert "name the repository as GitHub names it today" in world.said()[-1]
        await world.hear(RetryRequested(id="again", work_item_id="ACME-1", at=world.now, by="sam"))
        again = list(world.fleet.orders.values())[-1]
        assert await world.state() is State.RUNNING and again.previous_run in world.fleet.orders

    run(story())


@pytest.mark.parametrize("reporter", [("", ""), ("Maya Chen", "maya")])
def test_a_reporter_whom_the_channel_does_not_know_makes_no_question_unanswerable(reporter: tuple[str, str]) -> None:
    """The account was deleted, or nobody mapped it: whoever answers is heard."""

    async def story() -> None:
        world = World(clarification={"whoMayAnswer": "reporter"})
        name, known = reporter
        await world.add(VAGUE.model_copy(update={"reporter": name, "reporter_id": known}))
        await world.hear(world.reply(USEFUL, author="U7"))
        assert await world.state() is State.RUNNING

    run(story())


def test_the_same_person_replying_in_two_threads_answers_each_ticket_with_its_own() -> None:
    """Both at once, in the other order, with the same words: the thread says whose answer it is."""

    async def story() -> None:
        world = World(capacity={"agents": 2, "perRepository": 2})
        for key in ("ACME-1", "ACME-2"):
            await world.add(ticket(key, title="Cart is off", description="Please look."))
        first = f"{USEFUL} In the cart."
        await world.hear(world.reply(USEFUL, thread="C1:2.0"), world.reply(first, thread="C1:1.0"))
        told = {order.work_item_id: order.task for order in world.fleet.orders.values()}
        assert set(told) == {"ACME-1", "ACME-2"}
        assert (first in told["ACME-1"], first in told["ACME-2"], USEFUL in told["ACME-2"]) == (True, False, True)

    run(story())


def test_a_retry_in_another_life_begins_its_tries_anew() -> None:
    """Reopened after it was used up: the new life has all its tries, under another branch."""

    async def story() -> None:
        world = World(agents={"maxAttempts": 1})
        await world.add(ticket())
        await world.agent_ends(RunStatus.FAILED)
        await world.add(ticket(state=ItemState.CANCELLED))
        assert await world.state() is State.CANCELLED
        world.now += timedelta(hours=1)
        await world.add(ticket(description=CLEAR))
        record = await world.record()
        assert (record.state, record.attempt, record.generation) == (State.RUNNING, 1, 2)

    run(story())


def test_an_edit_gives_no_tries_anew() -> None:
    """Edited at work, or when its tries were used up: the count goes on, and the next failure stops it again."""

    async def story() -> None:
        world = World(agents={"maxAttempts": 2})
        await world.add(ticket())
        await world.agent_ends(RunStatus.FAILED)
        await world.later(timedelta(minutes=2))
        await world.add(ticket(title="Rename it everywhere", state=ItemState.DISPATCHED))
        assert (await world.state(), (await world.record()).attempt) == (State.RUNNING, 2)
        await world.agent_ends(RunStatus.FAILED)
        assert await world.state() is State.BLOCKED
        await world.add(ticket(title="Rename it in the page", state=ItemState.DISPATCHED))
        edited = await world.record()
        assert (edited.state, edited.attempt, edited.generation) == (State.RUNNING, 3, 1)
        await world.agent_ends(RunStatus.FAILED)
        assert await world.state() is State.BLOCKED and len(world.fleet.orders) == 3

    run(story())


@pytest.mark.parametrize("now", [None, ItemState.CANCELLED, ItemState.OTHER, ItemState.DONE])
@pytest.mark.parametrize("step", ["start", "open_pull_request", "merge"])
def test_a_person_who_moves_the_ticket_just_before_it_is_written_back_wins(step: str, now: ItemState | None) -> None:
    """Between the act outside and the move that tells it: the ticket is read again, and stays where it was put."""

    async def story() -> None:
        world = World()
        owner = world.fleet if step == "start" else world.target
        act, moved = getattr(owner, step), list[ItemState]()

        async def overtaken(*args: object) -> object:
            done = await act(*args)
            del world.tracker.items["ACME-1"]
            if now:
                world.tracker.items["ACME-1"] = ticket(state=now)
            moved.extend(state for _, state in world.tracker.moves)
            return done

        setattr(owner, step, overtaken)
        await world.add(ticket())
        if world.fleet.live:
            await world.agent_ends()
        if step == "merge":
            world.target.green(1)
            await world.hear(world.pull())
        assert [state for _, state in world.tracker.moves] == moved
        left = world.tracker.items.get("ACME-1")
        assert (left.state if left else None) is now
        assert world.fleet.live == []

    run(story())


def test_a_merged_ticket_that_the_tracker_would_not_move_is_not_done_again() -> None:
    """It says ready for ever: no agent starts for it once more, until a person writes something else into it."""

    async def story() -> None:
        world = World()
        refused = Terminal("Linear: the issue cannot be moved", why="403", fix="factory check")
        world.tracker.faults["set_state"] = [refused] * 9
        await world.add(ticket(updated_at=world.now))
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE and world.tracker.items["ACME-1"].state is ItemState.READY
        world.now += timedelta(hours=1)
        still = ticket(updated_at=world.now)  # our comment touched it
        assert not is_news(await world.record(), still)
        await world.add(still)
        assert len(world.fleet.orders) == 1
        await world.add(ticket(updated_at=world.now, description=f"{CLEAR}\nAlso in the mail."))
        assert len(world.fleet.orders) == 2

    run(story())
