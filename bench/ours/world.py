"""A factory over a SQLite file, with the outside world in memory, so that nothing but the factory is measured."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from adapters.providers.linear.webhook import LinearWebhook
from adapters.registry import config_model
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.events import Event, ItemChanged, PullRequestChanged, Reply, ReplyReceived
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.task_template import StandardTask
from factory_core.intake.intake import Intake
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.perform import EffectHandlers, RuleTriager
from factory_core.ports import Thread
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState, Source, WorkItem
from factory_simulator.recording_ports import RecordingChannel, RecordingFleet, RecordingTarget, RecordingTracker

from ..workload import ANSWER, DESCRIPTION, SECRET, TICKET

TENANT = "bench"
CONFIG = config_model().model_validate(
    {
        "tenant": TENANT,
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "repositories": {"acme/shop": {}},
        "routing": {"default": "acme/shop"},
        "capacity": {"agents": 1000, "perRepository": 1000, "perState": {"in-review": 1000}},
        "merge": {"policy": "on-green", "requiredChecks": ["ci"]},
        "agents": {"engine": "console"},
    }
)


def now() -> datetime:
    return datetime.now(UTC)


class Channel(RecordingChannel):
    """Remembers by item where the factory asked, as a person who sees the question knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.thread_of: dict[str, str] = {}

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        thread = await super().open_thread(title, body, key)
        self.thread_of[title.partition(":")[0]] = thread.thread_id
        return thread


class World:
    """`file` counts the commits; what people and vendors do, the methods play."""

    def __init__(self, path: Path) -> None:
        create_file(path)
        self.file = SqliteFile(path)
        self.store = SqliteStateStore(self.file, TENANT, now)
        self.tracker, self.channel, self.target = RecordingTracker(), Channel(), RecordingTarget()
        self.fleet = RecordingFleet(now)
        self._woken: dict[str, list[InFlightRecord]] = {}
        handlers = EffectHandlers(
            CONFIG, self.store, now, tracker=self.tracker, channel=self.channel, target=self.target, fleet=self.fleet,
            triager=RuleTriager(CONFIG), template=StandardTask(CONFIG),
        )  # fmt: skip
        self.recorder = EventRecorder(self.store, CONFIG, now, redact=str, holder=LeaseHolder("b", self._wake))
        self.intake = Intake(self.recorder, {"linear": LinearWebhook((SECRET,), CONFIG)})
        self.performer = EffectPerformer(self.recorder, handlers)

    def _wake(self, record: InFlightRecord) -> None:
        self._woken.setdefault(record.work_item_id, []).append(record)

    async def hear(self, event: Event, key: str) -> None:
        """The event, and everything that follows from it."""
        await self.recorder.accept(event)
        await self.perform(key)

    async def perform(self, key: str) -> None:
        while self._woken.get(key):
            await self.performer.perform(self._woken[key].pop())
        self._woken.pop(key, None)

    async def record(self, key: str) -> InFlightRecord:
        found = await self.store.get_in_flight(key)
        assert found is not None
        return found

    async def start(self, key: str) -> str:
        """A vague ticket becomes ready; the thread in which the factory asked."""
        source = Source(provider="linear", external_id=key)
        item = WorkItem(
            id=key, key=key, title=TICKET["title"], description=DESCRIPTION, state=ItemState.READY, source=source
        )
        self.tracker.items[key] = item
        await self.hear(ItemChanged(id=f"i{key}", work_item_id=key, at=now(), item=item), key)
        return self.channel.thread_of[key]

    async def answer(self, key: str, thread: str, text: str) -> None:
        """Found by the thread alone, as a webhook of the chat has it."""
        said = Reply(id=f"r{key}", author="U1", text=text, at=now())
        await self.hear(ReplyReceived(id=said.id, at=now(), thread_id=thread, reply=said), key)

    async def call_off(self, key: str, thread: str) -> None:
        """The person closes the ticket and says so: the end of the wait is the end of the item."""
        known = self.tracker.items.pop(key)
        self.tracker.items[key] = known.model_copy(update={"state": ItemState.CANCELLED})
        await self.answer(key, thread, ANSWER)

    async def peers_lifecycle(self, key: str) -> None:
        """Start, a durable wait for a person, resumed by its key, end."""
        await self.call_off(key, await self.start(key))

    async def ticket(self, key: str) -> None:
        """Ready, asked, answered, an agent's run, a pull request, merged, done."""
        await self.answer(key, await self.start(key), "Show `amount` in src/cart.py.")
        run = next(run_id for run_id in self.fleet.live if self.fleet.orders[run_id].work_item_id == key)
        await self.recorder.finished(self.fleet.end(run, RunStatus.SUCCEEDED))
        await self.perform(key)
        pull = next(p for p in self.target.pull_requests.values() if p.branch.startswith(f"factory/{key}-"))
        self.target.green(pull.number)
        await self.hear(PullRequestChanged(id=f"g{key}", work_item_id=key, at=now(), what="check"), key)

    async def ended(self, key: str, state: State = State.CANCELLED) -> None:
        """Look, when nothing is timed any more, whether it is all over."""
        record = await self.record(key)
        assert record.state is state and not record.outbox, record
