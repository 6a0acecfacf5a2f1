"""What nobody told us is found once, whichever way it comes, and nothing is started that should not be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from factory_core.dispatch.batch import SweepReport
from factory_core.dispatch.events import AbortRequested, RetryRequested, StopRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Terminal
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .swept_world import VAGUE, SweptWorld, versions
from .world import run, ticket

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("first", ["sweep", "webhook"])
def test_a_delivery_that_was_lost_or_late_starts_the_item_once(first: str) -> None:
    """Whichever of the two comes first starts it; the other one costs no write."""

    async def main() -> None:
        world = SweptWorld()
        item = world.tracker.items["ACME-1"] = ticket()
        late = world.changed(item)
        found = await world.sweep() if first == "sweep" else await world.hear(late)
        assert await world.state() is State.RUNNING
        before = await versions(world)
        if first == "sweep":
            assert found == SweepReport(started=1, calls=1)
            await world.hear(late)
        else:
            assert (await world.sweep()).started == 0
        assert (await versions(world), len(world.fleet.orders)) == (before, 1)

    run(main())


def test_an_item_that_nobody_told_us_of_goes_all_the_way() -> None:
    """No webhook arrives, from first to last: ticket, answer, run and merge are found by looking."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket(**VAGUE)
        await world.sweep()
        world.channel.people.append(world.reply("Show `amount` in the cart page.", ts="said"))
        assert (await world.sweep()).answered == 1
        await world.agent_ends()
        world.target.green(1)
        await world.later(timedelta(minutes=31))
        assert await world.state() is State.DONE
        assert (len(world.fleet.orders), len(world.channel.threads), len(world.target.merges)) == (1, 1, 1)

    run(main())


def test_a_reply_is_heard_once_whichever_way_it_comes() -> None:
    """The same words by webhook after the sweep, or again by the next sweep, are no second answer."""

    async def main() -> None:
        world = SweptWorld()
        thread = await world.ask()
        world.channel.people.append(said := world.reply("It was like that last week as well.", thread, ts="one"))
        assert (await world.sweep()).answered == 1
        asked_again = await world.record()
        assert asked_again.state is State.WAITING and asked_again.clarification and asked_again.clarification.round == 2
        await world.hear(said)
        assert (await world.sweep()).answered == 0
        assert await world.record() == asked_again

    run(main())


def test_an_early_answer_that_the_thread_still_shows_is_not_taken_again() -> None:
    """It came before we knew the thread, so its event was never applied; that the item has it is enough."""

    async def main() -> None:
        world = SweptWorld()
        early = world.reply("It was like that last week as well.", "C1:1.0", ts="one")
        await world.factory.recorder.accept(early)
        world.channel.people.append(early)
        await world.ask()
        record = await world.record()
        assert record.clarification and record.clarification.round == 2
        assert (await world.sweep()).answered == 0
        assert await world.record() == record

    run(main())


def test_words_of_an_earlier_round_are_not_taken_for_an_early_answer() -> None:
    """The thread was closed, its words are told once more, and the next question stands in the same thread."""

    async def main() -> None:
        world = SweptWorld()
        thread = await world.ask()
        said = [world.reply("Show `amount` in the cart page.", thread), world.reply("And in the mail.", thread)]
        for reply in said:
            await world.hear(reply)
        await world.hear(AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="Maya"))
        world.now += timedelta(minutes=1)
        await world.factory.recorder.accept(said[1])
        await world.hear(RetryRequested(id="retry", work_item_id="ACME-1", at=world.now, by="Maya"))
        await world.agent_ends(RunStatus.ASKED, words="Which page is meant?")
        record = await world.record()
        assert record.state is State.WAITING and len(record.answers) == 1
        assert sum("in the mail" in entry.quote for entry in record.log) == 1

    run(main())


def test_who_was_away_for_weeks_starts_what_became_ready_meanwhile() -> None:
    """Since the last whole look, however long ago that was; what ended before it, and is ready still, stays ended."""

    async def main() -> None:
        world = SweptWorld()
        for key in ("ACME-1", "ACME-3"):  # each stopped by a person who left it in ready: before, and after, a look
            await world.sweep()
            world.now += timedelta(minutes=1)
            await world.add(ticket(key, updated_at=world.now))
            await world.hear(StopRequested(id=f"stop {key}", work_item_id=key, at=world.now, by="Maya"))
            world.tracker.items[key] = ticket(key, updated_at=world.now)
        world.tracker.items["ACME-2"] = ticket("ACME-2", updated_at=world.now + timedelta(days=1))
        orders = len(world.fleet.orders)
        world.now += timedelta(days=20)
        await world.factory.performer.check_in(sweep=False)
        await world.settle()
        await world.sweep()
        assert await world.state("ACME-2") is State.RUNNING and len(world.fleet.orders) == orders + 1
        for _ in range(3):
            await world.later(timedelta(days=1))
            await world.sweep(timedelta(minutes=20))
        assert await world.is_forgotten("ACME-1") and await world.is_forgotten("ACME-3")
        assert len(world.fleet.orders) == orders + 1

    run(main())


def test_nothing_is_started_that_is_not_ready() -> None:
    """Other states leave no trace; an ineligible item is refused once, not once a sweep."""

    async def main() -> None:
        world = SweptWorld()
        states = [state for state in ItemState if state is not ItemState.READY]
        world.tracker.items = {key: ticket(key, state=state) for state, key in zip(states, "ABCDE", strict=True)}
        assert (await world.sweep()).started == 0 and await versions(world) == {}
        world.tracker.items["ACME-9"] = ticket("ACME-9", labels=("spec:draft",))
        for _ in range(3):
            await world.sweep()
        assert await world.state("ACME-9") is State.BLOCKED and len(world.said("ACME-9")) == 1
        assert world.fleet.orders == {}

    run(main())


@pytest.mark.parametrize("refused", [{"project": "Nobody's"}, {"labels": ("exec:pair",)}, {"description": ""}])
def test_refused_items_in_the_middle_keep_none_of_the_others_from_starting(refused: dict[str, Any]) -> None:
    """One has no repository, is a person's, or unclear; of one nothing can be saved. All others are at work."""

    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        world.tracker.items = {key: ticket(key) for key in (f"ACME-{n}" for n in range(1, 6))}
        world.tracker.items["ACME-2"] = ticket("ACME-2", **refused)
        put = world.store.put_in_flight

        async def refusing(record: InFlightRecord, **companions: Any) -> InFlightRecord:
            if record.work_item_id == "ACME-4":
                raise Terminal("the record cannot be saved", why="it is too large", fix="factory check")
            return await put(record, **companions)

        world.store.put_in_flight = refusing  # type: ignore[method-assign]
        report = await world.sweep()
        assert report.started == 4 and report.failed["ready"].startswith("ACME-4: the record cannot be saved")
        assert await world.state("ACME-2") in (State.BLOCKED, State.WAITING)
        assert {order.work_item_id for order in world.fleet.orders.values()} == {"ACME-1", "ACME-3", "ACME-5"}

    run(main())


def test_what_was_given_up_and_forgotten_is_not_started_again() -> None:
    """The ticket still says ready; the factory no longer remembers that it had it. A person's touch starts it."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket(updated_at=world.now))
        await world.agent_ends(RunStatus.FAILED, why="x")
        aborted = await world.record()
        await world.store.delete_in_flight("ACME-1", aborted.version)  # as after keepFinished
        world.tracker.items["ACME-1"] = ticket(updated_at=world.now)
        world.now += timedelta(days=7)
        assert (await world.sweep()).started == 0 and len(world.fleet.orders) == 1
        world.tracker.items["ACME-1"] = ticket(updated_at=world.now)
        assert (await world.sweep()).started == 1

    run(main())


def test_what_a_person_stopped_here_stays_stopped_though_its_ticket_says_ready() -> None:
    """An aborted item is over; its ticket was ready all the time, and so that says nothing."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket())
        await world.hear(AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="Maya"))
        world.tracker.items["ACME-1"] = ticket(updated_at=world.now)
        aborted = await world.record()
        assert aborted.state is State.CANCELLED
        await world.sweep()
        assert await world.record() == aborted

    run(main())


def test_what_a_person_stopped_before_its_first_triage_stays_stopped() -> None:
    """The worker died over the triage, nobody ever read the ticket: neither the search nor an old hint starts it."""

    async def main() -> None:
        world = SweptWorld()
        item = world.tracker.items["ACME-1"] = ticket(updated_at=world.now)
        await world.factory.recorder.accept(hint := world.changed(item))
        world.woken.clear()
        world.now += timedelta(seconds=30)
        await world.hear(AbortRequested(id="abort", work_item_id="ACME-1", at=world.now, by="Maya"))
        assert (await world.sweep()).started == 0
        await world.hear(hint.model_copy(update={"id": "once more"}))
        assert await world.state() is State.CANCELLED and world.fleet.orders == {}

    run(main())


@pytest.mark.parametrize("ended", ["merged", "taken back"])
def test_an_item_that_was_reopened_unheard_begins_anew(ended: str) -> None:
    """The ticket had left our columns and stands in ready again: found, once; a second sweep finds it at work."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket())
        if ended == "merged":
            await world.agent_ends()
            world.target.green(1)
            await world.hear(world.pull())
        else:
            world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
            await world.sweep()
        assert (await world.record()).generation == 1 and (await world.sweep()).started == 0
        world.tracker.items["ACME-1"] = ticket(updated_at=world.now)
        assert [(await world.sweep()).started for _ in range(2)] == [1, 0]
        assert await world.state() is State.RUNNING and (await world.record()).generation == 2

    run(main())


def test_a_late_answer_to_what_was_given_up_is_found_in_its_thread() -> None:
    """Nobody answered for a week, and the webhook of the answer that came then was lost."""

    async def main() -> None:
        world = SweptWorld()
        thread = await world.ask()
        for _ in range(8):
            await world.later(timedelta(days=1))
        assert await world.state() is State.FAILED
        world.channel.people.append(world.reply("Show `amount` in the cart page.", thread))
        assert (await world.sweep()).answered == 1
        assert await world.state() is State.RUNNING

    run(main())


@pytest.mark.parametrize("gone", [True, False])
def test_an_item_that_was_taken_back_unheard_is_stopped(gone: bool) -> None:
    """Deleted or cancelled in the tracker while its agent runs: found, stopped, counted once."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket())
        world.tracker.items = {} if gone else {"ACME-1": ticket(state=ItemState.CANCELLED)}
        assert [(await world.sweep()).closed for _ in range(2)] == [1, 0]
        assert await world.state() is State.CANCELLED and world.fleet.live == []

    run(main())


def test_a_pull_request_that_was_merged_unheard_ends_its_blocked_item() -> None:
    """Nobody reads a blocked item's pull request by a deadline, so the sweep does; the same sight twice is no event."""

    async def main() -> None:
        world = SweptWorld(agents={"maxRounds": 0, "engine": "console"})
        await world.add(ticket())
        await world.agent_ends()
        world.target.red(1)
        await world.hear(world.pull())
        blocked = await world.record()
        assert blocked.state is State.BLOCKED
        await world.sweep()
        assert await world.record() == blocked
        world.target.change(1, merged=True, state="closed")
        assert (await world.sweep()).closed == 1
        assert await world.state() is State.DONE

    run(main())


def test_a_person_who_edits_a_running_item_unheard_is_noted_once() -> None:
    """The same sight twice is one event, by its id."""

    async def main() -> None:
        world = SweptWorld()
        await world.add(ticket())
        world.tracker.items["ACME-1"] = ticket(title="Rename it everywhere", state=ItemState.DISPATCHED)
        assert [(await world.sweep()).changed for _ in range(2)] == [1, 0]
        record = await world.record()
        assert record.item and record.item.title == "Rename it everywhere"

    run(main())
