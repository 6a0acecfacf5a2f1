"""A tenant's factory on AWS: ears that hear and save, hands that perform until their time is up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from factory_core.config import FactoryConfig
from factory_core.dispatch.effects import Planned
from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import Problem
from factory_core.factory import Factory, build_factory
from factory_core.runner.drive import Finish, Outcome
from factory_core.runner.sweep import Sources

from ..assembly import Ports, performer_of, ports_of, utc_now, webhooks_of
from ..credentials import Secrets, missing_secrets, refuse_missing_secrets
from .clients import Clients
from .deployment import Deployment
from .dynamo_client import dynamo_client
from .dynamo_state_store import DynamoStateStore

if TYPE_CHECKING:
    import httpx2

    from ..fleets.worker_queue.fleet import WorkerQueueFleet
    from ..fleets.worker_queue.leases import Leases

AT_ONCE = 100  # due items of one tenant in one check-in; what is left over is due at the next


class AwsTenant:
    """One tenant in this process. What only some functions need is made when it is first asked for."""

    def __init__(
        self, config: FactoryConfig, secrets: Secrets, deployment: Deployment, clients: Clients, holder: str
    ) -> None:
        refuse_missing_secrets(missing_secrets(config, secrets), f"the secret {deployment.secret(config.tenant)}")
        self.config, self.secrets = config, secrets
        self.store = DynamoStateStore(dynamo_client, deployment.table, config.tenant, utc_now)
        self._deployment, self._clients, self._holder = deployment, clients, holder

    @cached_property
    def ears(self) -> Factory:
        """Decides and saves. It holds leases in nobody's name: the table's stream tells the performer."""
        webhooks = webhooks_of(self.config, self.secrets)
        reader = self.ports.reader if self.config.relay else None
        return build_factory(
            self.config, self.store, _refuse, utc_now, webhooks=webhooks, reader=reader, holder="", wake=_nobody
        )

    @cached_property
    def hands(self) -> Hands:
        return Hands(self, self._holder)

    @cached_property
    def ports(self) -> Ports:
        return ports_of(self.config, self.secrets, self._http)

    @cached_property
    def fleet(self) -> WorkerQueueFleet:
        from ..fleets.worker_queue.fleet import WorkerQueueFleet

        return WorkerQueueFleet(self.leases, tell=_tell)

    @cached_property
    def leases(self) -> Leases:
        """The line of runs; an end that a worker reports is heard like any other event."""
        from ..fleets.worker_queue.leases import Leases
        from .dynamo_run_queue import DynamoRunQueue

        queue = DynamoRunQueue(dynamo_client, self._deployment.table, self.config.tenant)
        leases = Leases(queue, utc_now, self.config.workers)
        leases.finished = self.ears.finished
        return leases

    @cached_property
    def _http(self) -> httpx2.AsyncClient:
        import httpx2

        return httpx2.AsyncClient()

    async def close(self) -> None:
        if "_http" in self.__dict__:
            await self._http.aclose()


class Hands:
    """Performs what is due, many items side by side; each ends by itself or gives its lease back when time is up."""

    def __init__(self, tenant: AwsTenant, holder: str) -> None:
        self.counts, self._tenant = Counter[str](), tenant
        self._perform = performer_of(tenant.config, tenant.store, tenant.ports, tenant.fleet)
        self.factory = build_factory(
            tenant.config, tenant.store, self._counted, utc_now, webhooks={}, reader=tenant.ports.reader,
            sources=Sources(*tenant.ports), holder=holder, wake=self._wake,
        )  # fmt: skip
        self._until = utc_now()
        self._tasks: list[tuple[str, asyncio.Task[None]]] = []

    async def perform(self, items: Iterable[str], until: datetime) -> dict[str, BaseException]:
        """Do what is due of these items, and of those that got a slot by it. What failed, by item."""
        self._until = until
        for item in items:
            self._start(item, self._claim_and_perform(item))
        return await self._ended()

    async def check_in(self, until: datetime) -> dict[str, BaseException]:
        """One tick: what is due is performed here, and missed events are searched for in what time is left."""
        self._until = until
        await self.factory.check_in(AT_ONCE, sweep=False)
        await self._tenant.leases.settle_due()
        failed = await self._ended()
        async with asyncio.timeout((until - utc_now()).total_seconds()):
            await self.factory.sweep()
        return {**failed, **await self._ended()}

    async def _claim_and_perform(self, item: str) -> None:
        claimed = await self.factory.runner.claim(item)
        if claimed:
            await self.factory.perform(claimed, self._until)

    def _wake(self, record: InFlightRecord) -> None:
        self._start(record.work_item_id, self.factory.perform(record, self._until))

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
            result = await self._perform(record, planned)
        except (Problem, asyncio.CancelledError):
            self.counts["EffectsFailed"] += 1
            raise
        self.counts["EffectsPerformed"] += 1
        return result


async def _tell(run_id: str) -> None:
    """No claim is held open on Lambda: workers ask again in a quarter of a minute."""


async def _refuse(record: InFlightRecord, planned: Planned) -> Outcome:
    raise AssertionError("ears perform nothing")


def _nobody(record: InFlightRecord) -> None:
    """Whom this process would wake: the stream does."""
