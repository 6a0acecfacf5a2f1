"""What one tenant's store holds and held; at every write the laws look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.capacity import Limits
from factory_core.dispatch.events import AbortRequested, Event, ReplyReceived, StopRequested
from factory_core.dispatch.records import ENDED, ClarificationRecord, InFlightRecord, State

from .batch_laws import exceeded, overtaken
from .gaps import too_many_looks
from .words import REST, Words
from .world import BUSY, REFUSAL
from .write_laws import WRITE_LAWS, Saved, strange_to

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

STOP_ORDERS = (StopRequested, AbortRequested)
STORED = ("records", "forgotten", "threads", "owners", "ended_at", "batch", "torn", "planned", "failing")
"""What a ledger knows of the store, but the history of its records."""


class Ledger:
    """The records of a tenant as they were stored, in the order in which they were."""

    def __init__(self, simulation: Simulation, tenant: int) -> None:
        self._simulation, self.tenant = simulation, tenant
        self.outside = simulation.outside[tenant]
        self.config = simulation.configs[tenant]
        self.records: dict[str, InFlightRecord] = {}
        self.versions: dict[str, list[InFlightRecord]] = {}
        self._written: dict[str, list[float]] = {}  # when each version was
        self.forgotten: dict[str, InFlightRecord] = {}
        self.threads: dict[str, ClarificationRecord] = {}
        self.owners: dict[str, str] = {}  # thread → the item whose thread it is, or was until it was closed
        self.ended_at: dict[str, float] = {}  # by item, in seconds since the schedule began
        self.batch = Batch()
        self._looks: list[tuple[float, int]] = []  # after a gap: when how many were stored in the last minute
        self.torn: set[str] = set()  # items of which a save was lost whose batch was stored
        self.planned: set[str] = set()  # every key that was ever stored
        self.failing: dict[str, datetime] = {}  # key of an effect → when its first failure was stored
        self._lost: dict[str, Counter[State]] = {}  # by item: what it became, and a restore lost
        truths = self.outside.world.truths
        stale = any(fault.kind == "stale" for fault in simulation.schedule.faults)
        self.words = Words(self.versions, truths, stale=stale)
        self._priorities = {key: truth.plan.priority for key, truth in truths.items()}

    def saved(
        self, after: InFlightRecord, batch: Batch | None, thread: ClarificationRecord | None, process: Process
    ) -> None:
        item = after.work_item_id
        if batch is not None:
            self.batched(batch.model_copy(update={"version": batch.version + 1}))
        if thread is not None:
            self.kept(thread)
        self.forgotten.pop(item, None)
        before = self.records.get(item) or InFlightRecord(work_item_id=item)
        self.records[item] = after
        if after.state in ENDED and before.state is not after.state:
            self.ended_at[item] = self._simulation.loop.time()
        self.versions.setdefault(item, []).append(after)
        self._written.setdefault(item, []).append(self._simulation.loop.time())
        for planned in after.outbox:
            self.planned.update((planned.key, planned.run_id))
            if planned.why == BUSY:
                self._simulation.pauses.written(self.tenant, planned.key)
        self.words.plan(before, after)
        self._simulation.wrote(self.tenant, before, after, process)
        if _is_remembrance(before, after, process.clock()):
            self._forgotten(item, before)
            return
        write = Saved(before, after, process, self)
        for law in WRITE_LAWS:
            why = law(write)
            if why:
                self._simulation.broken(_name(law), f"{item}: {why}")

    def backup(self) -> Callable[[], None]:
        """What puts back all that is known of the store, as the store itself is."""
        kept, words = {name: copy(vars(self)[name]) for name in STORED}, self.words.backup()
        written = {item: len(known) for item, known in self.versions.items()}

        def put_back() -> None:
            became = {item: self.became(item) for item in self.versions}
            vars(self).update(kept)
            words()
            self._lost, self._looks = {}, []
            for item, known in self.versions.items():
                del known[written.get(item, 0) :], self._written[item][written.get(item, 0) :]
            self._lost = {item: became[item] - self.became(item) for item in self.versions}

        return put_back

    def deleted(self, item: str) -> None:
        gone = self.records.pop(item, None)
        self._simulation.tell(self.tenant, item, "its record is forgotten")
        if gone:
            self._forgotten(item, gone)

    def _forgotten(self, item: str, gone: InFlightRecord) -> None:
        self.forgotten[item] = gone
        if gone.state not in ENDED and gone.state is not State.NEW:
            self._simulation.broken("forgets-only-what-ended", f"{item} was forgotten while it was {gone.state}")

    def last(self, item: str) -> InFlightRecord | None:
        """Its record, or the one that was forgotten when it had ended."""
        return self.forgotten.get(item) or self.records.get(item)

    def concerns(self, event: Event) -> str:
        """Whose event it is: a reply's is the item that waits in its thread."""
        if event.identity or event.work_item_id or not isinstance(event, ReplyReceived):
            return event.identity or event.work_item_id
        thread = self.threads.get(event.thread_id)
        is_open = thread is not None and thread.deadline > self._simulation.clock()
        return (thread.work_item_id if thread and is_open else "") or ""

    def begun_at(self, item: str) -> float:
        """When its state last stopped being new or ended, in seconds since the schedule began."""
        pairs = pairwise([(InFlightRecord(work_item_id=item), 0.0), *self.seen(item)])
        return max(
            (when for (was, _), (now, when) in pairs if was.state in REST and now.state not in REST), default=0.0
        )

    def was_stopped(self, item: str) -> bool:
        """Was it a person's order, or the answer that it is to be closed, by which it was cancelled last?"""
        pairs = pairwise([InFlightRecord(work_item_id=item), *self.versions.get(item, ())])
        ends = [pair for pair in pairs if pair[1].state is State.CANCELLED is not pair[0].state]
        orders = [event for event in self._simulation.post.events.values() if _stops(event)]
        return bool(ends) and any(ends[-1][1].knows(event) and not ends[-1][0].knows(event) for event in orders)

    def became(self, item: str) -> Counter[State]:
        """How often it came into each state, or was blocked for another reason."""
        was = [(record.state, record.block) for record in self.versions.get(item, ())]
        became = Counter(after[0] for before, after in pairwise([(State.NEW, None), *was]) if before != after)
        return became + self._lost.get(item, Counter())

    def seen(self, item: str) -> Iterator[tuple[InFlightRecord, float]]:
        """Every version, and when it was written, in seconds since the schedule began."""
        return zip(self.versions.get(item, ()), self._written.get(item, ()), strict=True)

    def knows_session(self, item: str, session: str) -> bool:
        """Not if a restore lost it: nobody tells of it again."""
        return self._simulation.restores.at < 0 or any(known.session_id == session for known in self.versions[item])

    def kept(self, thread: ClarificationRecord) -> None:
        self.threads[thread.thread_id] = thread
        if strange := strange_to(self.tenant, thread):
            self._simulation.broken("tenants-are-apart", f"the thread {thread.thread_id} holds {strange}")
        if thread.work_item_id:
            self.owners[thread.thread_id] = thread.work_item_id

    def batched(self, batch: Batch) -> None:
        if batch.version != self.batch.version + 1:
            self._simulation.broken(
                "version-grows-by-one", f"the batch went from {self.batch.version} to {batch.version}"
            )
        begun, again = self.batch.sweep.at, batch.sweep.at
        if begun and again and begun != again and abs(again - begun) < self.config.sweep.every:
            self._simulation.broken("search-keeps-its-interval", f"a look began {again - begun} after the one before")
        for why in exceeded(batch, self.config.capacity):
            self._simulation.broken("capacity", why)
        for why in overtaken(self.batch, batch, Limits.of(self.config), self._priorities, self._simulation.clock()):
            self._simulation.broken("line-keeps-its-order", why)
        self._count_money(batch)
        now, most = self._simulation.loop.time(), self.config.sweep.looks_per_minute
        if why := too_many_looks(self.batch.catch_up, batch.catch_up, most, self._looks, now):
            self._simulation.broken("looks-keep-their-pace", why)
        self.batch = batch
        self._simulation.batched(batch)
        if batch.sweep.not_before:
            self._simulation.pauses.of_looks_written(self.tenant)

    def _count_money(self, batch: Batch) -> None:
        """Today's sum and what is reserved, together, never pass the budget of the day, and the sum never falls."""
        before, after = self.batch.spending, batch.spending
        daily = Decimal(str(self.config.budget.daily))
        if after.day != before.day:
            self.outside.fleet.day_began = self._simulation.loop.time()
        elif after.usd < before.usd:
            self._simulation.broken("daily-budget-is-kept", f"today's sum fell from ${before.usd} to ${after.usd}")
        if after.usd + after.reserved > daily:
            counted = f"${after.usd} are spent and ${after.reserved} reserved"
            self._simulation.broken("daily-budget-is-kept", f"{counted} of ${daily}")


def _is_remembrance(before: InFlightRecord, after: InFlightRecord, now: datetime) -> bool:
    """Is it forgotten, but for what it has spent? Nothing else that is new waits for more than a day."""
    ordered = any(planned.effect.kind == "forget_item" for planned in before.outbox)
    lasts = after.deadline is not None and after.deadline - now > timedelta(days=1)
    wiped = after.state is State.NEW and not (after.outbox or after.log)
    return wiped and (lasts or (ordered and before.state in REST))


def _name(law: Callable[[Saved], str]) -> str:
    return law.__name__.replace("_", "-")


def _stops(event: Event) -> bool:
    return isinstance(event, STOP_ORDERS) or (isinstance(event, ReplyReceived) and event.reply.text == REFUSAL)
