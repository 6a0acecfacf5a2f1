"""A whole factory in memory with a clock that stands still, for tests that state laws of the core."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from adapters.registry import config_model
from adapters.stores.memory.state_store import InMemoryStateStore
from factory_core.config import FactoryConfig
from factory_core.dispatch.events import CommentAdded, Event, ItemChanged, PullRequestChanged, Reply, ReplyReceived
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.task_template import StandardTask
from factory_core.intake.intake import Intake
from factory_core.overview import Observed
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.outcomes import PerformEffect
from factory_core.performing.perform import EffectHandlers, RuleTriager
from factory_core.performing.reconcile import Sources
from factory_core.ports import Clock, StateStore, Webhook
from factory_core.runs.run import RunStatus
from factory_core.text.redaction import Redact
from factory_core.work_item import ItemState, Source, WorkItem
from factory_simulator.recording_ports import RecordingChannel, RecordingFleet, RecordingTarget, RecordingTracker

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CLEAR = (
    "The cart shows `total` where the API says `amount`. Rename it in `shop/cart.py` and in the page.\n\n"
    "Acceptance criteria:\n- [ ] `amount` is shown in the cart\n- [ ] the old name is gone, and a test says so\n"
)


def config_of(**changes: Any) -> FactoryConfig:
    """The configuration of the tests: one repository by project, merging on green."""
    document: dict[str, Any] = {
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "repositories": {"acme/shop": {}, "acme/api": {}},
        "routing": {"byProject": {"Shop": "acme/shop", "API": "acme/api"}},
        "agents": {"engine": "console"},
        "merge": {"policy": "on-green", "requiredChecks": ["ci"]},
    }
    for key, value in changes.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    return config_model().model_validate(document)


def ticket(key: str = "ACME-1", **changes: Any) -> WorkItem:
    fields: dict[str, Any] = {
        "id": key, "key": key, "title": "Rename total to amount", "description": CLEAR, "state": ItemState.READY,
        "project": "Shop", "reporter": "Maya Chen", "reporter_id": "maya",
        "source": Source(provider="linear", external_id=f"uuid-{key}"),
    }  # fmt: skip
    return WorkItem(**{**fields, **changes})


class Crash(BaseException):
    """The process dies: nothing catches it."""


class Process(NamedTuple):
    """What one process has of a tenant."""

    recorder: EventRecorder
    intake: Intake
    performer: EffectPerformer

    @property
    def observed(self) -> Observed:
        return Observed(self.recorder, self.intake.contacts, self.performer.checked_in_at)


def process_of(
    config: FactoryConfig,
    store: StateStore,
    perform_effect: PerformEffect,
    clock: Clock,
    holder: LeaseHolder,
    sources: Sources | None = None,
    *,
    webhooks: Mapping[str, Webhook] = {},
    redact: Redact = str,
) -> Process:
    recorder = EventRecorder(store, config, clock, redact=redact, holder=holder)
    return Process(recorder, Intake(recorder, webhooks), EffectPerformer(recorder, perform_effect, sources=sources))


class World:
    """Ports, store, clock, and the factory over them. `settle()` performs until nothing is due."""

    def __init__(self, redact: Redact = str, **changes: Any) -> None:
        self.now, self._redact = START, redact
        self.config = config_of(**changes)
        self.store = InMemoryStateStore(self.clock)
        self.tracker, self.channel, self.target = RecordingTracker(), RecordingChannel(), RecordingTarget()
        self.fleet = RecordingFleet(self.clock)
        self.woken: list[InFlightRecord] = []
        self.factory = self.new_factory("worker-1")
        self._count = 0

    def clock(self) -> datetime:
        return self.now

    def new_factory(self, holder: str) -> Process:
        """Another process over the same store and world."""
        handlers = EffectHandlers(
            self.config, self.store, self.clock, tracker=self.tracker, channel=self.channel, target=self.target,
            fleet=self.fleet, triager=RuleTriager(self.config), template=StandardTask(self.config),
        )  # fmt: skip
        leases = LeaseHolder(holder, self.woken.append)
        return process_of(self.config, self.store, handlers, self.clock, leases, self.sources(), redact=self._redact)

    def sources(self) -> Sources | None:
        """Who is asked for missed events: nobody."""
        return None

    def fresh_id(self) -> str:
        self._count += 1
        return f"event-{self._count}"

    async def hear(self, *events: Event) -> None:
        """Events come in, and everything that follows at once is done."""
        for event in events:
            await self.factory.recorder.accept(event)
        await self.settle()

    async def settle(self) -> None:
        while self.woken:
            await self.factory.performer.perform(self.woken.pop(0))

    async def later(self, span: timedelta) -> None:
        """Time passes, the clock ticks, and what was due is done."""
        self.now += span
        await self.factory.performer.check_in()
        await self.settle()

    async def add(self, item: WorkItem) -> None:
        self.tracker.items[item.id] = item
        await self.hear(self.changed(item))

    def changed(self, item: WorkItem | None, key: str = "") -> ItemChanged:
        return ItemChanged(id=self.fresh_id(), work_item_id=item.id if item else key, at=self.now, item=item)

    def reply(
        self, text: str, thread: str = "C1:1.0", author: str = "U1", item: str = "", ts: str = "", **how: Any
    ) -> ReplyReceived:
        """`how`: what else is known of the reply, such as its attachments."""
        said = Reply(id=ts or self.fresh_id(), author=author, text=text, at=self.now, **how)
        return ReplyReceived(id=said.id, work_item_id=item, at=self.now, thread_id=thread, reply=said)

    def comment(self, text: str, author: str = "maya", key: str = "ACME-1", **how: Any) -> CommentAdded:
        said = Reply(id=self.fresh_id(), author=author, text=text, at=self.now, **how)
        return CommentAdded(id=said.id, work_item_id=key, at=self.now, reply=said)

    def pull(self, key: str = "ACME-1", what: str = "check_run.completed") -> PullRequestChanged:
        return PullRequestChanged(id=self.fresh_id(), work_item_id=key, at=self.now, what=what)

    async def agent_ends(self, status: RunStatus = RunStatus.SUCCEEDED, **changes: Any) -> None:
        """The one live run ends, and the fleet says so."""
        (run_id,) = self.fleet.live
        await self.factory.recorder.finished(self.fleet.end(run_id, status, **changes))
        await self.settle()

    async def record(self, key: str = "ACME-1") -> InFlightRecord:
        found = await self.store.get_in_flight(key)
        assert found is not None, f"no record of {key}"
        return found

    async def state(self, key: str = "ACME-1") -> State:
        return (await self.record(key)).state

    async def is_forgotten(self, key: str) -> bool:
        """Nothing is known of it but, for a while, what it has spent."""
        record = await self.store.get_in_flight(key)
        return record is None or (record.state is State.NEW and record.log == () and record.run is None)

    def said(self, key: str = "ACME-1") -> list[str]:
        return [body for item, body in self.tracker.comments.values() if item == key]


@contextmanager
def crashing(owner: Any, call: str, *, after: bool) -> Iterator[None]:
    """The process dies once, just before or just after `owner.call` acts."""
    original, armed = getattr(owner, call), [True]

    async def dying(*args: Any, **keywords: Any) -> Any:
        if armed and not after:
            armed.clear()
            raise Crash
        result = await original(*args, **keywords)
        if armed:
            armed.clear()
            raise Crash
        return result

    setattr(owner, call, dying)
    try:
        yield
    finally:
        setattr(owner, call, original)


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)
