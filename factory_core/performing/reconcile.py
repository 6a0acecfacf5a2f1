"""What nobody told us: the vendors are asked at a low rate, and what they show becomes ordinary events.

Nothing is decided here. An event that the machine would ignore costs no write, and one that comes late after all finds
its work begun: so nothing is started twice. Each source has its own budget of calls, and its own failures.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch.batch import Batch, SweepReport, SweepState
from ..dispatch.events import Event, ItemChanged, ItemStranded, PullRequestChanged, ReplyReceived
from ..dispatch.following import is_news
from ..dispatch.pull_request import PullRequest
from ..dispatch.records import OURS, InFlightRecord, State, Summary, short
from ..dispatch.transitions import transition
from ..errors import ConnectionLost, PlaceUnknown, Problem, UnreadableRecord
from ..ports import (
    BegunItems,
    ChangeFeed,
    ClarificationChannel,
    Clock,
    OutputTarget,
    Pointer,
    PointerReader,
    ReadyItems,
    Redelivery,
    StateStore,
    ThreadReplies,
    WorkItemProvider,
)
from ..work_item import WorkItem
from .connections import Connections
from .cursors import begin, is_walk, reach
from .finding import record_of
from .retries import wanted_pause
from .visits import ANSWERABLE, visits

logger = logging.getLogger("factory.sweep")
PAGE = 50  # ready items
PAGE_BEGUN = 20  # items in progress, each with its history
PULL_REQUEST_CALLS = 4  # itself, its reviews, its checks and its statuses
PATIENCE = 60.0  # seconds for one source
REDELIVERABLE = timedelta(days=3)
OVERDUE = timedelta(minutes=30)  # beyond the longest run; then whatever ran is over
LAG = timedelta(minutes=1)  # what happened may be listed so long afterwards


class Sources(NamedTuple):
    """Who is asked. What a port cannot do (ReadyItems, BegunItems, …) is not asked of it."""

    tracker: WorkItemProvider
    channel: ClarificationChannel
    target: OutputTarget
    reader: PointerReader | None = None


SOURCES = {
    "ready": "intent_provider", "begun": "intent_provider", "items": "intent_provider",
    "pull-requests": "output_target", "threads": "clarification_channel", "feed": "relay",
}  # fmt: skip
"""The key of the configuration that names the vendor, of the looks that surely ask it something."""


class Asked(NamedTuple):
    """What one look took. `ended`: it came to the end of its list; `began`: when the walk through that began."""

    calls: int
    ended: bool
    began: datetime | None
    cursors: Mapping[str, str]  # where the list is read on


class Sweep:
    """One look at everything, from where the last one came to."""

    def __init__(
        self,
        sources: Sources,
        store: StateStore,
        config: FactoryConfig,
        clock: Clock,
        accept: Callable[[Event], Awaitable[None]],
        connections: Connections,
        begun: Batch,
    ) -> None:
        self._sources, self._store, self._config, self._clock, self._accept = sources, store, config, clock, accept
        self._connections, self._lost, self._state = connections, begun.lost, begun.sweep
        self._cursors, self._not_before = dict(begun.sweep.cursors), dict(begun.sweep.not_before)
        self._found: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        self._left = 0
        self._visits: Mapping[str, list[str]] | None = None
        self._known = frozenset[str]()  # empty while nobody has listed the records: then each is looked up

    async def run(self) -> AsyncIterator[SweepState]:
        """Ask every source, and say after each how far we came; one that fails stops none of the others."""
        await self._tried("records", self._list_visits)
        for name, look in self._looks().items():
            if self._not_before.get(name, self._clock()) <= self._clock():
                self._left = self._config.sweep.calls
                await self._tried(name, look)
                yield self._reached(None)
        report = SweepReport(**self._found, failed=self._failed)
        logger.info("sweep: %s", report_words(report), extra={"action": "sweep", **self._found})
        yield self._reached(report)

    def lists(self) -> frozenset[str]:
        """The names of the looks that these sources can serve."""
        return frozenset(self._looks())

    async def ask(self, name: str, calls: int) -> Asked:
        """One look alone, with at most so many calls. Raises what the source raises."""
        self._left = calls
        async with asyncio.timeout(PATIENCE):
            await self._looks()[name]()
        mine = {key: value for key, value in self._cursors.items() if key.partition(" ")[0] == name}
        began = mine.get(f"{name} begun") or mine.get(f"{name} looked")
        ended = self._left > 0 or (bool(began) and not mine[name])
        return Asked(calls - self._left, ended, datetime.fromisoformat(began) if began else None, mine)

    async def read_thread(self, item_id: str) -> None:
        """Find what was said in the item's thread, if an answer would move it. Raises what the channel raises."""
        channel = self._sources.channel
        if isinstance(channel, ThreadReplies):
            async with asyncio.timeout(PATIENCE):
                await self._read_thread(channel, item_id)

    def _reached(self, report: SweepReport | None) -> SweepState:
        reached = {"cursors": dict(self._cursors), "not_before": dict(self._not_before), "report": report}
        return self._state.model_copy(update=reached)

    def _looks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Every look that these sources can serve."""
        tracker, channel, target, reader = self._sources
        looks: dict[str, Callable[[], Awaitable[None]]] = {}
        if isinstance(tracker, ReadyItems):
            looks["ready"] = lambda: self._start_ready(tracker)
        if isinstance(tracker, BegunItems):
            looks["begun"] = lambda: self._take_up_stranded(tracker)
        looks["items"] = lambda: self._each("items", self._follow_item)
        looks["pull-requests"] = lambda: self._each("pull-requests", self._follow_pull_request, PULL_REQUEST_CALLS)
        if isinstance(channel, ThreadReplies):
            looks["threads"] = lambda: self._each("threads", partial(self._read_thread, channel))
        if isinstance(target, Redelivery):
            looks["deliveries"] = lambda: self._redeliver("deliveries", target, "redelivered")
        if isinstance(reader, Redelivery):
            looks["dead-letters"] = lambda: self._redeliver("dead-letters", reader, "replayed")
        if reader is not None and isinstance(reader, ChangeFeed):
            looks["feed"] = lambda: self._read_feed(reader, reader)
        return looks

    async def _tried(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        """A source that asks for a pause gets it; a walk that it will never go on with begins anew.

        A lost connection is no failure of the search: it is noted where all see it, and passed over.
        """
        self._not_before.pop(name, None)
        try:
            async with asyncio.timeout(PATIENCE):
                await look()
            await self._note_answer(name)
        except TimeoutError:
            self._note_failure(name, f"no answer within {PATIENCE:.0f} s")
        except ConnectionLost as lost:
            await self._connections.lost(lost.provider, lost.why)
        except Problem as problem:
            self._note_failure(name, f"{problem.what}: {problem.why}")
            pause = wanted_pause(problem, self._config.runner)
            if pause:
                self._not_before[name] = self._clock() + pause
            if isinstance(problem, PlaceUnknown) or (not problem.retryable and is_walk(self._cursors, name)):
                self._cursors.pop(name, None)

    async def _note_answer(self, name: str) -> None:
        provider = getattr(self._config, SOURCES[name]) if name in SOURCES else ""
        if provider in self._lost and self._left < self._config.sweep.calls:
            await self._connections.works(provider)

    def _note_failure(self, name: str, why: str) -> None:
        if name not in self._failed:
            logger.warning("sweep of %s: %s", name, why, extra={"action": "sweep"})
        self._failed.setdefault(name, why[:300])

    def _spend(self, calls: int = 1) -> bool:
        """May we ask once more?"""
        if self._left < calls:
            return False
        self._left -= calls
        self._found["calls"] += calls
        return True

    async def _start_ready(self, tracker: ReadyItems) -> None:
        """Page by page, over several sweeps if there are many. What has a record costs nothing more, unless that says
        that the item left our hands: then a person reopened it.

        Only what changed while we surely still remember all that ended, or since we last looked: an item that was given
        up, and forgotten, and is ready still, is not started once more.
        """
        place, looked = begin(self._cursors, "ready", self._clock())
        remembered = self._clock() - self._config.runner.keep_finished / 2
        since = min(remembered, looked) if looked else remembered
        while self._spend():
            page = await tracker.ready_items(since, place, PAGE)
            for item in page.items:
                await self._isolated("ready", item.key, self._start_if_news(item))
            place = reach(self._cursors, "ready", page.cursor)
            if not place:
                return

    async def _start_if_news(self, item: WorkItem) -> None:
        event = self._changed(item.id, item)
        record = await record_of(self._store, event)
        if self._sources.tracker.is_ready_for_dispatch(item) and is_news(record, item):
            await self._give(event, "started")

    async def _take_up_stranded(self, tracker: BegunItems) -> None:
        """What the factory put in progress and has no record of. A record that cannot be read is one.

        Not what did not change for so long that its record may have been forgotten, as of a ticket that was stopped.
        """
        place, _ = begin(self._cursors, "begun", self._clock())
        before = self._clock() - self._config.agents.max_duration - OVERDUE
        forgotten = self._clock() - self._config.runner.keep_finished
        while self._spend():
            page = await tracker.begun_items(before, place, PAGE_BEGUN)
            for item in page.items:
                if item.id not in self._known and (item.updated_at or before) > forgotten:
                    stranded = ItemStranded(
                        id=f"stranded:{item.id}@{item.updated_at}", work_item_id=item.id, at=self._clock(), item=item,
                        identity=item.id, aliases=(item.key, *item.former_keys),
                    )  # fmt: skip
                    await self._isolated("begun", item.key, self._give(stranded, "resumed"))
            place = reach(self._cursors, "begun", page.cursor)
            if not place:
                return

    async def _follow_item(self, item_id: str) -> None:
        item = await self._sources.tracker.read_item(item_id)
        ended = item is None or item.state not in OURS
        await self._give(self._changed(item_id, item), "closed" if ended else "changed")

    async def _follow_pull_request(self, item_id: str) -> None:
        """Of a blocked item; in review it is read by the item's own deadline."""
        record = await self._store.get_in_flight(item_id)
        known = record.pull_request if record else None
        if known is None:
            return
        read = await self._sources.target.read_pull_request(known.repository, known.number)
        if read is None or _shows(read) == _shows(known):
            return
        event_id = f"sweep:{read.repository}#{read.number}@{short(repr(_shows(read)))}"
        event = PullRequestChanged(id=event_id, work_item_id=item_id, at=self._clock(), what="sweep")
        await self._give(event, "changed" if read.state == "open" else "closed")

    async def _read_thread(self, channel: ThreadReplies, item_id: str) -> None:
        """Of an item that an answer would move."""
        record = await self._store.get_in_flight(item_id)
        asked = record.clarification if record and record.state in ANSWERABLE else None
        if record is None or asked is None or not asked.thread_id:  # asked anew, its thread may not be open yet
            return
        known = {answer.id for answer in record.answers}
        for event in await channel.replies(asked.thread_id):
            if event.reply.id not in known:
                told = event.model_copy(update={"work_item_id": item_id, "at": self._clock()})
                await self._give(told, "answered")

    async def _redeliver(self, name: str, sender: Redelivery, word: str) -> None:
        """What failed since the last time; a part that was left over is asked for with the next sweep."""
        place, looked = begin(self._cursors, name, self._clock())
        earliest = self._clock() - REDELIVERABLE
        since = max(looked - LAG, earliest) if looked else earliest
        done = await sender.redeliver_failed(since, place, self._left)
        self._spend(min(1 + done.asked, self._left))
        self._found[word] += done.asked
        reach(self._cursors, name, done.cursor)

    async def _read_feed(self, feed: ChangeFeed, reader: PointerReader) -> None:
        """From where we stopped. New items are left to the list of ready ones, where the tracker has such a list."""
        lists = isinstance(self._sources.tracker, ReadyItems)
        while self._spend():
            changes = await feed.changes(self._cursors.get("feed", ""), self._clock())
            for change in changes:
                if self._left < len(change.pointers):
                    return
                for event in change.events:
                    await self._isolated("feed", event.work_item_id, self._read_event(event, lists))
                for pointer in change.pointers:
                    self._spend()
                    await self._isolated("feed", pointer.path, self._read_pointer(reader, pointer))
                self._cursors["feed"] = change.cursor
            if len(changes) < 2:
                return

    async def _read_event(self, event: Event, lists: bool) -> None:
        if not (lists and (await record_of(self._store, event)).state is State.NEW):
            await self._give(event, "changed")

    async def _read_pointer(self, reader: PointerReader, pointer: Pointer) -> None:
        for event in await reader.read(pointer):
            await self._give(event, "answered" if isinstance(event, ReplyReceived) else "changed")

    async def _give(self, event: Event, word: str) -> None:
        """Hand it to the factory if it means something."""
        record = await self._record_of(event)
        decided = transition(record, event, self._config) if record else None
        if record is None or decided is not None:
            await self._accept(event)
            self._found[word] += decided is not None and decided.record.state is not State.NEW

    async def _record_of(self, event: Event) -> InFlightRecord | None:
        """None for a reply in a thread that is not known, or not yet."""
        if isinstance(event, ReplyReceived) and not (event.work_item_id or event.identity):
            known = await self._store.get_waiting_clarification(event.thread_id)
            if not (known and known.work_item_id):
                return None
            event = event.model_copy(update={"work_item_id": known.work_item_id})
        return await record_of(self._store, event)

    async def _list_visits(self) -> None:
        self._visits, self._known, unreadable = await visits(self._store)
        if unreadable:
            raise unreadable

    async def _each(self, name: str, visit: Callable[[str], Awaitable[None]], calls: int = 1) -> None:
        """Visit the items that have a key, in its order, from where the last sweep's calls were used up.

        The cursor moves first: one that always fails keeps nobody else from being visited.
        """
        if self._visits is None:  # nobody knows whom to visit, so the place is kept
            return
        keys = self._visits.get(name, [])
        for key in keys[bisect_right(keys, self._cursors.get(name, "")) :]:
            if not self._spend(min(calls, self._config.sweep.calls)):
                return
            self._cursors[name] = key
            item_id = key.rpartition("\n")[2]
            await self._isolated(name, item_id, visit(item_id))
        self._cursors[name] = ""

    async def _isolated(self, name: str, of: str, work: Awaitable[None]) -> None:
        """What does not work for one item is noted, and the next one has its turn; what is away is away for all, and
        the place in its list is kept."""
        try:
            await work
        except Problem as problem:
            if problem.retryable and not isinstance(problem, UnreadableRecord):
                raise
            self._note_failure(name, f"{of}: {problem.what}: {problem.why}")
        except Exception as error:  # a fault of ours is this item's alone
            logger.exception("sweep of %s", name, extra={"action": "sweep"})
            self._note_failure(name, f"{of}: {type(error).__name__}")

    def _changed(self, item_id: str, item: WorkItem | None) -> ItemChanged:
        """Its id says what is seen, so that the same sight twice is one event; what is gone shows nothing."""
        seen = f"{item.state}:{Summary.of(item).digest}:{item.updated_at}" if item else f"gone:{self._state.at}"
        event = ItemChanged(id=f"sweep:{item_id}@{seen}", work_item_id=item_id, at=self._clock(), item=item)
        known = {"identity": item.id, "aliases": item.former_keys} if item else {}
        return event.model_copy(update=known)


def report_words(report: SweepReport) -> str:
    """`2 started, 1 answered`; what failed last."""
    counts = report.model_dump(exclude={"calls", "failed"})
    found = [f"{count} {word}" for word, count in counts.items() if count]
    failed = [f"{name} did not answer: {why}" for name, why in report.failed.items()]
    return "; ".join([", ".join(found) or "nothing was missed", *failed])


def _shows(pull: PullRequest) -> tuple[object, ...]:
    """What of a pull request the machine judges by, as far as a record keeps it."""
    checks = tuple((check.name, check.status, check.conclusion) for check in pull.checks or ())[:50]
    reviews = tuple((review.id, review.state) for review in pull.reviews or ())[-50:]
    return (pull.state, pull.merged, pull.draft, pull.mergeable, pull.head_sha, checks, reviews)
