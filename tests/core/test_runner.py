"""The runner's laws: one write an event, one an effect, nothing lost by a crash, nothing done twice, fenced holders."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from factory_core.dispatch.effects import ReleaseSlot
from factory_core.dispatch.events import AgentFinished
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Retryable, Terminal, VersionConflict
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState

from .world import Crash, World, crashing, run, ticket

pytestmark = pytest.mark.pure

STORY = ["issue", "reply", "agent", "green"]


async def tell(world: World, chapter: str) -> None:
    """One thing that happens outside; said again after a crash, as a sender's retry would."""
    if chapter == "issue":
        world.tracker.items.setdefault("ACME-1", ticket(title="Cart is off", description="Please look."))
        await world.factory.recorder.accept(
            world.changed(world.tracker.items["ACME-1"]).model_copy(update={"id": "issue"})
        )
    elif chapter == "reply":
        await world.factory.recorder.accept(world.reply("Show `amount` in the cart page.", ts="reply"))
    elif chapter == "agent":
        for run_id in world.fleet.live:
            world.fleet.end(run_id, RunStatus.SUCCEEDED)
        for report in world.fleet.reports.values():
            await world.factory.recorder.finished(report)
    elif chapter == "green":
        if 1 in world.target.pull_requests and not world.target.pull_requests[1].merged:
            world.target.green(1)
        await world.factory.recorder.accept(world.pull().model_copy(update={"id": "green"}))


async def survive(world: World, owner: Any, call: str, after: bool, nth: int) -> bool:
    """Tell the story, die once at the nth `call`, go on as a new process; was there an nth call?"""
    dying = DyingAt(owner, call, after, nth)
    for chapter in STORY:
        for attempt in range(3):
            try:
                await tell(world, chapter)
                await world.settle()
                break
            except Crash:
                world.woken.clear()
                world.factory = world.new_factory(f"worker-{attempt + 2}")
                await world.later(timedelta(seconds=61))
        for _ in range(4):
            await world.later(timedelta(seconds=61))
    return dying.fired


class DyingAt:
    """Replaces `owner.call` by one that dies at its nth turn, once."""

    def __init__(self, owner: Any, call: str, after: bool, nth: int) -> None:
        self.fired, self._left, self._after = False, nth, after
        self._original: Callable[..., Awaitable[Any]] = getattr(owner, call)
        setattr(owner, call, self._call)

    async def _call(self, *args: Any, **keywords: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            self.fired = True
            raise Crash
        result = await self._original(*args, **keywords)
        if self._left == 0:
            self.fired = True
            raise Crash
        return result


CALLS = [
    ("store", "put_in_flight"),
    ("tracker", "read_item"),
    ("tracker", "set_state"),
    ("tracker", "post_comment"),
    ("channel", "open_thread"),
    ("channel", "reply"),
    ("fleet", "start"),
    ("fleet", "publish"),
    ("target", "open_pull_request"),
    ("target", "read_pull_request"),
    ("target", "merge"),
]


@pytest.mark.parametrize(("port", "call"), CALLS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_write_or_call_loses_nothing_and_does_nothing_twice(port: str, call: str, after: bool) -> None:
    """Die before or after the nth call of every port, for every n: the item still ends done, each thing once."""

    async def main() -> None:
        for nth in range(1, 40):
            world = World()
            fired = await survive(world, getattr(world, port), call, after, nth)
            record = await world.record()
            assert record.state is State.DONE, (nth, record.state, record.outbox)
            assert record.outbox == () and not record.lease.holder
            assert len(world.fleet.orders) == 1 and len(world.channel.threads) == 1
            assert len(world.target.pull_requests) == 1 and len(world.target.merges) == 1
            assert [text.partition(":")[0] for text in world.said()] == ["Ready for review", "Merged"]
            assert (await world.store.get_batch()).slots == {}
            if not fired:
                return
        raise AssertionError("the story has too many steps")

    run(main())


def test_one_write_per_event_and_at_most_one_per_effect() -> None:
    """Every event that means something is one put; what touches only the store costs none; a repeated event none."""

    async def main() -> None:
        world = World()
        puts = _counted(world)
        event = world.changed(ticket())
        world.tracker.items["ACME-1"] = ticket()
        await world.factory.recorder.accept(event)
        assert puts() == 1
        await world.settle()
        assert puts() == 4  # the event; triage and slot; start; the ticket's state
        assert (await world.record()).planned == 4
        before = puts()
        await world.hear(event, event)
        assert puts() == before

    run(main())


@pytest.mark.parametrize("ended", [RunStatus.NO_CHANGE, RunStatus.FAILED, RunStatus.ASKED, RunStatus.SUCCEEDED])
def test_a_slot_goes_by_an_order_in_the_write_that_ends_the_work(ended: RunStatus) -> None:
    """No record that was ever saved is at work without its slot, or rests with one that nobody is to give back."""

    async def main() -> None:
        world = World(agents={"maxAttempts": 1})
        put, seen = world.store.put_in_flight, list[tuple[State, bool, bool]]()

        async def watched(*args: Any, **keywords: Any) -> InFlightRecord:
            saved = await put(*args, **keywords)
            leaves = any(isinstance(planned.effect, ReleaseSlot) for planned in saved.outbox)
            seen.append((saved.state, "ACME-1" in (await world.store.get_batch()).slots, leaves))
            return saved

        world.store.put_in_flight = watched  # type: ignore[method-assign]
        await world.add(ticket())
        await world.agent_ends(ended)
        if ended is RunStatus.SUCCEEDED:
            world.target.green(1)
            await world.hear(world.pull())
        rests = {State.TRIAGING, State.QUEUED, State.WAITING, State.BLOCKED, State.DONE}
        assert {state for state, held, leaves in seen if not held or leaves} <= rests
        assert not {state for state, held, leaves in seen if held and not leaves} & rests
        assert await world.state() in {State.WAITING, State.BLOCKED, State.DONE}

    run(main())


def _counted(world: World) -> Callable[[], int]:
    original, count = world.store.put_in_flight, [0]

    async def counting(*args: Any, **keywords: Any) -> InFlightRecord:
        saved = await original(*args, **keywords)
        count[0] += 1
        return saved

    world.store.put_in_flight = counting  # type: ignore[method-assign]
    return lambda: count[0]


@pytest.mark.parametrize("seed", range(20))
def test_any_interleaving_of_repeated_events_and_two_workers_does_everything_once(seed: int) -> None:
    """Fifty deliveries of one ready ticket at once, over two processes: one run, one pull request, one summary."""

    async def main() -> None:
        chance, world = random.Random(seed), World()
        workers = [world.factory, world.new_factory("worker-2")]
        world.tracker.items["ACME-1"] = ticket()
        same = world.changed(ticket())

        async def deliver() -> None:
            await asyncio.sleep(chance.random() / 1000)
            await chance.choice(workers).recorder.accept(same)
            while world.woken:
                await chance.choice(workers).performer.perform(world.woken.pop(chance.randrange(len(world.woken))))

        await asyncio.gather(*(deliver() for _ in range(50)))
        await world.settle()
        assert len(world.fleet.orders) == 1 and world.fleet.calls["start"] == 1
        await world.agent_ends()
        world.target.green(1)
        green = world.pull()
        await asyncio.gather(*(worker.recorder.accept(green) for worker in workers for _ in range(3)))
        await world.settle()
        assert world.target.merges == [(1, "sha1")] and len(world.said()) == 2

    run(main())


@pytest.mark.parametrize("over", [False, True], ids=["at-work", "over"])
@pytest.mark.parametrize(("port", "call"), [("tracker", "read_item"), ("fleet", "start")])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_paused_worker_that_comes_back_cannot_write(port: str, call: str, after: bool, over: bool) -> None:
    """It stands still in an effect until another of its name has taken over, or is done: its save is fenced."""

    async def main() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        held = Held(getattr(world, port), call, after)
        await world.factory.recorder.accept(world.changed(ticket()))
        paused = asyncio.create_task(world.settle())
        await held.reached.wait()
        lost = (await world.record()).lease
        world.factory = world.new_factory(lost.holder)
        other = Held(getattr(world, port), call, after)
        taking_over = asyncio.create_task(world.later(timedelta(seconds=61)))
        await other.reached.wait()
        if over:
            other.go.set()
            await taking_over
        current = await world.record()
        assert current.lease.epoch > lost.epoch and bool(current.lease.holder) is not over
        held.go.set()
        await paused
        assert await world.record() == current
        other.go.set()
        await taking_over
        assert (await world.state(), len(world.fleet.orders), world.fleet.live) == (
            State.RUNNING,
            1,
            [*world.fleet.orders],
        )

    run(main())


class Held:
    """The first `owner.call` stands still, before or after it acts, until `go`."""

    def __init__(self, owner: Any, call: str, after: bool) -> None:
        self.reached, self.go, self._after = asyncio.Event(), asyncio.Event(), after
        self._original: Callable[..., Awaitable[Any]] = getattr(owner, call)
        setattr(owner, call, self._call)

    async def _call(self, *args: Any) -> Any:
        first = not self.reached.is_set()
        self.reached.set()
        if first and not self._after:
            await self.go.wait()
        result = await self._original(*args)
        if first and self._after:
            await self.go.wait()
        return result


def test_the_vendors_delay_is_kept_and_a_sick_item_delays_nobody() -> None:
    """429 with Retry-After 5 on one item: the others go on, it is tried again after 5 s and not before."""

    async def main() -> None:
        world = World(capacity={"agents": 5, "perRepository": 5})
        busy = Retryable("Linear cannot be reached", why="429", fix="factory check", after=5)
        world.tracker.faults["read_item"] = [busy]
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        assert (await world.state("ACME-1"), await world.state("ACME-2")) == (State.TRIAGING, State.RUNNING)
        await world.later(timedelta(seconds=4))
        assert await world.state("ACME-1") is State.TRIAGING
        await world.later(timedelta(seconds=3.6))  # up to half of the delay is added
        assert await world.state("ACME-1") is State.RUNNING

    run(main())


def test_a_vendor_that_never_comes_back_is_given_up_after_a_day_and_not_after_an_hour() -> None:
    """An outage parks nothing before `give_up_after`; the pauses grow, so that a day costs a few hundred calls."""

    async def main() -> None:
        world = World()
        down = Retryable("GitHub cannot be reached", why="it answered 500", fix="factory check")
        await world.add(ticket())
        world.fleet.faults["publish"] = [down] * 1000
        await world.agent_ends()
        for _ in range(11):
            await world.later(timedelta(minutes=6))
        assert await world.state() is State.IN_REVIEW
        for _ in range(240):
            await world.later(timedelta(minutes=6))
        record = await world.record()
        assert record.state is State.BLOCKED and record.block and "it answered 500" in record.block.why
        assert world.fleet.calls["publish"] < 300

    run(main())


def test_a_worker_that_dies_over_the_same_effect_each_time_is_an_attempt_each_time() -> None:
    """A lease that was never given back counts: the poison item is parked, the process is not killed for ever."""

    async def main() -> None:
        world = World(runner={"maxAttempts": 3})
        world.tracker.items["ACME-1"] = ticket()
        for number in range(6):
            with crashing(world.tracker, "read_item", after=False):
                try:
                    if number == 0:
                        await world.factory.recorder.accept(world.changed(ticket()))
                    await world.settle()
                except Crash:
                    world.woken.clear()
            world.factory = world.new_factory(f"worker-{number + 2}")
            world.now += timedelta(seconds=61)
            try:
                await world.factory.performer.check_in()
            except Crash:
                world.woken.clear()
        await world.settle()
        assert await world.state() is State.BLOCKED

    run(main())


def test_a_process_that_is_killed_every_few_seconds_parks_nothing() -> None:
    """For two minutes: each death over an order makes its next try later, and it is done when the killing ends."""

    async def main() -> None:
        world = World(runner={"lease": "5s", "effectTimeout": "2s"})
        world.tracker.items["ACME-1"] = ticket()
        started = world.changed(ticket())
        for number in range(18):
            with crashing(world.tracker, "read_item", after=False):
                await killed(
                    world,
                    world.factory.performer.check_in if number else partial(world.factory.recorder.accept, started),
                )
            world.factory = world.new_factory(f"worker-{number}")
            world.now += timedelta(seconds=7)
        record = await world.record()
        assert record.state is State.TRIAGING and 1 < record.outbox[0].faults < 8
        world.factory = world.new_factory("worker-at-last")
        for _ in range(3):
            await world.later(timedelta(minutes=1))
        assert await world.state() is State.RUNNING

    run(main())


def test_an_answer_shows_that_an_order_kills_nobody() -> None:
    """Deaths count in a row: an order that a vendor answered in between is no poison."""

    async def main() -> None:
        world = World(runner={"maxAttempts": 2})
        world.tracker.items["ACME-1"] = ticket()
        busy = Retryable("Linear cannot be reached", why="500", fix="factory check")
        for number in range(5):
            with crashing(world.tracker, "read_item", after=False):
                await killed(world, partial(world.factory.recorder.accept, world.changed(ticket())))
            world.factory = world.new_factory(f"worker-{number}")
            world.tracker.faults["read_item"] = [busy]
            await world.later(timedelta(seconds=61))
        assert (await world.record()).outbox[0].faults == 0
        await world.later(timedelta(minutes=5))
        assert await world.state() is State.RUNNING

    run(main())


async def killed(world: World, act: Callable[[], Awaitable[object]]) -> None:
    """The process dies over what it does, if it comes to it."""
    try:
        await act()
        await world.settle()
    except Crash:
        world.woken.clear()


def test_what_cannot_be_said_does_not_stop_the_work() -> None:
    """A comment that the tracker refuses is noted; the item is done all the same."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        await world.agent_ends()
        world.target.green(1)
        world.tracker.faults["post_comment"] = [Terminal("Linear: comment", why="no right to", fix="factory check")]
        await world.hear(world.pull())
        record = await world.record()
        assert record.state is State.DONE and any("post comment did not work" in entry.text for entry in record.log)

    run(main())


def test_a_fault_of_our_own_is_an_attempt_like_any_other() -> None:
    """An exception that nobody foresaw loses nothing."""

    async def main() -> None:
        world = World()
        world.tracker.items["ACME-1"] = ticket()
        with Failing(world.tracker, "read_item", ZeroDivisionError()):
            await world.hear(world.changed(ticket()))
        assert await world.state() is State.TRIAGING
        await world.later(timedelta(seconds=2))
        assert await world.state() is State.RUNNING

    run(main())


class Failing:
    """`owner.call` raises this while the block runs."""

    def __init__(self, owner: Any, call: str, error: Exception) -> None:
        self._owner, self._call, self._error, self._original = owner, call, error, getattr(owner, call)

    def __enter__(self) -> None:
        async def failing(*args: Any, **keywords: Any) -> Any:
            raise self._error

        setattr(self._owner, self._call, failing)

    def __exit__(self, *_: object) -> None:
        setattr(self._owner, self._call, self._original)


def test_the_first_end_of_a_run_counts() -> None:
    """The same end told once more changes nothing."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        await world.agent_ends()
        settled = await world.record()
        await world.factory.recorder.finished(world.fleet.reports[run_id])
        assert await world.record() == settled

    run(main())


def test_a_zombies_report_ends_no_later_try() -> None:
    """The first try failed and the second is at work: what the first says now, or any other, changes nothing."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        (first,) = world.fleet.live
        await world.agent_ends(RunStatus.FAILED)
        await world.later(timedelta(seconds=61))
        at_work = await world.record()
        assert (at_work.state, at_work.attempt) == (State.RUNNING, 2)
        for zombie in (first, "another"):
            late = world.fleet.reports[first].model_copy(update={"run_id": zombie, "status": RunStatus.SUCCEEDED})
            await world.hear(AgentFinished(id=zombie, work_item_id="ACME-1", at=world.now, report=late))
            assert await world.record() == at_work

    run(main())


def test_an_agent_that_never_starts_and_one_that_vanished_are_found() -> None:
    """Accepted and never launched, or lost: found by looking, tried again, then a person."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        world.fleet.reports.clear()
        await world.later(timedelta(minutes=11))
        assert await world.state() is State.DISPATCHING
        await world.later(timedelta(seconds=61))
        assert await world.state() is State.RUNNING and len(world.fleet.orders) == 2
        world.fleet.reports.clear()
        await world.later(timedelta(minutes=11))
        assert await world.state() is State.BLOCKED and "Stopped after 2 tries" in world.said()[-1]
        assert (await world.store.get_batch()).slots == {} and len(world.fleet.orders) == 2

    run(main())


def test_an_unreachable_store_is_never_an_empty_one() -> None:
    """No store: the event is refused, so that the sender comes again; nothing is started."""

    async def main() -> None:
        world = World()
        world.store.reachable = False
        with pytest.raises(Retryable):
            await world.factory.recorder.accept(world.changed(ticket()))
        assert world.fleet.orders == {} and world.woken == []

    run(main())


def test_a_person_who_takes_the_ticket_back_just_before_the_start_wins() -> None:
    """The start reads the item afresh: nothing is spent on what is no longer wanted."""

    async def main() -> None:
        world = World(capacity={"agents": 1})
        await world.add(ticket("ACME-1"))
        await world.add(ticket("ACME-2"))
        assert await world.state("ACME-2") is State.QUEUED
        world.tracker.items["ACME-2"] = ticket("ACME-2", state=ItemState.CANCELLED)
        await world.agent_ends()
        assert await world.state("ACME-2") is State.CANCELLED and len(world.fleet.orders) == 1

    run(main())


def test_a_forgotten_item_that_heard_something_meanwhile_is_not_forgotten() -> None:
    """Deleting is conditional on the version: an event that came in between is kept."""

    async def main() -> None:
        world = World()
        await world.add(ticket())
        stale = await world.record()
        await world.hear(world.comment("One more thing."))
        with pytest.raises(VersionConflict):
            await world.store.delete_in_flight("ACME-1", stale.version)

    run(main())
