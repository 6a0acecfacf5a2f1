"""A world whose vendors may refuse the factory's credentials, and tickets that live through that.

Time passes in ticks; what people and agents do, they do as soon as there is something to do it with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from factory_core.dispatch.events import ReplyReceived
from factory_core.dispatch.pull_request import PullRequest, Review
from factory_core.dispatch.records import ENDED, InFlightRecord
from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import ConnectionLost
from factory_core.performing.event_recorder import LeaseHolder
from factory_core.performing.perform import EffectHandlers, RuleTriager
from factory_core.runs.run import RunStatus
from factory_core.work_item import WorkItem
from factory_simulator.recording_ports import RecordingChannel, RecordingFleet, RecordingTarget, RecordingTracker
from tests.core.world import Process, World, process_of, ticket

TICK = timedelta(minutes=20)
WHY = "it answered 401: the token is not accepted"
VENDORS = {"tracker": "linear", "channel": "slack", "target": "github"}


class Vendors:
    """Who refuses the credential now, and who was asked meanwhile. `next_dies`: the next one that is asked refuses it
    from then on. `lets_through`: so many calls are good before it is lost again."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.lets_through = 0
        self.refusals: list[str] = []
        self.next_dies = False
        self.died_at: datetime | None = None

    def asked(self, vendor: str, now: datetime) -> None:
        if self.next_dies:
            self.next_dies, self.died_at = False, now
            self.lost.add(vendor)
        if vendor in self.lost and self.lets_through:
            self.lets_through -= 1
        elif vendor in self.lost:
            self.refusals.append(vendor)
            raise ConnectionLost(vendor, WHY)


def refusing(port: Any, vendors: Vendors, clock: Callable[[], datetime]) -> Any:
    """The port, which asks before each call whether its vendor still knows us."""
    called, vendor = port._called, VENDORS[port._provider]

    def asking(call: str) -> None:
        vendors.asked(vendor, clock())
        called(call)

    port._called = asking
    return port


class PushingFleet(RecordingFleet):
    """Its pushes go to the code host, with the same credential."""

    def __init__(self, clock: Callable[[], datetime], vendors: Vendors) -> None:
        super().__init__(clock)
        self._vendors = vendors

    async def publish(self, run_id: str) -> str:
        self._vendors.asked("github", self._clock())
        return await super().publish(run_id)


class SayingTarget(RecordingTarget):
    """A code host that refuses the next merges in these words."""

    def __init__(self, *says: str) -> None:
        super().__init__()
        self.says = list(says)

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        if self.says:
            self._called("merge")
            return self.says.pop(0)
        return await super().merge(pull_request, sha, method)


class RevokedWorld(World):
    """See the module. `loses_at`: the kind of the effect over which a credential is found to be lost. `says`: what the
    code host answers to the first merges."""

    def __init__(self, loses_at: str = "", says: Sequence[str] = (), **changes: Any) -> None:
        self.vendors, self.loses_at, self.says = Vendors(), loses_at, says
        super().__init__(**changes)

    def new_factory(self, holder: str) -> Process:
        self.tracker = refusing(RecordingTracker(), self.vendors, self.clock)
        self.channel = refusing(RecordingChannel(), self.vendors, self.clock)
        self.target = refusing(SayingTarget(*self.says), self.vendors, self.clock)
        self.fleet = PushingFleet(self.clock, self.vendors)
        return self.process(holder)

    def process(self, holder: str) -> Process:
        """Another process over the same store and vendors."""
        handlers = EffectHandlers(
            self.config, self.store, self.clock, tracker=self.tracker, channel=self.channel, target=self.target,
            fleet=self.fleet, triager=RuleTriager(self.config), template=StandardTask(self.config),
        )  # fmt: skip

        async def perform(record: InFlightRecord, planned: Any) -> Any:
            if planned.effect.kind == self.loses_at and self.vendors.died_at is None:
                self.vendors.next_dies = True
            return await handlers(record, planned)

        leases = LeaseHolder(holder, self.woken.append)
        return process_of(self.config, self.store, perform, self.clock, leases, self.sources())

    async def records(self) -> list[InFlightRecord]:
        return sorted([one async for one in self.store.list_in_flight()], key=lambda one: one.work_item_id)

    async def waiting(self) -> list[str]:
        """The kinds of what waits for a credential."""
        return sorted(
            planned.effect.kind for record in await self.records() for planned in record.outbox if planned.lost
        )

    async def end(self) -> dict[str, Any]:
        """All that is left when nothing more happens: what people see, and what it cost."""
        return {
            "records": [
                (one.key, one.state, one.attempt, one.round, one.block, one.outbox, one.answers and one.answers[0].text)
                for one in await self.records()
            ],
            "tickets": {key: item.state for key, item in self.tracker.items.items()},
            "comments": sorted(_timeless(body) for _, body in self.tracker.comments.values()),
            "links": self.tracker.links,
            "plans": self.tracker.plans,
            "sessions": {
                name: (last.kind, _timeless(last.text))
                for name, entries in self.tracker.activities.items()
                for last in [list(entries.values())[-1]]
            },
            "queue": self.target.queue,
            "reviews": self.target.requested,
            "threads": {name: [_timeless(text) for text in said] for name, said in self.channel.threads.items()},
            "pulls": [(pull.branch, pull.state, pull.merged) for pull in self.target.pull_requests.values()],
            "armed": self.target.armed,
            "runs": [(order.work_item_id, order.resume != "") for order in self.fleet.orders.values()],
            "slots": (await self.store.get_batch()).slots,
            "lost": (await self.store.get_batch()).lost,
        }


def _timeless(text: str) -> str:
    return re.sub(r"\d+ (s|min|h|d)( \d\d?)?( h)?|\d\d:\d\d", "…", text)


class Move(NamedTuple):
    """What somebody does as soon as `when` is true; the credentials do not matter to people."""

    when: Callable[[RevokedWorld], bool]
    act: Callable[[RevokedWorld], Any]


async def live(world: RevokedWorld, moves: Sequence[Move], away: timedelta, item: WorkItem | None = None) -> None:
    """A ticket from its first webhook to its end, and until nothing is to be done any more.

    What dies heals when it has been away for so long.
    """
    left = list(moves)
    first = item or ticket()
    world.tracker.items[first.id] = first
    await world.hear(world.changed(first).model_copy(update={"session_id": "session-1"}))
    for _ in range(int((away + timedelta(days=2)) / TICK)):
        if world.vendors.died_at and world.now - world.vendors.died_at >= away:
            world.vendors.lost.clear()
        if left and left[0].when(world):
            await left.pop(0).act(world)
        await world.later(TICK)
        records = await world.records()
        if not left and all(one.state in ENDED and not one.outbox for one in records):
            return
    raise AssertionError(
        f"it does not end: {left}, {[(one.key, one.state, one.outbox) for one in await world.records()]}"
    )


def answers(text: str, after: int = 1) -> Move:
    """A person answers in the thread when so much was said there."""

    async def act(world: RevokedWorld) -> None:
        reply: ReplyReceived = world.reply(text)
        await world.hear(reply)

    return Move(lambda world: len(world.channel.threads.get("C1:1.0", ())) >= after, act)


def agent_ends() -> Move:
    async def act(world: RevokedWorld) -> None:
        await world.agent_ends(RunStatus.SUCCEEDED)

    return Move(lambda world: bool(world.fleet.live), act)


def edits(**changes: Any) -> Move:
    """The reporter edits the ticket while the agent works."""

    async def act(world: RevokedWorld) -> None:
        world.tracker.items["ACME-1"] = world.tracker.items["ACME-1"].model_copy(update=changes)
        await world.hear(world.changed(world.tracker.items["ACME-1"]))

    return Move(lambda world: bool(world.fleet.live), act)


def checks(red: bool = False) -> Move:
    """The checks of the newest pull request end."""

    async def act(world: RevokedWorld) -> None:
        number = max(world.target.pull_requests)
        (world.target.red if red else world.target.green)(number)
        await world.hear(world.pull())

    return Move(lambda world: bool(world.target.pull_requests) and not world.fleet.live, act)


def queue_merges() -> Move:
    """The merge queue is done with the pull request."""

    async def act(world: RevokedWorld) -> None:
        world.target.change(1, merged=True, state="closed")
        await world.hear(world.pull(what="pull_request.closed"))

    return Move(lambda world: bool(world.target.queue), act)


def app_reviews(app: str) -> Move:
    """The app that was asked has read the head."""

    async def act(world: RevokedWorld) -> None:
        head = world.target.pull_requests[1].head_sha
        world.target.review(1, Review(id="r-1", author=app, state="commented", commit=head, standing="app"))
        await world.hear(world.pull(what="pull_request_review.submitted"))

    return Move(lambda world: bool(world.target.requested), act)
