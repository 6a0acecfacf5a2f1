"""⑤ accept() saves what an event means in one write; drive() performs the outbox, one write an effect.

accept:  load → decide → claim if due → save (conflict: again)            … the sender may be answered now
drive:   perform what is due → settle it, decide its outcome, save (conflict: load, again; fenced: leave)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import reduce
from typing import NamedTuple, TypeVar

from ..config import FactoryConfig
from ..dispatch import budget, comments
from ..dispatch.batch import Batch
from ..dispatch.effects import COMPANION, ForgetItem, Planned
from ..dispatch.ending import answered, outgrown
from ..dispatch.events import Event, RetryRequested, SlotOffered
from ..dispatch.following import performed
from ..dispatch.records import ENDED, ClarificationRecord, InFlightRecord, State
from ..dispatch.transitions import decide
from ..errors import (
    ConnectionLost,
    OwnFault,
    Problem,
    RecordTooLarge,
    Retryable,
    Terminal,
    VendorUnavailable,
    VersionConflict,
)
from ..ports import Clock, StateStore
from ..text.redaction import Redact, redacted
from .bounded_store import BoundedStore
from .connections import Connections
from .finding import record_of
from .gaps import Gaps
from .lease import claim, extended, extended_or_released, holds, released
from .retries import after_problem, is_answer, is_poison
from .vendor_port import CUT_OFF

logger = logging.getLogger("factory.runner")


OUTAGE = timedelta(minutes=1)  # of a vendor; what it did meanwhile it may not have told


class Notice(NamedTuple):
    """A line in the log for the operator; it is written once what it says is saved."""

    level: int
    text: str
    about: dict[str, str]


class Outcome(NamedTuple):
    """What performing an effect brought: an event for the machine, and what must be stored with the record."""

    event: Event | None = None
    batch: Batch | None = None
    clarification: ClarificationRecord | None = None
    granted: tuple[str, ...] = ()  # other items that got a slot by it
    notices: tuple[Notice, ...] = ()
    forget: bool = False


Finish = Callable[[], Awaitable[Outcome]]
"""The half of an effect that only touches the store: done anew whenever the save meets a conflict."""

Perform = Callable[[InFlightRecord, Planned], Awaitable[Outcome | Finish]]
Result = Outcome | Finish | Problem
T = TypeVar("T")


class Accepted(NamedTuple):
    """`claimed`: the lease is ours, and whoever called must see to it that drive() runs."""

    record: InFlightRecord
    claimed: bool


class Runner:
    """Drives items of one tenant. `is_gone` tells of a lease's holder that it certainly died.

    Nothing reaches a record but through `redact`: what happened, and why an effect failed.
    """

    def __init__(
        self,
        store: StateStore,
        perform: Perform,
        config: FactoryConfig,
        clock: Clock,
        *,
        holder: str,
        wake: Callable[[InFlightRecord], None],
        redact: Redact,
        is_gone: Callable[[str], bool] = lambda holder: False,
    ) -> None:
        self._redact = redact
        self._store = BoundedStore(store, config, clock)
        self._perform, self._config, self._clock = perform, config, clock
        self._holder, self._wake, self._is_gone = holder, wake, is_gone
        self.gaps = Gaps(self._store, clock)
        self.connections = Connections(self._store, config, clock, self.gaps)
        self._batch_turn = asyncio.Lock()  # the batch is one record: within a process we do not race for it

    async def accept(self, event: Event) -> Accepted:
        """Save the event's meaning in one conditional write, or in none if it changes nothing."""
        event = redacted(event, self._redact)
        while True:
            before = await record_of(self._store, event)
            decided = decide(before, event, self._config) if before.work_item_id else None
            if decided is None:
                return Accepted(before, False)
            claimed = claim(decided, self._holder, self._clock(), self._config.runner, self._is_gone)
            try:
                saved = await self._put(claimed or decided, retried=isinstance(event, RetryRequested))
            except VersionConflict:
                continue
            _log(event.id, before, saved)
            return Accepted(saved, claimed is not None)

    async def accept_and_wake(self, event: Event) -> InFlightRecord:
        """accept(), and have the effects performed by whoever the host woke for that."""
        record, claimed = await self.accept(event)
        if claimed:
            self._wake(record)
        return record

    async def _put(self, record: InFlightRecord, *, retried: bool = False) -> InFlightRecord:
        """Save it; who retries an item that outgrew the store was told what is dropped. Raises VersionConflict."""
        try:
            return await self._store.put_in_flight(record.scheduled(self._clock()))
        except RecordTooLarge as problem:
            if not retried:
                return await self._put_small(record, problem)
            return await self._put(record.shrunk({planned.effect.kind for planned in record.outbox}))

    async def _put_small(self, record: InFlightRecord, problem: RecordTooLarge) -> InFlightRecord:
        """Save what the store takes of it, blocked with that reason: trying again would be refused for ever."""
        logger.error("%s: %s", problem.what, problem.why, extra={"action": "save", "item": record.key})
        small, event = outgrown(record, self._clock(), f"{problem.what}: {problem.why}")
        return await self._store.put_in_flight((decide(small, event, self._config) or small).scheduled(self._clock()))

    async def claim(self, work_item_id: str) -> InFlightRecord | None:
        """Take the item's lease for what is due; None when nothing is, or somebody else has it."""
        while True:
            record = await self._load(work_item_id)
            claimed = claim(record, self._holder, self._clock(), self._config.runner, self._is_gone)
            if claimed is None:
                return None
            try:
                return await self._put(claimed)
            except VersionConflict:
                continue

    async def drive(self, record: InFlightRecord, until: datetime | None = None) -> None:
        """Perform what is due while the lease is ours. `record` is as accept() or claim() saved it.

        `until`: when the host ends this process. No effect is begun that might outlast it, and the lease is given back.
        """
        current: InFlightRecord | None = record
        while holds(current, record):
            planned = current.due(self._clock())
            if planned is None or not self._has_time(until):
                await self._change_lease(current, released)
                return
            if self._has_time(current.lease.until):
                done, result = await self._perform_row(current, planned, until)
                current = await self._save(current, done, result)
            else:  # it was begun late: an effect must not outlast the lease
                current = await self._change_lease(current, self._extended)

    async def _perform_row(
        self, record: InFlightRecord, planned: Planned, until: datetime | None
    ) -> tuple[list[Planned], Result]:
        """Perform this effect, and what is due after it as long as nothing has an outcome: a row costs one write.

        A crash before that write performs the row once more, under the same keys. What may have killed a worker is
        performed alone, so that no other effect is blamed for it.
        """
        done = list[Planned]()
        while True:
            done.append(planned)
            result = await self._attempt(record, planned)
            following = record.settle(*(known.key for known in done)).due(self._clock())
            if result != Outcome() or following is None or planned.faults or following.faults:
                return done, result
            if not (self._has_time(until) and self._has_time(record.lease.until)):
                return done, result
            planned = following

    def _has_time(self, until: datetime | None) -> bool:
        """Can an effect end before then?"""
        return until is None or until - self._clock() > self._config.runner.effect_timeout

    def _extended(self, record: InFlightRecord) -> InFlightRecord:
        return extended(record, self._clock(), self._config.runner.lease)

    async def _change_lease(
        self, record: InFlightRecord, change: Callable[[InFlightRecord], InFlightRecord]
    ) -> InFlightRecord | None:
        """Save it with its lease changed, if that is still ours."""
        current: InFlightRecord | None = record
        while holds(current, record):
            try:
                return await self._put(change(current))
            except VersionConflict:
                current = await self._store.get_in_flight(record.work_item_id)
        return None

    async def _attempt(self, record: InFlightRecord, planned: Planned) -> Result:
        if is_poison(planned, self._config.runner):
            return Terminal(
                "its worker died over it each time", why=planned.why or "no outcome", fix=comments.retry_fix(record)
            )
        perform = self._perform if planned.effect.kind in COMPANION else self._timed
        return await self._tried(record, planned, lambda: perform(record, planned))

    async def _timed(self, record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        """What waits for a vendor has its time; whose call took it is known by its port."""
        cut_off = list[str]()
        CUT_OFF.set(cut_off)
        patience = self._config.runner.effect_timeout.total_seconds()
        try:
            async with asyncio.timeout(patience):
                return await self._perform(record, planned)
        except TimeoutError:
            why = f"no outcome within {patience:.0f} s"
            what, fix = planned.effect.kind, "factory check"
            if cut_off:
                raise VendorUnavailable(cut_off[0], what, why=why, fix=fix) from None
            raise Retryable(what, why=why, fix=fix) from None

    async def _tried(self, record: InFlightRecord, planned: Planned, work: Callable[[], Awaitable[T]]) -> T | Problem:
        """Every failure comes back as a Problem, but a conflict."""
        try:
            return await work()
        except Problem as problem:
            problem.what, problem.why, problem.fix = map(self._redact, (problem.what, problem.why, problem.fix))
            return problem
        except VersionConflict:
            raise
        except Exception as error:  # the outermost frame: a fault of ours must not lose the effect
            logger.exception("effect failed", extra={"action": planned.effect.kind, "item": record.work_item_id})
            return OwnFault(planned.effect.kind, why=type(error).__name__, fix="factory check")

    async def _save(self, record: InFlightRecord, done: Sequence[Planned], result: Result) -> InFlightRecord | None:
        """Write the outcome of the last of `done`; None when the record is gone or the lease was lost."""
        current: InFlightRecord | None = record
        while holds(current, record):
            try:
                async with AsyncExitStack() as turn:
                    outcome = await self._finished(current, done[-1], result, turn)
                    return await self._write(current, done, outcome, turn)
            except VersionConflict:
                current = await self._store.get_in_flight(record.work_item_id)
        return None

    async def _write(
        self, record: InFlightRecord, done: Sequence[Planned], outcome: Outcome | Problem, turn: AsyncExitStack
    ) -> InFlightRecord | None:
        now, last = self._clock(), done[-1]
        answered = done[:-1] if isinstance(outcome, ConnectionLost) else done
        before = reduce(performed, done[:-1], _resumed(record, answered, now))
        if isinstance(outcome, Problem):
            after, kept = after_problem(before, last, outcome, now, self._config), Outcome()
        elif outcome.forget and _is_forgettable(before, last):
            is_wholly = isinstance(last.effect, ForgetItem) and last.effect.wholly
            spending = None if is_wholly else budget.remembrance(before, now)
            if spending:
                await self._store.put_in_flight(spending.but(lease=released(before).lease).scheduled(now))
                return None
            await self._store.delete_in_flight(record.work_item_id, record.version)
            return None
        else:
            after, kept = self._after(before, last, outcome), outcome
        after, kept = await self._with_companions(after, last, kept, turn)
        after = extended_or_released(after, now, self._config.runner.lease).scheduled(now)
        try:
            saved = await self._store.put_in_flight(after, batch=kept.batch, clarification=kept.clarification)
        except RecordTooLarge as problem:
            saved, kept = await self._put_small(after, problem), Outcome()
        except VersionConflict:  # a store without transactions may have saved the batch all the same
            await self._offer_slots(kept.granted, await self._store.get_batch() if kept.granted else None)
            raise
        if not isinstance(outcome, ConnectionLost):
            _log(last.effect.kind, record, saved)
        for notice in kept.notices:
            logger.log(notice.level, notice.text, extra=notice.about)
        await self._offer_slots(kept.granted, kept.batch)
        await self._note_connections(done, outcome)
        return saved

    async def _note_connections(self, done: Sequence[Planned], outcome: Outcome | Problem) -> None:
        """What a call says of the credential with which it was made."""
        well = done[:-1] if isinstance(outcome, Problem) else done
        for provider in {planned.lost for planned in well if planned.lost}:
            await self.connections.works(provider)
        for planned in done if is_answer(outcome) else well:
            if planned.vendor and planned.silent_since and self._clock() - planned.silent_since >= OUTAGE:
                await self.gaps.note_outage(planned.vendor, planned.silent_since)
        if isinstance(outcome, ConnectionLost):
            since = done[-1].lost_since if done[-1].lost == outcome.provider else None
            await self.connections.lost(outcome.provider, outcome.why, since)

    async def _offer_slots(self, granted: Iterable[str], batch: Batch | None) -> None:
        for item in granted:
            await self.offer(item, batch)

    def _after(self, record: InFlightRecord, planned: Planned, outcome: Outcome) -> InFlightRecord:
        if outcome.event is None:
            return performed(record, planned)
        settled = answered(record.settle(planned.key), planned, self._clock(), self._config)
        return decide(settled, redacted(outcome.event, self._redact), self._config) or settled

    async def _finished(
        self, record: InFlightRecord, planned: Planned, result: Result, turn: AsyncExitStack
    ) -> Outcome | Problem:
        """The store's half of an effect. Who changes the batch keeps its turn until the save: no race within us."""
        if not callable(result):
            return result
        if COMPANION.get(planned.effect.kind) != "batch":
            return await self._tried(record, planned, result)
        await turn.enter_async_context(self._batch_turn)
        outcome = await self._tried(record, planned, result)
        if isinstance(outcome, Problem) or outcome.batch is None:
            await turn.aclose()
        return outcome

    async def _with_companions(
        self, record: InFlightRecord, last: Planned, kept: Outcome, turn: AsyncExitStack
    ) -> tuple[InFlightRecord, Outcome]:
        """Do what is due and only touches the store in this same write, one for each companion of the record.

        What does not work here stays planned, and is tried on its own.
        """
        used = {COMPANION.get(last.effect.kind)}
        while (planned := record.due(self._clock())) and (companion := COMPANION.get(planned.effect.kind)):
            if companion in used or planned.faults:
                break
            used.add(companion)
            result = await self._attempt(record, planned)
            outcome = await self._finished(record, planned, result, turn)
            if isinstance(outcome, Problem):
                break
            record = self._after(record, planned, outcome)
            kept = kept._replace(
                granted=(*kept.granted, *outcome.granted),
                notices=(*kept.notices, *outcome.notices),
                **{companion: getattr(outcome, companion)},
            )
        return record, kept

    async def offer(self, work_item_id: str, batch: Batch | None) -> None:
        """Tell an item in line that a slot was set aside for it."""
        slot = batch.slots.get(work_item_id) if batch else None
        if slot:
            offered = f"slot:{slot.since.isoformat()}"
            await self.accept_and_wake(SlotOffered(id=offered, work_item_id=work_item_id, at=self._clock()))

    async def _load(self, work_item_id: str) -> InFlightRecord:
        return await self._store.get_in_flight(work_item_id) or InFlightRecord(work_item_id=work_item_id)


def _resumed(record: InFlightRecord, done: Sequence[Planned], now: datetime) -> InFlightRecord:
    """What waited for a connection and was answered waits no more."""
    waited = [planned.key for planned in done if planned.lost]
    return record.resume(waited, now) if waited else record


def _is_forgettable(record: InFlightRecord, planned: Planned) -> bool:
    """Not if somebody took the item up again meanwhile, or it has become the subject of another order."""
    return record.state in ENDED | {State.NEW} and [known.key for known in record.outbox] == [planned.key]


def _log(action: str, before: InFlightRecord, after: InFlightRecord) -> None:
    moved = {"action": action, "item": after.key, "from": str(before.state), "to": str(after.state)}
    logger.info("%s: %s → %s by %s", after.key, before.state, after.state, action, extra=moved)
