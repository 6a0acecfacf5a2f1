"""Who the search for missed events may ask, as one process sees them, and what one look may cost.

Either the vendors list and show what they have, or a relay tells again: so that each way is searched alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from factory_core.dispatch.batch import SweepReport
from factory_core.dispatch.events import Event, ItemChanged, ReplyReceived
from factory_core.dispatch.pull_request import PullRequest
from factory_core.dispatch.records import ENDED, State
from factory_core.performing.reconcile import Sources
from factory_core.ports import Change, ItemPage, Pointer, Redelivered
from factory_core.work_item import WorkItem

if TYPE_CHECKING:
    from .process import Process


class Look:
    """One check-in of a process: what its search asked, and what it gave to the factory."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.asked: Counter[str] = Counter()
        self.given: Counter[str] = Counter()
        self.most = 0  # calls of a source, where more than those of one search are allowed


LOOK: ContextVar[Look | None] = ContextVar("LOOK", default=None)


class Searcher:
    """The laws of the search of one tenant in one process."""

    def __init__(self, process: Process, tenant: int) -> None:
        self._simulation, self._tenant = process.simulation, tenant
        self._calls = process.simulation.configs[tenant].sweep.calls
        self._looks = process.simulation.configs[tenant].sweep.looks_per_minute

    def asks(self, source: str, calls: int = 1) -> None:
        look = LOOK.get()
        if look is None:
            return
        look.asked[source] += calls
        state = self._simulation.ledgers[self._tenant].batch.catch_up
        if state and state.laps:
            look.most = self._looks + 2 * self._calls  # the last one may take several, and the search follows
        if look.asked[source] > max(look.most, self._calls):
            why = f"{source} was asked {look.asked[source]} times in one look, and may be {look.most} times"
            self._simulation.broken("search-keeps-its-budget", why)

    async def give(self, accept: Callable[[Event], Any], event: Event) -> None:
        """Hand an event over, and count it if a look found it."""
        look = LOOK.get()
        starts = look is not None and self._starts(event)
        await accept(event)
        if look is not None and self._is_for_an_item(event):
            look.given["started" if starts else "other"] += 1

    def reported(self, report: SweepReport | None) -> None:
        look = LOOK.get()
        if look is None or report is None:
            return
        found = report.started + report.answered + report.resumed + report.closed + report.changed
        if found != look.given.total() or report.started > look.given["started"]:
            why = f"a look reports {found}, {report.started} of them started, and gave {dict(look.given)}"
            self._simulation.broken("search-counts-what-it-found", why)

    def _is_for_an_item(self, event: Event) -> bool:
        """A reply in a thread that nobody knows yet is kept, and not counted."""
        if not isinstance(event, ReplyReceived) or event.work_item_id:
            return True
        known = self._simulation.ledgers[self._tenant].threads.get(event.thread_id)
        return known is not None and known.work_item_id is not None

    def _starts(self, event: Event) -> bool:
        """Does the look begin an item with it? It may, if nobody knows it, or a person touched what had ended."""
        if not isinstance(event, ItemChanged) or self._simulation.schedule.rules.relay:
            return False
        ledger, look = self._simulation.ledgers[self._tenant], LOOK.get()
        record = ledger.records.get(event.work_item_id)
        if record is None or record.state is State.NEW:
            return True
        if record.state not in ENDED:
            return look is not None and ledger.begun_at(event.work_item_id) > look.began  # a webhook was faster
        truth = self._simulation.outside[self._tenant].world.truths[event.work_item_id]
        ended = ledger.ended_at.get(event.work_item_id, 0.0)
        meanwhile = look is not None and ended > look.began  # a fresh read decides, as always
        if truth.touched_at < ended - self._simulation.schedule.clocks and not truth.lied and not meanwhile:
            why = f"{event.work_item_id} is {record.state}, and nobody touched its ticket since"
            self._simulation.broken("search-starts-only-news", why)
        return True


class _Asked:
    """A vendor of whom one source of the search is made."""

    def __init__(self, port: Any, searcher: Searcher) -> None:
        self._port, self._searcher = port, searcher


class Tracker(_Asked):
    async def read_item(self, item_id: str) -> WorkItem | None:
        self._searcher.asks("items")
        read: WorkItem | None = await self._port.read_item(item_id)
        return read

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        ready: bool = self._port.is_ready_for_dispatch(item)
        return ready


class ListingTracker(Tracker):
    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        self._searcher.asks("ready")
        page: ItemPage = await self._port.ready_items(since, cursor, limit)
        return page

    async def begun_items(self, before: datetime, cursor: str, limit: int) -> ItemPage:
        self._searcher.asks("begun")
        page: ItemPage = await self._port.begun_items(before, cursor, limit)
        return page


class ShowingChannel(_Asked):
    async def replies(self, thread_id: str) -> Sequence[ReplyReceived]:
        self._searcher.asks("threads")
        said: Sequence[ReplyReceived] = await self._port.replies(thread_id)
        return said


class Target(_Asked):
    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        self._searcher.asks("pull-requests")
        read: PullRequest | None = await self._port.read_pull_request(repository, number)
        return read


class Redelivering(_Asked):
    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        self._searcher.asks(f"{type(self).__name__}.redeliver_failed", calls)
        done: Redelivered = await self._port.redeliver_failed(since, cursor, calls)
        return done


class RedeliveringTarget(Target, Redelivering):
    """A code host that lists what it could not deliver."""


class Relay(Redelivering):
    async def read(self, pointer: Pointer) -> tuple[Event, ...]:
        self._searcher.asks("feed")
        events: tuple[Event, ...] = await self._port.read(pointer)
        return events

    async def changes(self, cursor: str, now: datetime) -> Sequence[Change]:
        self._searcher.asks("feed")
        changes: Sequence[Change] = await self._port.changes(cursor, now)
        return changes


def sources(searcher: Searcher, tracker: Any, channel: Any, target: Any, relay: Any | None) -> Sources:
    """With a relay the vendors only answer single questions; without one they list and show."""
    found: tuple[Any, ...] = (
        (Tracker(tracker, searcher), _Asked(channel, searcher), Target(target, searcher), Relay(relay, searcher))
        if relay is not None
        else (
            ListingTracker(tracker, searcher), ShowingChannel(channel, searcher),
            RedeliveringTarget(target, searcher), None,
        )
    )  # fmt: skip
    return Sources(*found)
