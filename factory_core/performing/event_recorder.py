"""⑥ An event becomes a saved decision: load → decide → claim if due → one conditional write (conflict: again)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch.batch import Batch
from ..dispatch.ending import outgrown
from ..dispatch.events import Event, ReplyReceived, RetryRequested, SlotOffered, ThreadMoved
from ..dispatch.records import ClarificationRecord, InFlightRecord
from ..dispatch.replies import early, may_ever_answer
from ..dispatch.transitions import decide
from ..errors import RecordTooLarge, UnreadableRecord, VersionConflict
from ..ports import Clock, StateStore
from ..runs.run import RunReport
from ..signatures import REMEMBERED
from ..text.redaction import Redact, redacted
from .bounded_store import BoundedStore
from .connections import Connections
from .finding import record_of
from .gaps import Gaps
from .lease import claim, freed
from .outcomes import begun, ended

logger = logging.getLogger("factory.runner")


class LeaseHolder(NamedTuple):
    """A process that performs effects: its name in leases.

    `wake` must see to it that EffectPerformer.perform() runs for the record it is given, soon and without making the
    caller wait. `is_gone` says of another holder that it certainly died.
    """

    name: str
    wake: Callable[[InFlightRecord], None]
    is_gone: Callable[[str], bool] = lambda other: False


class Accepted(NamedTuple):
    """`claimed`: the lease is ours, and whatever recorded it must see to it that it is performed."""

    record: InFlightRecord
    claimed: bool


class EventRecorder:
    """Decides what an event of one tenant means, and saves it. Nothing is stored but through `redact`.

    Without a `holder` what is due is left to another process: the record is saved with its lease free.
    """

    def __init__(
        self,
        store: StateStore,
        config: FactoryConfig,
        clock: Clock,
        *,
        redact: Redact,
        holder: LeaseHolder | None = None,
    ) -> None:
        self.store = BoundedStore(store, config, clock)
        self.config, self.clock, self.redact, self.holder = config, clock, redact, holder
        self.gaps = Gaps(self.store, clock)
        self.connections = Connections(self.store, config, clock, self.gaps)

    async def accept(self, event: Event) -> None:
        """Save what happened. A reply is given to the item whose thread it is in, or kept until the thread is known."""
        if isinstance(event, ThreadMoved) and not event.work_item_id:
            await self._move_threads(event)
            return
        if isinstance(event, ReplyReceived) and event.session_id and not (event.work_item_id or event.identity):
            shows = await self.store.get_in_flight(f"session:{event.session_id}")
            event = event.model_copy(update={"work_item_id": shows.work_item_id}) if shows else event
        while isinstance(event, ReplyReceived) and not (event.work_item_id or event.identity):
            known = await self.store.get_waiting_clarification(event.thread_id)
            if known and known.work_item_id:
                event = event.model_copy(update={"work_item_id": known.work_item_id})
            elif await self._kept(event, known):
                return
        await self.record_and_wake(event)

    async def knows_run(self, work_item_id: str, run_id: str) -> bool:
        """Not where the store was put back to a backup from before it. What cannot be read may know it."""
        try:
            record = await self.store.get_in_flight(work_item_id)
        except UnreadableRecord:
            return True
        return record is not None and record.knows_run(run_id)

    async def began(self, report: RunReport) -> None:
        """A fleet's first word of a run that it had only accepted; if it is lost, the next look at the run finds it."""
        await self.accept(begun(report, self.clock()))

    async def finished(self, report: RunReport) -> None:
        """A fleet's word that a run ended."""
        await self.accept(ended(report, self.clock()))

    async def record(self, event: Event) -> Accepted:
        """Save the event's meaning in one conditional write, or in none if it changes nothing."""
        event = redacted(event, self.redact)
        while True:
            before = await record_of(self.store, event)
            decided = decide(before, event, self.config) if before.work_item_id else None
            if decided is None:
                return Accepted(before, False)
            claimed = self._claimed(decided)
            try:
                saved = await self.put(claimed or self._freed(decided), retried=isinstance(event, RetryRequested))
            except VersionConflict:
                continue
            log_move(event.id, before, saved)
            return Accepted(saved, claimed is not None)

    async def record_and_wake(self, event: Event) -> InFlightRecord:
        """record(), and have the effects performed by whatever the host wakes for that."""
        record, claimed = await self.record(event)
        if claimed and self.holder:
            self.holder.wake(record)
        return record

    async def claim(self, work_item_id: str) -> InFlightRecord | None:
        """Take the item's lease for what is due; None when nothing is, or somebody else has it."""
        while True:
            record = await self.store.get_in_flight(work_item_id) or InFlightRecord(work_item_id=work_item_id)
            claimed = self._claimed(record)
            if claimed is None:
                return None
            try:
                return await self.put(claimed)
            except VersionConflict:
                continue

    def _claimed(self, record: InFlightRecord) -> InFlightRecord | None:
        """With the lease in our name; None when nothing is due, another holder has it, or we perform nothing."""
        if self.holder is None:
            return None
        return claim(record, self.holder.name, self.clock(), self.config.runner, self.holder.is_gone)

    def _freed(self, record: InFlightRecord) -> InFlightRecord:
        return record if self.holder else freed(record, self.clock(), self.config.runner)

    async def offer(self, work_item_id: str, batch: Batch | None) -> None:
        """Tell an item in line that a slot was set aside for it."""
        slot = batch.slots.get(work_item_id) if batch else None
        if slot:
            offered = f"slot:{slot.since.isoformat()}"
            await self.record_and_wake(SlotOffered(id=offered, work_item_id=work_item_id, at=self.clock()))

    async def put(self, record: InFlightRecord, *, retried: bool = False) -> InFlightRecord:
        """Save it. Retrying an item that outgrew the store drops what its reason named. Raises VersionConflict."""
        try:
            return await self.store.put_in_flight(record.scheduled(self.clock()))
        except RecordTooLarge as problem:
            if not retried:
                return await self.put_small(record, problem)
            return await self.put(record.shrunk({planned.effect.kind for planned in record.outbox}))

    async def put_small(self, record: InFlightRecord, problem: RecordTooLarge) -> InFlightRecord:
        """Save what the store takes of it, blocked with that reason: trying again would be refused for ever."""
        logger.error("%s: %s", problem.what, problem.why, extra={"action": "save", "item": record.key})
        small, event = outgrown(record, self.clock(), f"{problem.what}: {problem.why}")
        return await self.store.put_in_flight((decide(small, event, self.config) or small).scheduled(self.clock()))

    async def _kept(self, event: ReplyReceived, known: ClarificationRecord | None) -> bool:
        """Keep an early reply, once; False when the thread became known just now.

        One that can never count is not kept: who may not answer here could push out the words of those who may, and
        what people write to each other is not ours to keep.
        """
        if event.elsewhere or not may_ever_answer(event.reply, self.config):
            why = "no question is asked there" if event.elsewhere else "its author may not answer"
            logger.info("a reply in %s is not kept: %s", event.thread_id, why, extra={"action": "ignored"})
            return True
        reply = early(redacted(event.reply, self.redact))
        waiting = known or ClarificationRecord(thread_id=event.thread_id, deadline=event.at + REMEMBERED)
        if any(reply.id == event.reply.id for reply in waiting.replies):
            return True
        try:
            kept = (*waiting.replies, reply)[-20:]
            await self.store.put_waiting_clarification(waiting.model_copy(update={"replies": kept}))
        except VersionConflict:
            return False
        return True

    async def _move_threads(self, event: ThreadMoved) -> None:
        """Rare enough to look at every record."""
        async for record in self.store.list_in_flight():
            if record.clarification and record.clarification.thread_id.startswith(f"{event.old}:"):
                one = {"id": f"{event.id}:{record.work_item_id}", "work_item_id": record.work_item_id}
                await self.record_and_wake(event.model_copy(update=one))


def log_move(action: str, before: InFlightRecord, after: InFlightRecord) -> None:
    moved = {"action": action, "item": after.key, "from": str(before.state), "to": str(after.state)}
    logger.info("%s: %s → %s by %s", after.key, before.state, after.state, action, extra=moved)
