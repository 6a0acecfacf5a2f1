"""⑤ accept() saves what an event means in one write; drive() performs the outbox, one write an effect.

accept:  load → decide → claim if due → save (conflict: again)            … the sender may be answered now
drive:   perform the first effect → settle it, decide its outcome, save (conflict: load, again; fenced: leave)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch.effects import COMPANION, Planned, StartAgent
from ..dispatch.events import EffectFailed, Event, SlotOffered
from ..dispatch.records import Batch, ClarificationRecord, InFlightRecord
from ..dispatch.transitions import transition
from ..errors import OwnFault, Problem, Retryable, Terminal, VersionConflict
from ..ports import Clock, StateStore
from .lease import claim, extended_or_released, released, waits

logger = logging.getLogger("factory.runner")


class Outcome(NamedTuple):
    """What performing an effect brought: an event for the machine, and what must be stored with the record."""

    event: Event | None = None
    batch: Batch | None = None
    clarification: ClarificationRecord | None = None
    granted: tuple[str, ...] = ()  # other items that got a slot by it
    forget: bool = False


Finish = Callable[[], Awaitable[Outcome]]
"""The half of an effect that only touches the store: done anew whenever the save meets a conflict."""

Perform = Callable[[InFlightRecord, Planned], Awaitable[Outcome | Finish]]


class Accepted(NamedTuple):
    """`claimed`: the lease is ours, and whoever called must see to it that drive() runs."""

    record: InFlightRecord
    claimed: bool


class Runner:
    """Drives items of one tenant. `is_gone` tells of a lease's holder that it certainly died."""

    def __init__(
        self,
        store: StateStore,
        perform: Perform,
        config: FactoryConfig,
        clock: Clock,
        *,
        holder: str,
        wake: Callable[[InFlightRecord], None],
        is_gone: Callable[[str], bool] = lambda holder: False,
    ) -> None:
        self._store, self._perform, self._config, self._clock = store, perform, config, clock
        self._holder, self._wake, self._is_gone = holder, wake, is_gone
        self._batch_turn = asyncio.Lock()  # the batch is one record: within a process we do not race for it

    async def accept(self, event: Event) -> Accepted:
        """Save the event's meaning in one conditional write, or in none if it changes nothing."""
        while True:
            before = await self._load(event.work_item_id)
            decided = _decide(before, event, self._config)
            if decided is None:
                return Accepted(before, False)
            claimed = claim(decided, self._holder, self._clock(), self._config.runner.lease, self._is_gone)
            try:
                saved = await self._store.put_in_flight((claimed or decided).scheduled(self._clock()))
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

    async def claim(self, work_item_id: str) -> InFlightRecord | None:
        """Take the item's lease for what is due; None when nothing is, or somebody else has it."""
        while True:
            record = await self._load(work_item_id)
            claimed = claim(record, self._holder, self._clock(), self._config.runner.lease, self._is_gone)
            if claimed is None:
                return None
            try:
                return await self._store.put_in_flight(claimed.scheduled(self._clock()))
            except VersionConflict:
                continue

    async def drive(self, record: InFlightRecord, until: datetime | None = None) -> None:
        """Perform what is due, in order, while the lease is ours. `record` is as accept() or claim() saved it.

        Effects without an outcome are settled together with the next one that has one, so that a row of them costs
        one write; a crash before it performs them once more, under the same keys.

        `until`: when the host ends this process. No effect is begun that might outlast it, and the lease is given back.
        """
        epoch, done = record.lease.epoch, list[Planned]()
        current: InFlightRecord | None = record
        while current is not None and current.lease.holder and current.lease.epoch == epoch:
            if not done and not self._has_time(until):
                await self._give_back(current)
                return
            planned = current.outbox[len(done)]
            result = await self._attempt(current, planned)
            if result == Outcome() and self._has_time(until) and self._goes_on(current, len(done) + 1):
                done.append(planned)
                continue
            current, done = await self._save(current, [*done, planned], result, epoch), []

    def _goes_on(self, record: InFlightRecord, done: int) -> bool:
        """Is another effect due, and enough of the lease left to perform it before anything is saved?"""
        until, now = record.lease.until, self._clock()
        enough = until is not None and until - now > self._config.runner.effect_timeout
        return enough and done < len(record.outbox) and not waits(record.outbox[done], now)

    def _has_time(self, until: datetime | None) -> bool:
        """Can an effect end before this process does?"""
        return until is None or until - self._clock() > self._config.runner.effect_timeout

    async def _give_back(self, record: InFlightRecord) -> None:
        """Let go of the lease, so that anybody may go on at once."""
        current: InFlightRecord | None = record
        while current is not None and current.lease.epoch == record.lease.epoch:
            try:
                await self._store.put_in_flight(released(current).scheduled(self._clock()))
            except VersionConflict:
                current = await self._store.get_in_flight(record.work_item_id)
            else:
                return

    async def _attempt(self, record: InFlightRecord, planned: Planned) -> Outcome | Finish | Problem:
        """Perform it within its time; every failure comes back as a Problem."""
        if planned.faults >= self._config.runner.max_attempts:
            return Terminal(
                "its worker died over it each time", why=planned.why or "no outcome", fix=_retry_fix(record)
            )
        try:
            async with asyncio.timeout(self._config.runner.effect_timeout.total_seconds()):
                return await self._perform(record, planned)
        except Problem as problem:
            return problem
        except TimeoutError:
            patience = round(self._config.runner.effect_timeout.total_seconds())
            return Retryable(planned.effect.kind, why=f"no outcome within {patience} s", fix="factory check")
        except Exception as error:  # the outermost frame: a fault of ours must not lose the effect
            logger.exception("effect failed", extra={"action": planned.effect.kind, "item": record.work_item_id})
            return OwnFault(planned.effect.kind, why=type(error).__name__, fix="factory check")

    async def _save(
        self, record: InFlightRecord, done: Sequence[Planned], result: Outcome | Finish | Problem, epoch: int
    ) -> InFlightRecord | None:
        """Write the outcome of the last of `done`; None when the record is gone or the lease was lost."""
        current: InFlightRecord | None = record
        while current is not None and current.lease.epoch == epoch:
            try:
                async with AsyncExitStack() as turn:
                    outcome = await self._finished(result, done[-1], turn) if callable(result) else result
                    return await self._write(current, done, outcome, turn)
            except VersionConflict:
                current = await self._store.get_in_flight(record.work_item_id)
        return None

    async def _write(
        self, record: InFlightRecord, done: Sequence[Planned], outcome: Outcome | Problem, turn: AsyncExitStack
    ) -> InFlightRecord | None:
        now = self._clock()
        for planned in done[:-1]:
            record = record.settle(planned.key)
        if isinstance(outcome, Problem):
            after, kept = self._after_problem(record, done[-1], outcome, now), Outcome()
        elif outcome.forget:
            await self._store.delete_in_flight(record.work_item_id, record.version)
            return None
        else:
            after, kept = self._after(record, done[-1], outcome), outcome
        after, kept = await self._with_companions(after, done[-1], kept, turn)
        after = extended_or_released(after, now, self._config.runner.lease).scheduled(now)
        saved = await self._store.put_in_flight(after, batch=kept.batch, clarification=kept.clarification)
        _log(done[-1].effect.kind, record, saved)
        for item in kept.granted:
            await self.offer(item, kept.batch)
        return saved

    def _after(self, record: InFlightRecord, planned: Planned, outcome: Outcome) -> InFlightRecord:
        settled = record.settle(planned.key)
        return (_decide(settled, outcome.event, self._config) if outcome.event else None) or settled

    async def _finished(self, finish: Finish, planned: Planned, turn: AsyncExitStack) -> Outcome:
        """The store's half of an effect. Who changes the batch keeps its turn until the save: no race within us."""
        if COMPANION.get(planned.effect.kind) != "batch":
            return await finish()
        await turn.enter_async_context(self._batch_turn)
        outcome = await finish()
        if outcome.batch is None:
            await turn.aclose()
        return outcome

    async def _with_companions(
        self, record: InFlightRecord, last: Planned, kept: Outcome, turn: AsyncExitStack
    ) -> tuple[InFlightRecord, Outcome]:
        """Do what only touches the store in this same write, as long as it comes first and its companion is unused."""
        used = {COMPANION.get(last.effect.kind)}
        while record.outbox and not waits(record.outbox[0], self._clock()):
            planned = record.outbox[0]
            companion = COMPANION.get(planned.effect.kind)
            if companion is None or companion in used:
                break
            used.add(companion)
            result = await self._perform(record, planned)
            outcome = await self._finished(result, planned, turn) if callable(result) else result
            record = self._after(record, planned, outcome)
            granted = (*kept.granted, *outcome.granted)
            kept = kept._replace(granted=granted, **{companion: getattr(outcome, companion)})
        return record, kept

    async def offer(self, work_item_id: str, batch: Batch | None) -> None:
        """Tell an item in line that a slot was set aside for it."""
        slot = batch.slots.get(work_item_id) if batch else None
        if slot:
            offered = f"slot:{slot.since.isoformat()}"
            await self.accept_and_wake(SlotOffered(id=offered, work_item_id=work_item_id, at=self._clock()))

    def _after_problem(
        self, record: InFlightRecord, planned: Planned, problem: Problem, now: datetime
    ) -> InFlightRecord:
        """Try again later, or, when it is hopeless, let the machine decide.

        Hopeless is what the vendor says is, what our own fault broke `max_attempts` times, and what no vendor's
        recovery has mended in `give_up_after`: an outage of an hour parks nothing.
        """
        rules, attempts = self._config.runner, planned.attempts + 1
        faults = planned.faults + isinstance(problem, OwnFault)
        since = planned.failing_since or now
        if problem.retryable and faults < rules.max_attempts and now - since < rules.give_up_after:
            later = planned.model_copy(
                update={
                    "attempts": attempts,
                    "faults": faults,
                    "failing_since": since,
                    "not_before": now + self._delay(problem, attempts),
                    "why": problem.why[:300],
                }
            )
            return record.but(outbox=tuple(later if other.key == planned.key else other for other in record.outbox))
        failed = EffectFailed(
            id=f"{planned.key}:failed",
            work_item_id=record.work_item_id,
            at=now,
            effect=planned.effect.kind,
            run_id=planned.run_id if isinstance(planned.effect, StartAgent) else "",
            why=f"{problem.what}: {problem.why}"[:500],
            fix=problem.fix,
        )
        settled = record.settle(planned.key)
        return _decide(settled, failed, self._config) or settled

    def _delay(self, problem: Problem, attempts: int) -> timedelta:
        """The vendor's own delay, or ours: doubling, up to a limit."""
        after: float | None = getattr(problem, "after", None)
        rules = self._config.runner
        return (
            timedelta(seconds=after)
            if after is not None
            else min(rules.first_delay * 2 ** min(attempts - 1, 20), rules.longest_delay)
        )

    async def _load(self, work_item_id: str) -> InFlightRecord:
        return await self._store.get_in_flight(work_item_id) or InFlightRecord(work_item_id=work_item_id)


def _decide(record: InFlightRecord, event: Event, config: FactoryConfig) -> InFlightRecord | None:
    decided = transition(record, event, config)
    return decided.record.plan(decided.effects) if decided else None


def _retry_fix(record: InFlightRecord) -> str:
    return f'factory pipeline retry {record.key} --reason "…"'


def _log(action: str, before: InFlightRecord, after: InFlightRecord) -> None:
    moved = {"action": action, "item": after.work_item_id, "from": str(before.state), "to": str(after.state)}
    logger.info("%s: %s → %s by %s", after.work_item_id, before.state, after.state, action, extra=moved)
