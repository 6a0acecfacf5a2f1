"""What was dropped is found by the product's own search within a bounded number of looks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from factory_core.dispatch.events import Event, ItemChanged, ReplyReceived
from factory_core.dispatch.records import ENDED, InFlightRecord, State, Summary
from factory_core.dispatch.transitions import transition
from factory_core.work_item import ItemState

from .acknowledged import lost
from .world import OURS, Truth

if TYPE_CHECKING:
    from .simulation import Simulation

MOST_LOOKS = 30
FOLLOWED = frozenset({State.WAITING, State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.BLOCKED})
LISTENS = frozenset({State.WAITING, State.BLOCKED, State.FAILED})
# stated anew, for the product's own lists are what is judged here


class Missed:
    """One dropped delivery. Ticks come until it is found; more than MOST_LOOKS of them are too many.

    While a vendor is away nobody can find it.
    """

    def __init__(self, simulation: Simulation, tenant: int, event: Event) -> None:
        self._simulation, self._event = simulation, event
        self._outside, self._ledger = simulation.outside[tenant], simulation.ledgers[tenant]
        about = event.work_item_id or self._outside.channel.about[getattr(event, "thread_id", "")]
        self._truth = self._outside.world.truths[about]
        self._revision, self._since = self._truth.revision, len(self._ledger.versions.get(about, ()))
        self._key, self._looks, self._since_when = about, 0, simulation.loop.time()

    def look(self) -> None:
        """Again after the time in which somebody has to search."""
        self._simulation.later(self._simulation.schedule.rules.sweeps + 1, self._see)

    def _see(self) -> None:
        if self._simulation.restores.at > self._since_when:
            return  # it may have been found, and lost again
        why = self._overlooked()
        self._looks += self._simulation.is_everybody_there()
        if why and self._looks > MOST_LOOKS:
            self._simulation.broken("found-in-time", f"{self._key}: {why}")
        elif why:
            self._simulation.check_in()
            self.look()

    def _overlooked(self) -> str:
        """What of it nobody knows yet; nothing once it is known, of no use, or overtaken by newer words."""
        event, record = self._event, self._ledger.last(self._key)
        if self._truth.lied:
            return ""
        if isinstance(event, ItemChanged):
            newer = self._truth.revision != self._revision
            return "" if newer else overlooked(self._truth, record, self._simulation)
        if isinstance(event, ReplyReceived):
            return self._unread(event, record)
        return f"{event.id} was never found" if lost(self._ledger, event, self._since) else ""

    def _unread(self, event: ReplyReceived, record: InFlightRecord | None) -> str:
        """Words in the thread of an item that would listen to them."""
        if record is None or record.state not in LISTENS or any(said.id == event.reply.id for said in record.answers):
            return ""
        if record.clarification is None or record.clarification.thread_id != event.thread_id:
            return ""
        told = event.model_copy(update={"work_item_id": self._key})
        return "an answer was never found" if transition(record, told, self._ledger.config) else ""


def overlooked(truth: Truth, record: InFlightRecord | None, simulation: Simulation) -> str:
    """What the ticket says and the record does not know."""
    item = truth.item
    if item is None:
        return ""
    if record is None or record.state is State.NEW:
        return "its ticket is ready, and nobody heard of it" if item.state is ItemState.READY else ""
    if record.state in ENDED:
        return _still_ended(truth, record, simulation)
    if record.state not in FOLLOWED:
        return ""
    if item.state not in OURS:
        return f"a person moved its ticket to {item.state}, and it is {record.state}"
    known = record.item.digest if record.item else ""
    return "its ticket was edited, and nobody heard of it" if known != Summary.of(item).digest else ""


def _still_ended(truth: Truth, record: InFlightRecord, simulation: Simulation) -> str:
    """It was reopened, unless it had ended by a stop while its ticket stayed in our columns."""
    left = record.state is State.DONE or record.tracker not in OURS
    put_back = truth.item is not None and truth.item.state is ItemState.READY and truth.reopened_at >= 0
    if not (left and put_back and record.since):
        return ""
    ago = timedelta(seconds=simulation.loop.time() - truth.reopened_at)
    before = record.since < simulation.clock() - ago - timedelta(seconds=simulation.schedule.clocks)
    return f"a person put its ticket back, and it is {record.state}" if before else ""
