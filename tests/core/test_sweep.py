"""What nobody told us is found: once, at a bounded cost, whatever fails, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.state_store import Entry
from factory_core.dispatch.batch import Batch, SweepReport, SweepState
from factory_core.dispatch.events import AbortRequested, Event, RetryRequested, StopRequested
from factory_core.dispatch.records import State
from factory_core.dispatch.run import RunStatus
from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import Problem, Retryable, StoreUnavailable, Terminal
from factory_core.factory import Factory, build_factory
from factory_core.overview import overview
from factory_core.ports import Change, Pointer, Redelivered
from factory_core.runner.perform_dispatch import Performer, RuleTriager
from factory_core.runner.sweep import Sources
from factory_core.work_item import ItemState

from .world import START, World, run, ticket

pytestmark = pytest.mark.pure

VAGUE = {"title": "Cart is off", "description": "Please look."}
LATE = timedelta(minutes=11)


class SweptWorld(World):
    """A world whose check-in looks for missed events, ten minutes apart."""

    reader: Any = None

    def new_factory(self, holder: str) -> Factory:
        performer = Performer(
            self.config, self.store, self.clock, tracker=self.tracker, channel=self.channel, target=self.target,
            fleet=self.fleet, triager=RuleTriager(self.config), template=StandardTask(self.config),
        )  # fmt: skip
        return build_factory(
            self.config, self.store, performer, self.clock, webhooks={}, holder=holder, wake=self.woken.append,
            sources=Sources(self.tracker, self.channel, self.target, self.reader),
        )  # fmt: skip

    async def sweep(self, after: timedelta = LATE) -> SweepReport:
        """Time passes, a sweep is due, and what it found is worked on."""
        self.now += after
        report = await self.factory.sweep()
        await self.settle()
        assert report is not None
        return report

    async def ask(self, key: str = "ACME-1") -> str:
        """A vague ticket comes in and is asked about; the thread's id."""
        await self.add(ticket(key, **VAGUE))
        record = await self.record(key)
        assert record.state is State.WAITING and record.clarification
        return record.clarification.thread_id


def busy(after: float | None = None) -> Retryable:
    return Retryable("Linear cannot be reached", why="it answered 429", fix="factory check", after=after)


def versions(world: World) -> Any:
    async def read() -> dict[str, int]:
        return {record.work_item_id: record.version async for record in world.store.list_in_flight()}

    return read()


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
        world.channel.people.append(said := world.reply("Hm.", thread, ts="one"))
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
        early = world.reply("Hm.", "C1:1.0", ts="one")
        await world.factory.accept(early)
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
        await world.factory.accept(said[1])
        await world.hear(RetryRequested(id="retry", work_item_id="ACME-1", at=world.now, by="Maya"))
        await world.agent_ends(RunStatus.ASKED, words="Which page is meant?")
        record = await world.record()
        assert record.state is State.WAITING and len(record.answers) == 1
        assert sum("in the mail" in entry.quote for entry in record.log) == 1

    run(main())


def test_of_several_processes_one_sweeps() -> None:
    """One conditional write says whose turn it is; the others ask the vendors nothing."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        workers = [world.factory, *(world.new_factory(f"worker-{n}") for n in range(2, 6))]
        reports = await asyncio.gather(*(worker.sweep() for worker in workers))
        await world.settle()
        assert sum(report is not None for report in reports) == 1
        assert (world.tracker.calls["ready_items"], len(world.fleet.orders)) == (1, 1)
        restarted = world.new_factory("worker-6")
        assert await restarted.sweep() is None  # nor does one that was just started

    run(main())


def test_a_sweep_that_died_is_done_again_when_its_turn_comes() -> None:
    """What it had not kept is read again, and nothing is found twice."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items = {key: ticket(key) for key in ("ACME-1", "ACME-2")}
        world.store.put_in_flight, kept = dying(world.store.put_in_flight, at=2), world.store.put_in_flight  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await world.factory.sweep()
        world.store.put_in_flight = kept  # type: ignore[method-assign]
        world.factory = world.new_factory("worker-2")
        assert (await world.sweep()).started == 1
        assert sorted(await versions(world)) == ["ACME-1", "ACME-2"]

    run(main())


def dying(call: Callable[..., Any], at: int) -> Callable[..., Any]:
    calls = iter(range(1, 10_000))

    async def dies(*args: Any, **keywords: Any) -> Any:
        if next(calls) == at:
            raise asyncio.CancelledError
        return await call(*args, **keywords)

    return dies


def test_the_calls_of_a_sweep_are_bounded_and_everybody_has_a_turn() -> None:
    """30 waiting items and 4 calls a source: 8 sweeps visit each once, none oftener."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 4}, clarification={"remindAfter": "6d", "giveUpAfter": "7d"})
        threads = [await world.ask(f"ACME-{n}") for n in range(1, 31)]
        seen: list[str] = []
        for sweep in range(8):
            world.tracker.calls.clear()
            world.channel.calls.clear()
            report = await world.sweep()
            assert world.channel.calls["replies"] <= 4 and world.tracker.calls["read_item"] <= 4
            assert report.calls <= 4 * 4
            seen.append(f"{sweep}: {world.channel.calls['replies']}")
        assert seen == [*(f"{sweep}: 4" for sweep in range(7)), "7: 2"]
        world.channel.people = [world.reply("Hm.", thread) for thread in threads]
        found = [(await world.sweep()).answered for _ in range(8)]
        assert sum(found) == 30

    run(main())


def test_a_long_backlog_is_walked_over_several_sweeps() -> None:
    """220 ready items in pages of 50, two a sweep: all of them are started, the page's place survives a restart."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 2})
        world.tracker.items = {key: ticket(key) for key in (f"ACME-{n:03}" for n in range(220))}
        found = []
        for number in range(4):
            world.factory = world.new_factory(f"worker-{number + 2}")
            found.append((await world.sweep()).started)
        assert found == [100, 100, 20, 0]

    run(main())


def test_an_interval_of_nothing_means_never() -> None:
    """Off: no call, no write."""

    async def main() -> None:
        world = SweptWorld(sweep={"every": 0})
        world.tracker.items["ACME-1"] = ticket()
        await world.later(timedelta(days=1))
        assert world.tracker.calls["ready_items"] == 0 and (await world.store.get_batch()).version == 0
        assert "sweep" not in [line.name for line in (await overview(world.factory, world.fleet, "1")).lines]

    run(main())


def test_between_sweeps_a_check_in_asks_nobody() -> None:
    """A hundred ticks within the interval: one sweep."""

    async def main() -> None:
        world = SweptWorld()
        for _ in range(100):
            await world.later(timedelta(seconds=5))
        assert world.tracker.calls["ready_items"] == 1
        await world.later(timedelta(minutes=2))
        assert world.tracker.calls["ready_items"] == 2

    run(main())


@pytest.mark.parametrize("problem", [busy(), Terminal("Linear: list", why="no right to", fix="factory check")])
def test_a_source_that_fails_stops_none_of_the_others(problem: Problem) -> None:
    """The tracker's list is down: the answer in the thread is found all the same, and the report says what failed."""

    async def main() -> None:
        world = SweptWorld()
        thread = await world.ask()
        world.channel.people.append(world.reply("Show `amount`.", thread))
        world.tracker.faults["ready_items"] = [problem]
        report = await world.sweep()
        assert report.answered == 1
        assert report.failed == {"ready": f"{problem.what}: {problem.why}"}
        assert await world.state() is State.RUNNING

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
        await world.factory.check_in(sweep=False)
        await world.settle()
        await world.sweep()
        assert await world.state("ACME-2") is State.RUNNING and len(world.fleet.orders) == orders + 1
        for _ in range(3):
            await world.later(timedelta(days=1))
            await world.sweep(timedelta(minutes=20))
        assert await world.store.get_in_flight("ACME-1") is await world.store.get_in_flight("ACME-3") is None
        assert len(world.fleet.orders) == orders + 1

    run(main())


def test_a_record_that_cannot_be_read_hides_no_other_from_the_search_and_the_page() -> None:
    """What a person took back is found, the place in the list is kept, and the page says which record is damaged."""

    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        for key in ("ACME-1", "ACME-2"):
            await world.add(ticket(key))
        world.store._in_flight["ACME-1"] = Entry(9, '{"state": "of a newer release"}')
        world.tracker.items["ACME-2"] = ticket("ACME-2", state=ItemState.CANCELLED)
        report = await world.sweep()
        assert report.closed == 1 and "ACME-1 cannot be read" in report.failed["records"]
        shown = await overview(world.factory, world.fleet, "1")
        (line,) = [line for line in shown.lines if line.name == "store"]
        assert (line.status, line.note.partition(":")[0]) == ("down", "ACME-1 cannot be read")
        assert [item.key for item in shown.finished] == ["ACME-2"]

    run(main())


def test_a_list_that_cannot_be_had_moves_no_cursor() -> None:
    """Else whoever stands first would be visited each time, and the last never."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 2}, capacity={"agents": 9, "perRepository": 9})
        for n in range(1, 5):
            await world.add(ticket(f"ACME-{n}"))
        await world.sweep()
        before = (await world.store.get_batch()).sweep.cursors
        listed = world.store.list_in_flight

        async def away() -> Any:
            raise StoreUnavailable("the state store cannot be reached", why="it is down", fix="factory check")
            yield

        world.store.list_in_flight = away  # type: ignore[method-assign]
        assert "records" in (await world.sweep()).failed
        after = (await world.store.get_batch()).sweep.cursors
        assert before["items"] == after["items"] != ""
        world.store.list_in_flight = listed  # type: ignore[method-assign]

    run(main())


def test_a_vendor_that_asks_for_a_pause_gets_it() -> None:
    """Retry after an hour: the sweeps within that hour do not ask it; the first one afterwards does."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        world.tracker.faults["ready_items"] = [busy(after=3600)]
        for _ in range(6):
            await world.sweep(timedelta(minutes=10))
        assert world.tracker.calls["ready_items"] == 1
        assert (await world.sweep(timedelta(minutes=10))).started == 1

    run(main())


@pytest.mark.parametrize("retryable", [True, False])
def test_one_item_that_always_fails_keeps_nobody_from_being_visited(retryable: bool) -> None:
    """ACME-2 cannot be read, ever: that ACME-3 was cancelled is still found."""

    async def main() -> None:
        world = SweptWorld(capacity={"agents": 9, "perRepository": 9})
        for key in ("ACME-1", "ACME-2", "ACME-3"):
            await world.add(ticket(key))
        world.tracker.items["ACME-3"] = ticket("ACME-3", state=ItemState.CANCELLED)
        read = world.tracker.read_item

        async def poisoned(item_id: str) -> Any:
            if item_id == "ACME-2":
                raise busy() if retryable else Terminal("Linear: issue", why="broken", fix="factory check")
            return await read(item_id)

        world.tracker.read_item = poisoned  # type: ignore[method-assign]
        found = [(await world.sweep()).closed for _ in range(2)]
        assert sum(found) == 1 and await world.state("ACME-3") is State.CANCELLED

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
        await world.factory.accept(hint := world.changed(item))
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


def test_what_is_in_flight_is_listed_once_however_many_looks_there_are() -> None:
    """One pass over the records serves the items, their pull requests and their threads."""

    async def main() -> None:
        world = SweptWorld()
        await world.ask()
        listed, passes = world.store.list_in_flight, [0]

        def counting() -> Any:
            passes[0] += 1
            return listed()

        world.store.list_in_flight = counting  # type: ignore[method-assign]
        await world.sweep()
        assert passes == [1] and world.channel.calls["replies"] == 1

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


class Relay:
    """A relay with a feed of issues and pointers, and dead letters."""

    def __init__(self) -> None:
        self.feed: list[Change] = []
        self.letters = 0
        self.behind: dict[str, Event | Problem] = {}

    async def read(self, pointer: Pointer) -> tuple[Event, ...]:
        found = self.behind[pointer.path]
        if isinstance(found, Problem):
            raise found
        return (found,)

    async def changes(self, cursor: str, now: datetime) -> tuple[Change, ...]:
        if not cursor:
            return (Change(cursor=self.feed[-1].cursor),) if self.feed else ()
        return tuple(change for change in self.feed if int(change.cursor) > int(cursor))

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        asked, self.letters = min(calls, self.letters), max(0, self.letters - calls)
        return Redelivered(asked, "more" if self.letters else "")


def pointed(world: World, cursor: int, path: str) -> Change:
    return Change(cursor=str(cursor), pointers=(Pointer(path=path, event_id=path, at=world.now),))


def test_the_feed_is_read_on_from_where_it_was_left() -> None:
    """It starts with now; then each change once, poison passed over, a busy one waited for, by any process."""

    async def main() -> None:
        world = SweptWorld()
        relay = SweptWorld.reader = Relay()
        world.factory = world.new_factory("worker-2")
        thread = await world.ask()
        relay.feed.append(pointed(world, 1, "before our time"))
        await world.sweep()
        relay.feed += [pointed(world, n, path) for n, path in enumerate(("poison", "busy", "reply"), 2)]
        relay.behind = {"poison": Terminal("relayfile: file", why="no", fix="factory check"), "busy": busy()}
        relay.behind["reply"] = world.reply("Show `amount`.", thread)
        assert (await world.sweep()).answered == 0
        relay.behind["busy"] = world.reply("Somewhere else.", "C9:1.0")
        world.factory = world.new_factory("worker-3")
        assert (await world.sweep()).answered == 1
        assert await world.state() is State.RUNNING
        assert (await world.sweep()).answered == 0

    try:
        run(main())
    finally:
        SweptWorld.reader = None


def test_a_long_feed_is_read_over_several_sweeps() -> None:
    """Ten replies to look up and four calls, one of which lists: three a sweep, none twice, none lost."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 4})
        relay = SweptWorld.reader = Relay()
        relay.feed = [pointed(world, n, f"reply-{n}") for n in range(1, 12)]
        world.factory = world.new_factory("worker-2")
        world.now += LATE
        state = SweepState(at=world.now - timedelta(hours=1), cursors={"feed": "1"})
        await world.store.put_batch(Batch(sweep=state))
        read: list[str] = []

        async def reading(pointer: Pointer) -> tuple[Event, ...]:
            read.append(pointer.path)
            return ()

        relay.read = reading  # type: ignore[method-assign]
        sizes = []
        for _ in range(4):
            before = len(read)
            await world.sweep()
            sizes.append(len(read) - before)
        assert sizes == [3, 3, 3, 1] and read == [f"reply-{n}" for n in range(2, 12)]

    try:
        run(main())
    finally:
        SweptWorld.reader = None


def test_a_sweep_that_was_overtaken_keeps_its_place_to_itself() -> None:
    """It hung for longer than the interval, and another process had its turn: what that one found stands."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        other, listed = world.new_factory("worker-2"), world.tracker.ready_items

        async def hanging(*args: Any) -> Any:
            world.tracker.ready_items = listed  # type: ignore[method-assign]
            world.now += LATE
            assert await other.sweep() is not None
            return await listed(*args)

        world.tracker.ready_items = hanging  # type: ignore[method-assign]
        begun = world.now
        await world.factory.sweep()
        kept = (await world.store.get_batch()).sweep
        assert kept.at == begun + LATE and kept.report and kept.report.started == 1
        await world.settle()
        assert len(world.fleet.orders) == 1

    run(main())


def test_what_a_sender_could_not_deliver_is_asked_for_again() -> None:
    """Within the budget, the rest at the next sweep; the list begins where everything before was asked for."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 5})
        SweptWorld.reader, hook = Relay(), Hook()
        SweptWorld.reader.letters = 7
        world.target.redeliver_failed = hook.redeliver_failed  # type: ignore[attr-defined]
        world.factory = world.new_factory("worker-2")
        world.now = START
        hook.failed = 7
        reports = [await world.sweep(timedelta(minutes=20)) for _ in range(3)]
        assert [(report.redelivered, report.replayed) for report in reports] == [(5, 5), (2, 2), (0, 0)]
        after = [START + timedelta(minutes=20 * n) for n in (1, 2, 3)]
        assert hook.since == [
            after[0] - timedelta(days=3),
            after[1] - timedelta(days=3),
            after[0] - timedelta(minutes=1),  # when the walk began whose end was the second look
        ]
        assert hook.cursors == ["", "more", ""]

    try:
        run(main())
    finally:
        SweptWorld.reader = None


class Hook:
    failed = 0

    def __init__(self) -> None:
        self.since, self.cursors = list[datetime](), list[str]()

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        self.since.append(since)
        self.cursors.append(cursor)
        asked, self.failed = min(calls, self.failed), max(0, self.failed - calls)
        return Redelivered(asked, "more" if self.failed else "")


def test_the_status_says_when_it_was_and_what_it_found() -> None:
    """`Sweep: 1 started`; a source that did not answer makes it unknown, with the reason and a fix."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        await world.sweep()
        assert await line(world) == ("ok", world.now, "1 started", "")
        world.tracker.faults["ready_items"] = [busy()]
        await world.sweep()
        failed = "nothing was missed; ready did not answer: Linear cannot be reached: it answered 429"
        assert await line(world) == ("unknown", world.now, failed, "factory check")

    run(main())


async def line(world: World) -> tuple[str, datetime | None, str, str]:
    report = await overview(world.factory, world.fleet, "1")
    (found,) = (one for one in report.lines if one.name == "sweep")
    return found.status, found.last_event_at, found.note, found.fix_in_words


def test_an_unreachable_store_is_no_reason_to_start_anything() -> None:
    """Without the store nobody knows what is in flight: the sweep is not done."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        world.store.reachable = False
        with pytest.raises(Retryable):
            await world.factory.sweep()
        assert world.tracker.calls["ready_items"] == 0
        world.store.reachable = True
        assert (await world.sweep()).started == 1

    run(main())


def test_the_store_that_goes_away_in_the_middle_loses_nothing() -> None:
    """Every source fails then, nothing is started, and the next sweep finds it."""

    async def main() -> None:
        world = SweptWorld()
        world.tracker.items["ACME-1"] = ticket()
        listed = world.tracker.ready_items

        async def cut(*args: Any) -> Any:
            world.store.reachable = False
            return await listed(*args)

        world.tracker.ready_items = cut  # type: ignore[method-assign]
        with pytest.raises(Retryable):
            await world.factory.sweep()
        world.store.reachable, world.tracker.ready_items = True, listed  # type: ignore[method-assign]
        assert world.fleet.orders == {}
        assert (await world.sweep()).started == 1

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
