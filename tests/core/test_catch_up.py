"""After a gap in which events may have been lost, what waits is looked at: in order, spread out, on after a crash."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.dispatch import capacity, catch_up
from factory_core.dispatch.batch import Batch, CatchUp, DeliveryGap, Slot
from factory_core.dispatch.records import State
from factory_core.errors import ConnectionLost, Problem, Retryable, StoreUnavailable, VendorUnavailable
from factory_core.http import HttpRequest
from factory_core.ports import Inbound, Redelivered
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .swept_world import SweptWorld, versions
from .test_stranded_items import StrandedWorld
from .world import START, Crash, run, ticket

pytestmark = pytest.mark.pure
SECOND = timedelta(seconds=1)
STARTED = "the factory was started"
BIG = {"capacity": {"agents": 50, "perRepository": 50, "perState": {"in-review": 50}}}


class GappedWorld(SweptWorld):
    """A world in which events are lost, and whose reads are counted."""

    async def in_review(self, *keys: str) -> None:
        """Each has a pull request that waits for its checks."""
        for key in keys:
            await self.add(ticket(key))
            await self.agent_ends()
            assert await self.state(key) is State.IN_REVIEW

    async def ticks(self, seconds: int) -> None:
        """The host's clock, once a second."""
        for _ in range(seconds):
            await self.later(SECOND)

    async def looks(self) -> CatchUp:
        state = (await self.store.get_batch()).catch_up
        assert state is not None
        return state


def test_a_review_whose_checks_turned_green_unheard_is_merged_after_a_start() -> None:
    """Not half an hour later: the new process looks at once."""

    async def story() -> None:
        world = GappedWorld()
        await world.in_review("ACME-1")
        world.target.green(1)
        world.factory = world.new_factory("worker-2")
        world.factory.recorder.gaps.note(STARTED)
        await world.ticks(3)
        assert await world.state() is State.DONE

    run(story())


@pytest.mark.parametrize("how", ["answer", "ready", "cancelled", "merged by a person"])
def test_whatever_was_lost_in_a_gap_is_found(how: str) -> None:
    async def story() -> None:
        world = GappedWorld()
        await world.later(SECOND)  # the ordinary search was just made
        if how == "answer":
            await world.ask()
            world.channel.people.append(world.reply("Show `amount` in the cart page.", ts="said"))
        elif how == "cancelled":
            await world.in_review("ACME-1")
            world.tracker.items["ACME-1"] = ticket(state=ItemState.OTHER)
        elif how == "merged by a person":
            await world.in_review("ACME-1")
            world.target.change(1, merged=True, state="closed")
        else:
            world.tracker.items["ACME-1"] = ticket()
        world.factory.recorder.gaps.note(STARTED)
        await world.ticks(8)
        ends = {"answer": State.RUNNING, "ready": State.RUNNING, "cancelled": State.CANCELLED}
        assert await world.state() is ends.get(how, State.DONE)

    run(story())


def test_reviews_come_first_and_no_more_than_so_many_a_minute() -> None:
    """Thirty items and a pace of ten a minute: at no moment more were looked at than the time that passed allows."""

    async def story() -> None:
        world = GappedWorld(sweep={"looksPerMinute": 10}, **BIG)
        waiting = [f"ACME-{n}" for n in range(100, 110)]
        for key in waiting:
            await world.ask(key)
        reviews = [f"ACME-{n}" for n in range(200, 205)]
        await world.in_review(*reviews)
        world.factory.recorder.gaps.note(STARTED)
        before, seen = await versions(world), list[str]()
        for second in range(240):
            await world.later(SECOND)
            changed = [key for key, version in (await versions(world)).items() if version > before[key]]
            seen += [key for key in sorted(changed) if key not in seen]
            assert len(seen) <= 1 + second / 6 + 1
        assert seen == [*reviews, *waiting]
        assert (await world.looks()).laps == {}

    run(story())


def test_a_process_that_is_killed_every_few_seconds_gets_round_all_the_same() -> None:
    """Each life notes a gap; whoever comes after a minute is looked at as well as the first of the order."""

    async def story() -> None:
        world = GappedWorld(**BIG)
        reviews, waiting = [f"ACME-{n}" for n in range(100, 109)], [f"ACME-{n}" for n in range(200, 206)]
        await world.in_review(*reviews)
        for key in waiting:
            await world.ask(key)
        before = await versions(world)
        for life in range(40):
            world.factory = world.new_factory(f"life-{life}")
            world.factory.recorder.gaps.note(STARTED)
            await world.ticks(5)
        after = await versions(world)
        assert [key for key in (*reviews, *waiting) if after[key] == before[key]] == []
        assert (await world.looks()).laps

    run(story())


def test_a_look_that_is_repeated_for_one_gap_changes_nothing() -> None:
    """The process died before it stored how far it came."""

    async def story() -> None:
        world = GappedWorld()
        await world.in_review("ACME-1")
        world.factory.recorder.gaps.note(STARTED)
        await world.ticks(2)
        seen, batch = await versions(world), await world.store.get_batch()
        assert batch.catch_up
        laps = catch_up.begin(None, batch.catch_up.gap, world.now).laps
        again = batch.catch_up.model_copy(update={"laps": {State.IN_REVIEW.value: laps[State.IN_REVIEW]}})
        await world.store.put_batch(batch.model_copy(update={"catch_up": again}))
        world.factory = world.new_factory("worker-2")
        await world.ticks(2)
        assert await versions(world) == seen

    run(story())


def test_a_vendor_that_is_away_keeps_no_other_look_waiting_and_is_asked_again() -> None:
    """The channel cannot be read: the tracker's list is, and the answer is found when the channel is back."""

    async def story() -> None:
        world = GappedWorld()
        await world.later(SECOND)
        await world.ask()
        world.channel.people.append(world.reply("Show `amount` in the cart page.", ts="said"))
        world.tracker.items["ACME-2"] = ticket("ACME-2")
        away = Retryable("no answer", why="it is down", fix="factory check")
        world.channel.faults["replies"] = [away, ConnectionLost("slack", "token_revoked")]
        world.factory.recorder.gaps.note(STARTED)
        await world.ticks(10)
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.WAITING, State.RUNNING)
        await world.ticks(70)
        assert await world.state("ACME-1") is State.QUEUED or await world.state("ACME-1") is State.RUNNING

    run(story())


def test_the_looks_end_after_a_gap_that_was_noted_by_a_clock_that_was_ahead() -> None:
    """By another process: no list is ever read to its end after that moment."""

    async def story() -> None:
        world = GappedWorld()
        await world.later(SECOND)
        right = world.now
        world.now += timedelta(days=20)
        world.factory.recorder.gaps.note(STARTED)
        await world.factory.recorder.gaps.save()
        world.now = right
        await world.ticks(60)
        assert (await world.looks()).laps == {}

    run(story())


def test_a_webhook_that_could_not_be_stored_is_a_gap() -> None:
    """GitHub does not send it again; when the store is back, what waits is looked at."""

    class Fails:
        def events_in(self, request: HttpRequest) -> Inbound:
            return Inbound(delivery_id="1", events=(world.pull(),))

    world = GappedWorld()

    async def story() -> None:
        await world.in_review("ACME-1")
        await world.later(SECOND)
        world.factory.intake._webhooks = {"github": Fails()}
        world.target.green(1)
        world.store.reachable = False
        answer = await world.factory.intake.handle_webhook("github", HttpRequest(body=b"{}", received_at=world.now))
        with pytest.raises(StoreUnavailable):
            await world.factory.performer.check_in()
        world.store.reachable = True
        assert answer.status == 503
        await world.ticks(3)
        assert await world.state() is State.DONE

    run(story())


AWAY = VendorUnavailable("github", "GitHub cannot be reached", why="no answer", fix="factory check")
LIMITED = VendorUnavailable(
    "github", "GitHub cannot be reached", why="429", fix="factory check", after=90, limited=True
)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([AWAY] * 14, {"github did not answer"}),
        ([*[AWAY] * 14, LIMITED], {"github did not answer"}),
        ([LIMITED] * 8, set()),
        ([AWAY, *[LIMITED] * 4, AWAY], set()),
    ],
)
def test_a_vendor_that_is_silent_for_minutes_is_a_gap_once(answers: list[Problem], found: set[str]) -> None:
    """What it did meanwhile it may not have told. One that asks for a pause is there, and tells of everything."""

    async def story() -> None:
        world = GappedWorld()
        await world.in_review("ACME-1", "ACME-2")
        world.target.faults["read_pull_request"] = list(answers)
        await world.hear(world.pull("ACME-1"), world.pull("ACME-2"))
        gaps = set()
        for _ in range(40):
            await world.later(timedelta(seconds=20))
            state = (await world.store.get_batch()).catch_up
            gaps |= {state.gap.cause} if state else set()
        assert gaps == found and not world.target.faults["read_pull_request"]

    run(story())


@pytest.mark.parametrize(("after", "found"), [(timedelta(minutes=12), False), (timedelta(minutes=40), True)])
def test_a_platforms_clock_that_stood_still_is_a_gap(after: timedelta, found: bool) -> None:
    """A start of a process alone is none there, and nor is a tick that comes a little late."""

    async def story() -> None:
        world = GappedWorld()
        world.factory.performer._ticks = True
        await world.later(SECOND)
        await world.later(after)
        assert ((await world.store.get_batch()).catch_up is not None) is found

    run(story())


def test_a_platforms_clock_that_stops_during_the_looks_has_them_go_round_again() -> None:
    """What was looked at before it stopped may have changed since."""

    async def story() -> None:
        world = GappedWorld(sweep={"looksPerMinute": 1})
        world.factory.performer._ticks = True
        await world.later(SECOND)
        await world.in_review("ACME-1", "ACME-2", "ACME-3")
        world.factory.recorder.gaps.note(STARTED)
        await world.later(SECOND)
        assert (await world.looks()).laps[State.IN_REVIEW].place == "ACME-1"
        world.target.green(1)
        await world.later(timedelta(hours=1))
        state = await world.looks()
        assert (state.gap.cause, state.laps[State.IN_REVIEW].ends) == ("nobody checked in", "ACME-1")
        for _ in range(4):
            await world.later(timedelta(minutes=1))
        assert await world.state("ACME-1") is State.DONE

    run(story())


@pytest.mark.parametrize(("late", "noted"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
def test_a_tick_that_comes_long_after_its_time_is_a_gap(late: timedelta, noted: bool) -> None:
    async def story() -> None:
        world = GappedWorld()
        world.factory.performer.note_tick(world.now - late)
        await world.later(SECOND)
        assert ((await world.store.get_batch()).catch_up is not None) is noted

    run(story())


def test_webhooks_that_the_platform_saw_fail_are_a_gap_once() -> None:
    """However often it says so; and another time when more of them failed."""

    async def story() -> None:
        world, seen = GappedWorld(), set[timedelta]()
        failed = world.now
        for minute in range(30):
            if minute == 20:
                failed = world.now
            await world.factory.performer.note_unanswered(failed)
            await world.later(timedelta(minutes=1))
            seen.add((await world.looks()).gap.until - START)
        assert len(seen) == 2

    run(story())


def test_a_gap_is_stored_although_another_process_stores_the_batch() -> None:
    """A function of a cloud may have no next time to try it."""

    async def story() -> None:
        world = GappedWorld()
        read = world.store.get_batch

        async def outrun() -> Batch:
            batch = await read()
            if batch.version < 3:
                await world.store.put_batch(batch)
            return batch

        world.factory.recorder.gaps.note(STARTED)
        world.store.get_batch = outrun  # type: ignore[method-assign]
        await world.factory.recorder.gaps.save()
        assert (await world.looks()).gap.cause == STARTED

    run(story())


def test_a_line_that_reviews_hold_up_makes_their_looks_due() -> None:
    """One event was lost, without any gap: the review is read again within minutes, and the next ticket starts."""

    async def story() -> None:
        world = GappedWorld(capacity={"agents": 1, "perState": {"in-review": 1}})
        await world.in_review("ACME-1")
        await world.add(ticket("ACME-2"))
        world.target.green(1)
        await world.ticks(59)
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.IN_REVIEW, State.QUEUED)
        await world.later(timedelta(seconds=35))
        await world.ticks(2)
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.DONE, State.RUNNING)

    run(story())


def test_a_review_that_holds_up_others_is_read_ever_less_often() -> None:
    """It waits for people: some twenty reads in a day, not one a minute."""
    numbers = {capacity.recheck_number(START, START + timedelta(seconds=30 * n)) for n in range(2 * 60 * 24)}
    assert 20 <= len(numbers) <= 40


def test_reviews_hold_up_nobody_who_waits_for_something_else() -> None:
    slots = {"ACME-1": Slot(repository="acme/shop", state="in-review", since=START)}
    limits = capacity.Limits(SweptWorld(capacity={"agents": 1, "perState": {"in-review": 1}}).config.capacity)
    assert capacity.holds_up(Batch(slots=slots), limits, START) == ()


@given(st.lists(st.sampled_from(["gap", "tick", "look", "minute", "back"]), max_size=80))
def test_no_sequence_of_gaps_makes_more_looks_due_than_time_allows(happenings: list[str]) -> None:
    """Each minute has at most its share, however often there is a gap, and whatever the clock does."""
    now, made = START, list[int]()
    state = catch_up.begin(None, DeliveryGap(until=now, cause=STARTED), now)
    for happening in happenings:
        made.append(0)
        if happening == "gap":
            state = catch_up.begin(state, DeliveryGap(until=now, cause=STARTED), now)
        elif happening == "look":
            due = catch_up.allowed(state, 60, now)
            assert due <= 60
            state, made[-1] = catch_up.paid(state, due, 60, now), due
        else:
            now += {"tick": SECOND, "minute": timedelta(minutes=2), "back": timedelta(hours=-1)}[happening]
    allowed = 1 + sum({"tick": 1, "minute": 60, "back": 61}.get(happening, 0) for happening in happenings)
    assert sum(made) <= allowed


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(0, 8))
def test_a_lap_that_begins_anywhere_comes_round_to_everybody_once(ids: list[str], begins: int) -> None:
    there = sorted(ids)
    place = there[min(begins, len(there)) - 1] if there and begins else ""
    known = catch_up.begin(None, DeliveryGap(until=START, cause=STARTED), START)
    known = catch_up.moved(known, State.IN_REVIEW, known.laps[State.IN_REVIEW].model_copy(update={"place": place}))
    again = catch_up.begin(known, DeliveryGap(until=START, cause=STARTED), START)
    lap, seen = again.laps.get(State.IN_REVIEW), list[str]()
    while lap is not None:
        lap, one = catch_up.step(lap, next((name for name in there if name > lap.place), None))
        seen += [one] if one else []
    assert sorted(seen) == there


class StormyWorld(StrandedWorld, GappedWorld):
    """A world whose process dies every few seconds, and is started again."""

    async def lives(self, number: int, seconds: int = 5) -> None:
        for _ in range(number):
            self.factory = self.new_factory(self.fresh_id())
            self.factory.recorder.gaps.note(STARTED)
            with suppress(Crash):
                await self.ticks(seconds)


@pytest.mark.parametrize("lives", [1, 12])
def test_a_line_behind_ten_reviews_moves_within_a_minute_of_the_start(lives: int) -> None:
    """All of them need nothing but a look, which is why they hold a place; so however often the process dies."""

    async def story() -> None:
        world = StormyWorld()
        await world.later(SECOND)
        reviews, line = [f"ACME-{n}" for n in range(100, 110)], ["ACME-200", "ACME-201"]
        await world.in_review(*reviews)
        for key in line:
            await world.add(ticket(key))
        assert {await world.state(key) for key in line} == {State.QUEUED}
        for number in range(1, 11):
            world.target.green(number)
        await world.lives(lives, 60 // lives)
        assert {await world.state(key) for key in reviews} == {State.DONE}
        assert await world.state(line[0]) is State.RUNNING

    run(story())


@pytest.mark.parametrize("lost", ["a record", "a late answer"])
def test_what_only_a_search_shows_is_found_while_one_start_follows_the_other(lost: str) -> None:
    """The ordinary search is not due yet; the looks show all that it would."""

    async def story() -> None:
        world = StormyWorld()
        if lost == "a late answer":
            thread = await world.ask()
            for _ in range(8):
                await world.later(timedelta(days=1))
            assert await world.state() is State.FAILED
            world.channel.people.append(world.reply("Show `amount` in the cart page.", thread))
        else:
            await world.add(ticket())
            world.left_at()
            world.fleet.end(*world.fleet.live, RunStatus.CAPPED)
            world.now += timedelta(hours=3)
        await world.factory.performer.sweep()  # the next one is due in ten minutes
        if lost == "a record":
            await world.lose()
        await world.lives(60)
        assert await world.state() is State.RUNNING

    run(story())


def test_a_process_that_dies_at_each_vendors_hang_gets_to_all_others() -> None:
    """Whoever reads a thread is killed while the channel hangs, and all but the threads is looked at nevertheless."""

    async def story() -> None:
        world = StormyWorld()
        await world.later(SECOND)
        await world.ask()
        await world.in_review("ACME-2")
        world.tracker.items["ACME-3"] = ticket("ACME-3")
        world.tracker.items["ACME-2"] = ticket("ACME-2", state=ItemState.CANCELLED)
        world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
        world.channel.faults["replies"] = [Crash()] * 1000
        await world.lives(30)
        states = [await world.state(key) for key in ("ACME-1", "ACME-2", "ACME-3")]
        assert states == [State.CANCELLED, State.CANCELLED, State.RUNNING]

    run(story())


def test_the_ordinary_search_has_its_turn_while_looks_last_for_hours() -> None:
    """There are so many, or one gap follows the other."""

    async def story() -> None:
        world = StormyWorld(sweep={"looksPerMinute": 1}, **BIG)
        for n in range(40):
            await world.ask(f"ACME-{n}")
        await world.lives(1)
        searched = set()
        for _ in range(60):
            await world.lives(1, 30)
            searched.add((await world.store.get_batch()).sweep.at)
        assert len(searched) >= 3 and (await world.looks()).laps

    run(story())


@pytest.mark.parametrize("ahead", [timedelta(0), SECOND * 3])
def test_no_list_is_read_over_and_over_in_one_step(ahead: timedelta) -> None:
    """A walk through failed deliveries that had begun before the gap is over, and the next one may begin at once; or a
    process whose clock was ahead noted the gap, and no walk of ours begins after it until our clock has passed it."""

    async def story() -> None:
        world, asked, cursors = GappedWorld(sweep={"calls": 5}), list[int](), ["more"]

        async def redeliver_failed(since: datetime, cursor: str, calls: int) -> Redelivered:
            asked.append(calls)
            return Redelivered(0, cursors.pop() if cursors else "")

        world.target.redeliver_failed = redeliver_failed  # type: ignore[attr-defined]
        world.factory = world.new_factory("worker-2")
        await world.later(SECOND)  # the ordinary search begins the walk
        world.now += SECOND + ahead
        world.factory.recorder.gaps.note(STARTED)
        await world.factory.recorder.gaps.save()
        world.now -= ahead
        batch, long_ago = await world.store.get_batch(), world.now - timedelta(minutes=5)
        assert batch.catch_up
        due = batch.catch_up.model_copy(update={"paid_until": long_ago})
        await world.store.put_batch(batch.model_copy(update={"catch_up": due}))
        for _ in range(10):
            asked.clear()
            world.tracker.calls.clear()
            await world.later(SECOND)
            assert sum(asked) <= 5 and world.tracker.calls["ready_items"] <= 1
        assert (await world.looks()).laps == {}

    run(story())
