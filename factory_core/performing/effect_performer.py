"""④⑤ Performs the outbox of one tenant's items, and looks after them by the clock.

perform:   what is due → settle it, decide its outcome → one write an effect (conflict: load, again; fenced: leave)
check_in:  what is due by now → claim and perform it; slots and accounts are put right
sweep:     after a gap the looks at what waits, else the search for missed events
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import reduce
from typing import NamedTuple, TypeVar

from ..dispatch import budget, comments, forgotten
from ..dispatch.batch import Batch, SweepReport
from ..dispatch.catch_up import next_sort
from ..dispatch.effects import COMPANION, ForgetItem, Planned
from ..dispatch.ending import answered
from ..dispatch.following import performed
from ..dispatch.records import ENDED, InFlightRecord, State
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
from ..text.redaction import redacted
from .catch_up import CatchUpStep
from .check_in import RECONCILE_EVERY, claim_sweep, reconcile_slots, remember_sweep, wake_due
from .event_recorder import EventRecorder, log_move
from .gaps import LATE, is_silent_since
from .lease import extended, extended_or_released, holds, released
from .outcomes import Finish, Outcome, PerformEffect
from .reconcile import Sources, Sweep
from .retries import after_problem, is_answer, is_poison
from .vendor_port import CUT_OFF

logger = logging.getLogger("factory.runner")

SWEEP_ASK_EVERY = timedelta(seconds=30)  # how often a process asks the store whether it is time to sweep
# spans are measured without their sign: after a clock was put back, nobody waits until it has caught up

OUTAGE = timedelta(minutes=1)  # of a vendor; what it did meanwhile it may not have told


Result = Outcome | Finish | Problem
T = TypeVar("T")


class CheckIn(NamedTuple):
    """How many items were due, and how many slots were given back or handed on."""

    due: int
    reconciled: int


class EffectPerformer:
    """`recorder` has the LeaseHolder that this is. `sources` are asked for missed events; without them nothing looks.

    `ticks`: the platform's clock checks in every minute, so that a longer silence is a gap in which events may have
    been lost; any other host notes its gaps itself.
    """

    def __init__(
        self,
        recorder: EventRecorder,
        perform_effect: PerformEffect,
        *,
        sources: Sources | None = None,
        ticks: bool = False,
    ) -> None:
        self._recorder, self._perform_effect = recorder, perform_effect
        self._store, self._config, self._clock = recorder.store, recorder.config, recorder.clock
        self._sources, self._ticks = sources, ticks
        self._batch_turn = asyncio.Lock()  # the batch is one record: within a process we do not race for it
        self.checked_in_at: datetime | None = None
        self._reconciled_at: datetime | None = None
        self._sweep_asked_at: datetime | None = None

    async def perform(self, record: InFlightRecord, until: datetime | None = None) -> None:
        """Perform what is due while the lease is ours. `record` is as record() or claim() saved it.

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
                return await self._recorder.put(change(current))
            except VersionConflict:
                current = await self._store.get_in_flight(record.work_item_id)
        return None

    async def _attempt(self, record: InFlightRecord, planned: Planned) -> Result:
        if is_poison(planned, self._config.runner):
            return Terminal(
                "its worker died over it each time", why=planned.why or "no outcome", fix=comments.retry_fix(record)
            )
        perform = self._perform_effect if planned.effect.kind in COMPANION else self._timed
        return await self._tried(record, planned, lambda: perform(record, planned))

    async def _timed(self, record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        """What waits for a vendor has its time; whose call took it is known by its port."""
        cut_off = list[str]()
        CUT_OFF.set(cut_off)
        patience = self._config.runner.effect_timeout.total_seconds()
        try:
            async with asyncio.timeout(patience):
                return await self._perform_effect(record, planned)
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
            problem.what, problem.why, problem.fix = map(
                self._recorder.redact, (problem.what, problem.why, problem.fix)
            )
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
            await self._forget(before, last, now)
            return None
        else:
            after, kept = self._after(before, last, outcome), outcome
        after, kept = await self._with_companions(after, last, kept, turn)
        after = extended_or_released(after, now, self._config.runner.lease).scheduled(now)
        try:
            saved = await self._store.put_in_flight(after, batch=kept.batch, clarification=kept.clarification)
        except RecordTooLarge as problem:
            saved, kept = await self._recorder.put_small(after, problem), Outcome()
        except VersionConflict:  # a store without transactions may have saved the batch all the same
            await self._offer_slots(kept.granted, await self._store.get_batch() if kept.granted else None)
            raise
        if not isinstance(outcome, ConnectionLost):
            log_move(last.effect.kind, record, saved)
        for notice in kept.notices:
            logger.log(notice.level, notice.text, extra=notice.about)
        await self._offer_slots(kept.granted, kept.batch)
        await self._note_connections(done, outcome)
        return saved

    async def _forget(self, record: InFlightRecord, planned: Planned, now: datetime) -> None:
        """Keep nothing of it, but what it has spent; wholly, but what keeps it from being taken for a lost one."""
        if isinstance(planned.effect, ForgetItem) and planned.effect.wholly:
            left = forgotten.trace(record, now, self._config)
            leaving = left and left.but(lease=released(record).lease).scheduled(now)
            await self._store.delete_in_flight(record.work_item_id, record.version, leaving)
        elif spending := budget.remembrance(record, now):
            await self._store.put_in_flight(spending.but(lease=released(record).lease).scheduled(now))
        else:
            await self._store.delete_in_flight(record.work_item_id, record.version)

    async def _note_connections(self, done: Sequence[Planned], outcome: Outcome | Problem) -> None:
        """What a call says of the credential with which it was made."""
        well = done[:-1] if isinstance(outcome, Problem) else done
        for provider in {planned.lost for planned in well if planned.lost}:
            await self._recorder.connections.works(provider)
        for planned in done if is_answer(outcome) else well:
            if planned.vendor and planned.silent_since and self._clock() - planned.silent_since >= OUTAGE:
                await self._recorder.gaps.note_outage(planned.vendor, planned.silent_since)
        if isinstance(outcome, ConnectionLost):
            since = done[-1].lost_since if done[-1].lost == outcome.provider else None
            await self._recorder.connections.lost(outcome.provider, outcome.why, since)

    async def _offer_slots(self, granted: Iterable[str], batch: Batch | None) -> None:
        for item in granted:
            await self._recorder.offer(item, batch)

    def _after(self, record: InFlightRecord, planned: Planned, outcome: Outcome) -> InFlightRecord:
        if outcome.event is None:
            return performed(record, planned)
        settled = answered(record.settle(planned.key), planned, self._clock(), self._config)
        return decide(settled, redacted(outcome.event, self._recorder.redact), self._config) or settled

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

    async def check_in(self, limit: int = 500, ahead: timedelta = timedelta(0), *, sweep: bool = True) -> CheckIn:
        """One tick of the clock; a host that starts looks one lease ahead, for what its predecessor held.

        The search for missed events is part of it, unless the host calls sweep() beside it: it waits for vendors.
        """
        due = await wake_due(self._recorder, limit, ahead)
        self.checked_in_at = now = self._clock()
        reconciled = 0
        if self._reconciled_at is None or abs(now - self._reconciled_at) >= RECONCILE_EVERY:
            reconciled = await reconcile_slots(self._recorder)
            self._reconciled_at = now
        if sweep:
            await self.sweep()
        return CheckIn(due, reconciled)

    async def sweep(self) -> SweepReport | None:
        """Search for missed events; None when it is not the time for it, or another process does it.

        After a gap the looks at what waits come first. When they last for longer than `every`, because there are so
        many or because one gap follows the other, the search has its turn all the same.
        """
        every, now = self._config.sweep.every, self._clock()
        asked, gaps = self._sweep_asked_at, self._recorder.gaps
        await gaps.save()
        soon = asked and abs(now - asked) < (min(every, SWEEP_ASK_EVERY) if every else SWEEP_ASK_EVERY)
        if self._sources is None or (soon and not gaps.begun):
            return None
        batch = await self._store.get_batch()
        if self._ticks and every and not soon and (last := is_silent_since(batch, every, now)):
            self._recorder.gaps.note("nobody checked in", last)
            await gaps.save()
            batch = await self._store.get_batch()
        if not soon:
            self._sweep_asked_at = now
        looks, begun = batch.catch_up, None
        gaps.begun = looks is not None and bool(looks.laps)
        if every and not soon and not (looks and next_sort(looks, now) and now - looks.began < every):
            begun = await claim_sweep(self._store, batch, every, now)
        if begun is None:
            if looks and looks.laps:
                await self._catch_up(batch, self._sources)
            return None
        state, look = begun.sweep, self._sweep_of(begun, self._sources)
        async for state in look.run():
            if not await remember_sweep(self._store, state):
                break
        return state.report

    async def _catch_up(self, batch: Batch, sources: Sources) -> None:
        """Make the looks that are due after a gap."""
        sweep, vendors = self._sweep_of(batch, sources), self._recorder.connections
        await CatchUpStep(sweep, self._store, self._config, self._clock, self._recorder.accept, vendors, batch).run()

    def _sweep_of(self, batch: Batch, sources: Sources) -> Sweep:
        return Sweep(
            sources, self._store, self._config, self._clock, self._recorder.accept, self._recorder.connections, batch
        )

    def note_tick(self, planned: datetime) -> None:
        """The platform's clock calls, and was to call at `planned`: a gap, if that is minutes ago."""
        if self._clock() - planned > LATE:
            self._recorder.gaps.note("the platform's clock stood still", planned)

    async def note_unanswered(self, until: datetime) -> None:
        """The platform saw webhooks that got no answer, the last of them before `until`: a gap, unless one is newer."""
        known = (await self._store.get_batch()).catch_up
        if known is None or known.gap.until < until:
            self._recorder.gaps.note("webhooks got no answer")


def _resumed(record: InFlightRecord, done: Sequence[Planned], now: datetime) -> InFlightRecord:
    """What waited for a connection and was answered waits no more."""
    waited = [planned.key for planned in done if planned.lost]
    return record.resume(waited, now) if waited else record


def _is_forgettable(record: InFlightRecord, planned: Planned) -> bool:
    """Not if somebody took the item up again meanwhile, or it has become the subject of another order."""
    return record.state in ENDED | {State.NEW} and [known.key for known in record.outbox] == [planned.key]
