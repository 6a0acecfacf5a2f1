"""Performs what is due of a tenant until the function's time is up, and notifies workers of the runs that it starts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from datetime import datetime
from typing import Any

from factory_core.dispatch.effects import Planned
from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import ConnectionLost, Problem
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.outcomes import Finish, Outcome
from factory_core.performing.reconcile import Sources

from ..assembly import handlers_of, utc_now
from .run_messages import RunMessages
from .run_tasks import RunTasks, places_of
from .wiring import AwsTenant

AT_ONCE = 100  # due items of one tenant in one check-in; what is left over is due at the next


class LambdaPerformer:
    """Made for one call of a function, whose time is up at `until`.

    Many items side by side; each ends by itself, or gives its lease back when time is up.
    """

    def __init__(self, tenant: AwsTenant, until: datetime) -> None:
        from ..fleets.worker_queue.fleet import WorkerQueueFleet

        self.counts, self._tenant, self._until = Counter[str](), tenant, until
        self._workers = workers_of(tenant)
        fleet = WorkerQueueFleet(tenant.leases, self._workers.tell)
        self._handlers = handlers_of(tenant.config, tenant.store, tenant.ports, fleet)
        holder, redact = LeaseHolder(tenant.holder, self._wake), tenant.secrets.redact
        self.recorder = EventRecorder(tenant.store, tenant.config, utc_now, redact=redact, holder=holder)
        self._effects = EffectPerformer(self.recorder, self._counted, sources=Sources(*tenant.ports), ticks=True)
        self._tasks: list[tuple[str, asyncio.Task[None]]] = []

    async def perform(self, items: Iterable[str]) -> dict[str, BaseException]:
        """Do what is due of these items, and of those that got a slot by it. What failed, by item."""
        for item in items:
            self._start(item, self._claim_and_perform(item))
        return await self._ended()

    async def check_in(self, unanswered: datetime | None) -> dict[str, BaseException]:
        """One tick: what is due is performed here, and missed events are searched for in what time is left.

        `unanswered`: until when webhooks got no answer.
        """
        failed = await self._with_what_it_starts(self._wake_due())
        return failed | await self._with_what_it_starts(self._sweep(unanswered))

    async def _wake_due(self) -> None:
        try:
            await self._effects.check_in(AT_ONCE, sweep=False)
        finally:  # a batch that cannot be read takes no run from the workers' line
            await self._workers.remind(await self._tenant.leases.settle_due())

    async def _sweep(self, unanswered: datetime | None) -> None:
        async with asyncio.timeout((self._until - utc_now()).total_seconds()):
            if unanswered:
                await self._effects.note_unanswered(unanswered)
            await self._effects.sweep()

    async def _with_what_it_starts(self, work: Coroutine[Any, Any, None]) -> dict[str, BaseException]:
        """Also when it fails: an effect that is left alone freezes with this process, and thaws into the next call."""
        try:
            await work
        finally:
            failed = await self._ended()
        return failed

    async def _claim_and_perform(self, item: str) -> None:
        claimed = await self.recorder.claim(item)
        if claimed:
            await self._effects.perform(claimed, self._until)

    def _wake(self, record: InFlightRecord) -> None:
        self._start(record.work_item_id, self._effects.perform(record, self._until))

    def _start(self, item: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append((item, asyncio.create_task(work)))

    async def _ended(self) -> dict[str, BaseException]:
        failed: dict[str, BaseException] = {}
        while self._tasks:
            item, task = self._tasks.pop()
            await asyncio.wait([task])
            error = task.exception()
            if error:
                failed[item] = error
        return failed

    async def _counted(self, record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        try:
            result = await self._handlers(record, planned)
        except ConnectionLost:  # it waits for a person, and OldestWaitingEffect tells
            raise
        except (Problem, asyncio.CancelledError):
            self.counts["EffectsFailed"] += 1
            raise
        self.counts["EffectsPerformed"] += 1
        return result


def workers_of(tenant: AwsTenant) -> RunMessages | RunTasks:
    """Whom to tell of a run in line: workers that ask, or a task that is started for it."""
    place = places_of(tenant.deployment).get(tenant.config.tenant)
    if place:
        return RunTasks(tenant.clients, place, tenant.leases, tenant.config.tenant)
    return RunMessages(tenant.clients, tenant.deployment, tenant.config.tenant)
