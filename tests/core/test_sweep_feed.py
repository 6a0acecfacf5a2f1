"""What a relay's feed and a sender's failed deliveries still hold is read once, from where it was left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from factory_core.dispatch.batch import Batch, SweepState
from factory_core.dispatch.events import Event
from factory_core.dispatch.records import State
from factory_core.errors import PlaceUnknown, Problem, StoreUnavailable, Terminal
from factory_core.ports import Change, Pointer, Redelivered

from .swept_world import LATE, SweptWorld, busy
from .world import START, World, run

pytestmark = pytest.mark.pure


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


async def relayed() -> tuple[SweptWorld, Relay, str]:
    """A vague ticket was asked about, and the feed was looked at once; the question's thread."""
    world, relay = SweptWorld(), Relay()
    world.reader = relay
    world.factory = world.new_factory("worker-2")
    thread = await world.ask()
    relay.feed.append(pointed(world, 1, "before our time"))
    await world.sweep()
    return world, relay, thread


def test_the_feed_is_read_on_from_where_it_was_left() -> None:
    """It starts with now; then each change once, poison passed over, a busy one waited for, by any process."""

    async def main() -> None:
        world, relay, thread = await relayed()
        relay.feed += [pointed(world, n, path) for n, path in enumerate(("poison", "busy", "reply"), 2)]
        relay.behind = {"poison": Terminal("relayfile: file", why="no", fix="factory check"), "busy": busy()}
        relay.behind["reply"] = world.reply("Show `amount`.", thread)
        assert (await world.sweep()).answered == 0
        relay.behind["busy"] = world.reply("Somewhere else.", "C9:1.0")
        world.factory = world.new_factory("worker-3")
        assert (await world.sweep()).answered == 1
        assert await world.state() is State.RUNNING
        assert (await world.sweep()).answered == 0

    run(main())


@pytest.mark.parametrize("trouble", ["a token that expired", "a store that is away"])
def test_the_place_in_the_feed_lives_through(trouble: str) -> None:
    """What was said meanwhile is read when it works again."""

    async def main() -> None:
        world, relay, thread = await relayed()
        relay.feed.append(pointed(world, 2, "reply"))
        relay.behind["reply"] = world.reply("Show `amount`.", thread)
        broken: tuple[Any, str] = (relay, "changes") if "token" in trouble else (world.store, "put_in_flight")
        works = getattr(*broken)

        async def fails(*args: Any, **keywords: Any) -> Any:
            if "token" in trouble:
                raise Terminal("relayfile: 401", why="it does not know the token", fix="factory connect relayfile")
            raise StoreUnavailable("the state store cannot be reached", why="it is down", fix="factory check")

        setattr(*broken, fails)
        assert "feed" in (await world.sweep()).failed
        setattr(*broken, works)
        assert (await world.sweep()).answered == 1

    run(main())


def test_a_feed_that_does_not_know_our_place_is_read_from_now_on() -> None:
    """It is told; who waited for the old place would wait for ever."""

    async def main() -> None:
        world, relay, thread = await relayed()
        changes = relay.changes

        async def forgotten(cursor: str, now: datetime) -> tuple[Change, ...]:
            if cursor == "1":
                raise PlaceUnknown("relayfile: 410", why="it has forgotten that", fix="factory doctor relayfile")
            return await changes(cursor, now)

        relay.changes = forgotten  # type: ignore[method-assign]
        relay.feed.append(pointed(world, 2, "unheard"))
        assert "it has forgotten that" in (await world.sweep()).failed["feed"]
        await world.sweep()
        relay.feed.append(pointed(world, 3, "reply"))
        relay.behind["reply"] = world.reply("Show `amount`.", thread)
        assert (await world.sweep()).answered == 1

    run(main())


def test_a_long_feed_is_read_over_several_sweeps() -> None:
    """Ten replies to look up and four calls, one of which lists: three a sweep, none twice, none lost."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 4})
        relay = world.reader = Relay()
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

    run(main())


class Hook:
    failed = 0

    def __init__(self) -> None:
        self.since, self.cursors = list[datetime](), list[str]()

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        self.since.append(since)
        self.cursors.append(cursor)
        asked, self.failed = min(calls, self.failed), max(0, self.failed - calls)
        return Redelivered(asked, "more" if self.failed else "")


def test_what_a_sender_could_not_deliver_is_asked_for_again() -> None:
    """Within the budget, the rest at the next sweep; the list begins where everything before was asked for."""

    async def main() -> None:
        world = SweptWorld(sweep={"calls": 5})
        world.reader, hook = Relay(), Hook()
        world.reader.letters = 7
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

    run(main())
