"""Effects that only change the tenant's batch: take a slot, move it to the review column, give it back; pause an
engine, and let it go on; remember where a project belongs. What has to do with a slot counts what the item spent."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..dispatch import budget, capacity, circuit, events
from ..dispatch.batch import Batch, Circuit, QueueEntry
from ..dispatch.capacity import Limits
from ..dispatch.effects import Effect, PauseEngine, Planned, RememberRoute, ReserveOpinion, ResumeEngine
from ..dispatch.records import InFlightRecord
from ..dispatch.routing import RememberedRoute, remember
from ..errors import Retryable
from ..ports import Clock, Fleet, StateStore
from ..run_queue import WorkerFleet
from ..runs.queued_run import present
from .outcomes import Finish, Notice, Outcome, about, routed

NO_ROOM = "as many tickets are asked about as agents may work"
ROOM_EVERY = 15.0  # seconds
OVERDUE = timedelta(minutes=15)  # beyond its own cap, a run is stopped from here


class Slots:
    """Each effect is a Finish: read the batch, change it, hand it over to be saved with the record."""

    def __init__(self, config: FactoryConfig, store: StateStore, clock: Clock, fleet: Fleet) -> None:
        self._config, self._store, self._clock, self._fleet = config, store, clock, fleet
        self._limits = Limits.of(config)

    async def take(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        """→ SlotGranted, or SlotDenied with the limit that is in the way."""
        entry = self._entry(record)

        async def finish() -> Outcome:
            batch, now = await self._accompanied(await self._store.get_batch(), entry.engine), self._clock()
            served = capacity.take(self._settled(batch, record, waits=True), entry, self._limits, now)
            known, item = about(record, planned, now), entry.work_item_id
            if item in served.granted:
                probe, usd = circuit.is_probe(served.batch, item), served.batch.spending.accounts[item].cap
                granted = events.SlotGranted(**known, repository=entry.repository, usd=usd, probe=probe)
                return _outcome(granted, record, batch, served)
            reason = capacity.why_waiting(served.batch, entry, self._limits, now) or "others are first in line"
            until = capacity.waits_for_day(served.batch, entry, self._limits, now)
            denied = events.SlotDenied(**known, reason=reason, until=until)
            return _outcome(denied, record, batch, served)

        return finish

    async def reserve_opinion(self, record: InFlightRecord, planned: Planned, effect: ReserveOpinion) -> Finish:
        """→ OpinionGranted, or OpinionDenied with the reason. No more models are asked at once than agents may work."""
        item, asks = record.work_item_id, budget.asked_for_opinion(record, self._config)

        async def finish() -> Outcome:
            batch, now = self._settled(await self._store.get_batch(), record, waits=True), self._clock()
            known = about(record, planned, now)
            reason = capacity.why_no_opinion(batch, self._config.triage.model, asks, self._config, now)
            cap = batch.spending.cap(asks, self._config.budget, now)
            if reason or cap is None:
                return Outcome(events.OpinionDenied(**known, digest=effect.digest, reason=reason))
            if batch.spending.asking >= self._config.capacity.agents:
                raise Retryable("No model is asked yet", why=NO_ROOM, fix="factory status", after=ROOM_EVERY)
            spending = batch.spending.granted_opinion(item, asks, cap, now)
            granted = events.OpinionGranted(**known, digest=effect.digest, usd=cap)
            return Outcome(granted, batch=batch.model_copy(update={"spending": spending}))

        return finish

    async def pause_engine(self, record: InFlightRecord, planned: Planned, effect: PauseEngine) -> Finish:
        async def finish() -> Outcome:
            alone = await self._is_alone(effect)
            batch, now = await self._store.get_batch(), self._clock()
            fault = Circuit(
                engine=effect.engine, host=effect.host, fault=effect.fault, why=effect.why, fix=effect.fix,
                since=now, retry_at=self._believed(effect, now), alone=alone,
            )  # fmt: skip
            settled = self._settled(batch, record)
            served = capacity.give_back(settled, self._entry(record), fault, self._limits, now)
            return Outcome(batch=served.batch, granted=served.granted, notices=_notices(batch, served.batch))

        return finish

    async def resume_engine(self, record: InFlightRecord, planned: Planned, effect: ResumeEngine) -> Finish:
        async def finish() -> Outcome:
            batch, item = await self._store.get_batch(), record.work_item_id
            served = capacity.resume(batch, item, effect.engine, effect.host, self._limits, self._clock())
            return _outcome(None, record, batch, served)._replace(notices=_notices(batch, served.batch))

        return finish

    async def remember_route(self, record: InFlightRecord, planned: Planned, effect: RememberRoute) -> Finish:
        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            newest = RememberedRoute(repository=effect.repository, key=record.key, at=self._clock())
            routes = remember(batch.routes, effect.project, newest)
            return Outcome(batch=batch.model_copy(update={"routes": routes}))

        return finish

    async def move_to_review(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            settled = self._settled(batch, record)
            served = capacity.to_review(settled, record.work_item_id, self._limits, self._clock())
            if record.run and batch.circuits:
                kept = circuit.closed(served.batch, record.work_item_id, record.run.engine, record.run.host)
                served = served._replace(batch=kept)
            return _outcome(None, record, batch, served)._replace(notices=_notices(batch, served.batch))

        return finish

    async def release(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        item = record.work_item_id

        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            settled = self._settled(batch, record)
            return _outcome(None, record, batch, capacity.release(settled, item, self._limits, self._clock()))

        return finish

    async def settle(self, record: InFlightRecord, planned: Planned, effect: Effect) -> Finish:
        """What it frees lets others start."""

        async def finish() -> Outcome:
            batch = await self._store.get_batch()
            settled = self._settled(batch, record, waits=True)
            served = capacity.serve(settled, self._limits, self._clock()) if settled is not batch else None
            return _outcome(None, record, batch, served) if served else Outcome()

        return finish

    def _settled(self, batch: Batch, record: InFlightRecord, *, waits: bool = False) -> Batch:
        return settled(batch, record, self._config, self._clock(), waits=waits)

    async def _accompanied(self, batch: Batch, engine: str) -> Batch:
        """What one worker reported keeps no other from the engine that has come since."""
        paused = any(one.host for one in circuit.pausing(batch, engine))
        if not paused or not isinstance(self._fleet, WorkerFleet):
            return batch
        there = present(await self._fleet.workers(), self._clock(), self._config.workers)
        return circuit.accompanied(batch, engine, {one.id for one in there if engine in one.engines})

    async def _is_alone(self, effect: PauseEngine) -> bool:
        """Does no other worker that is there have the engine?"""
        if not effect.host or not isinstance(self._fleet, WorkerFleet):
            return True
        there = present(await self._fleet.workers(), self._clock(), self._config.workers)
        return not any(one.id != effect.host and effect.engine in one.engines for one in there)

    def _believed(self, effect: PauseEngine, now: datetime) -> datetime:
        """A worker that does not stay pauses the engine of all others, so its word counts for as long as one probe."""
        until = effect.retry_at or now
        is_passing = not effect.host and isinstance(self._fleet, WorkerFleet)
        return min(until, now + circuit.LONGEST_DELAY) if is_passing else until

    def _entry(self, record: InFlightRecord) -> QueueEntry:
        route = routed(record)
        return QueueEntry(
            work_item_id=record.work_item_id, repository=route.repository, engine=route.engine,
            priority=record.item.priority if record.item else 0, since=self._clock(),
            asks=budget.asked(record, self._config),
        )  # fmt: skip


def settled(
    batch: Batch, record: InFlightRecord, config: FactoryConfig, now: datetime, *, waits: bool = False
) -> Batch:
    """With what the item has spent, and may still spend. `waits`: it may have a grant that it has not used yet."""
    spent, open_runs = budget.asked(record, config), record.spending.reserved
    until = None if waits else now + config.agents.max_duration + OVERDUE
    return capacity.settle(batch, record.work_item_id, spent, open_runs, now, until, waits=waits)


def _outcome(event: events.Event | None, record: InFlightRecord, before: Batch, served: capacity.Served) -> Outcome:
    others = tuple(item for item in served.granted if item != record.work_item_id)
    return Outcome(event, batch=served.batch if served.batch != before else None, granted=others)


def _notices(before: Batch, after: Batch) -> tuple[Notice, ...]:
    """An engine that is paused, or paused for another reason than before, and one that works again: each once."""
    notices = list[Notice]()
    for name, one in after.circuits.items():
        known = before.circuits.get(name)
        if known is None or known.fix != one.fix:
            said = f"{name} cannot work: {one.why}. What needs it waits in line, and goes on by itself. Fix: {one.fix}"
            notices.append(Notice(logging.ERROR, said, {"action": "engine_paused", "engine": name}))
    for name in before.circuits.keys() - after.circuits.keys():
        said = f"{name} works again; it did not since {before.circuits[name].since:%Y-%m-%d %H:%M:%S} UTC"
        notices.append(Notice(logging.WARNING, said, {"action": "engine_back", "engine": name}))
    return tuple(notices)
