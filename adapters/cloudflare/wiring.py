"""A tenant's factory in its object: configuration and secrets in, everything connected out."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from factory_core.config import FactoryConfig
from factory_core.http import HttpRequest, HttpResponse
from factory_core.intake.intake import Intake
from factory_core.overview import Observed
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.reconcile import Sources

from ..assembly import handlers_of, ports_of, utc_now, webhooks_of
from ..credentials.secrets import Secrets, missing_secrets, refuse_missing_secrets
from ..fleets.worker_queue.endpoint import WorkerEndpoint
from ..fleets.worker_queue.fleet import WorkerQueueFleet
from ..fleets.worker_queue.leases import Leases
from ..fleets.worker_queue.long_poll_notifier import LongPollNotifier
from ..providers.http_call import RedactingClient
from ..registry import WORKERS
from ..stores.record_sql import EPOCH
from ..stores.sqlite.run_queue import SqliteRunQueue
from ..web import pages
from ..web.basic_auth import basic_credentials
from ..web.forgetting import FORGET, answer_forget
from .alarm import Alarm
from .durable_object_state_store import DurableObjectStateStore
from .last_report import LastReport
from .object_database import ObjectDatabase, Storage
from .performer import ObjectPerformer
from .routes import FLEET, HOOK

AT_ONCE = 100  # due items in one turn; what is left over is due at the next
HOLD = timedelta(seconds=50)  # a worker's claim, while nothing is in line: the worker hangs up after 60 s


class CloudflareTenant:
    """One life of the object. A tenant has one object at a time, so whoever else holds a lease is dead."""

    def __init__(
        self, config: FactoryConfig, secrets: Secrets, storage: Storage, alarm: Alarm, last: LastReport
    ) -> None:
        refuse_missing_secrets(missing_secrets(config, secrets), "the Worker's secrets")
        self.config, self.secrets, self._last = config, secrets, last
        database, holder = ObjectDatabase(storage, alarm), f"object-{uuid.uuid4().hex[:12]}"
        database.create()
        self.store = DurableObjectStateStore(database, config.tenant, utc_now)
        self.leases = Leases(SqliteRunQueue(database, config.tenant), utc_now, config.workers)
        notifier = LongPollNotifier()
        self.fleet = WorkerQueueFleet(self.leases, notifier.notify)
        self.door = WorkerEndpoint(
            self.leases, secrets.several(WORKERS), hold=HOLD, wait=notifier.wait, again=timedelta(0)
        )
        ports, self._turns = ports_of(config, secrets, RedactingClient(secrets.redact)), ObjectPerformer()
        leases = LeaseHolder(holder, self._turns.wake, is_gone=lambda other: other != holder)
        self.recorder = EventRecorder(self.store, config, utc_now, redact=secrets.redact, holder=leases)
        self.intake = Intake(self.recorder, webhooks_of(config, secrets), ports.reader)
        handlers = handlers_of(config, self.store, ports, self.fleet)
        self.performer = EffectPerformer(self.recorder, handlers, sources=Sources(*ports), ticks=True)
        self.leases.began, self.leases.finished = self.recorder.began, self.recorder.finished
        self._ahead = config.runner.lease  # the first look finds what a dead predecessor held

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """A webhook is answered when what it means is saved and the alarm armed for what is to be done about it."""
        if hook := HOOK.fullmatch(request.path):
            return await self.intake.handle_webhook(hook[2], request)
        if FLEET.fullmatch(request.path):
            return await self.door.handle(request)
        if request.method == "POST" and FORGET.fullmatch(request.path):
            return await answer_forget(request, self.recorder, self.secrets)
        known = pages.is_known(self.secrets, basic_credentials(request.headers.get("authorization", "")).password)
        if request.path == "/healthz":
            return await pages.healthz(self._observed()) if known else pages.health_response(ok=True)
        if not known:
            return pages.unauthorized()
        return await pages.shown(request, self._observed(), self.fleet, "Durable Object", self._last)

    def _observed(self) -> Observed:
        return Observed(self.recorder, self.intake.contacts, self.performer.checked_in_at)

    async def perform_due(self, planned: datetime | None, until: datetime) -> datetime | None:
        """Perform what is due, side by side. When to be called again: what did not move waits for the clock.

        `planned`: for when this call was armed; None where nobody knows.
        """
        if planned:
            self.performer.note_tick(planned)
        async with self._turns.performing(self.performer.perform, until) as turn:
            ahead, self._ahead = self._ahead, timedelta(0)
            await self.performer.check_in(AT_ONCE, ahead, sweep=False)
        return await self.store.earliest(after=EPOCH if turn.has_begun_any else utc_now())

    async def check_in(self, planned: datetime, unanswered: datetime | None) -> datetime | None:
        """The clock's tick: all that the alarm was not armed for. When to be called for what was claimed, or waits.

        `planned`: for when; `unanswered`: until when webhooks got no answer.
        """
        try:
            await self.leases.settle_due()
        finally:
            self.performer.note_tick(planned)
            if unanswered:
                await self.performer.note_unanswered(unanswered)
            await self.performer.check_in(AT_ONCE)
        return await self.store.earliest(after=EPOCH)
