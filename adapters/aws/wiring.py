"""A tenant's factory on AWS: its store, its ears that hear and save, its line of runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from factory_core.config import FactoryConfig
from factory_core.dispatch.effects import Planned
from factory_core.dispatch.records import InFlightRecord
from factory_core.factory import Factory, build_factory
from factory_core.performing.drive import Outcome

from ..assembly import Ports, ports_of, utc_now, webhooks_of
from ..credentials.secrets import Secrets, missing_secrets, refuse_missing_secrets
from .clients import Clients
from .deployment import Deployment
from .dynamo_client import dynamo_client
from .dynamo_state_store import DynamoStateStore

if TYPE_CHECKING:
    from ..fleets.worker_queue.fleet import WorkerQueueFleet
    from ..fleets.worker_queue.leases import Leases
    from ..providers.http_call import RedactingClient


class AwsTenant:
    """One tenant in this process. What only some functions need is made when it is first asked for."""

    def __init__(
        self, config: FactoryConfig, secrets: Secrets, deployment: Deployment, clients: Clients, holder: str
    ) -> None:
        refuse_missing_secrets(missing_secrets(config, secrets), f"the secret {deployment.secret(config.tenant)}")
        self.config, self.secrets = config, secrets
        self.store = DynamoStateStore(dynamo_client, deployment.table, config.tenant, utc_now)
        self.deployment, self.clients, self.holder = deployment, clients, holder

    @cached_property
    def ears(self) -> Factory:
        """Decides and saves. It holds leases in nobody's name: the table's stream tells the performer."""
        webhooks = webhooks_of(self.config, self.secrets)
        reader = self.ports.reader if self.config.relay else None
        return build_factory(
            self.config, self.store, _refuse, utc_now, webhooks=webhooks, reader=reader, holder="", wake=_nobody,
            redact=self.secrets.redact,
        )  # fmt: skip

    @cached_property
    def ports(self) -> Ports:
        return ports_of(self.config, self.secrets, self._http)

    @cached_property
    def fleet(self) -> WorkerQueueFleet:
        """To look at; only hands start a run."""
        from ..fleets.worker_queue.fleet import WorkerQueueFleet

        return WorkerQueueFleet(self.leases, tell=_refuse_start)

    @cached_property
    def leases(self) -> Leases:
        """The line of runs; an end that a worker reports is heard like any other event."""
        from ..fleets.worker_queue.leases import Leases
        from .dynamo_run_queue import DynamoRunQueue

        queue = DynamoRunQueue(dynamo_client, self.deployment.table, self.config.tenant)
        leases = Leases(queue, utc_now, self.config.workers)
        leases.began, leases.finished = self.ears.began, self.ears.finished
        return leases

    @cached_property
    def _http(self) -> RedactingClient:
        from ..providers.http_call import RedactingClient

        return RedactingClient(self.secrets.redact)

    async def close(self) -> None:
        if "_http" in self.__dict__:
            await self._http.aclose()


async def _refuse_start(run_id: str) -> None:
    raise AssertionError("who only looks starts nothing")


async def _refuse(record: InFlightRecord, planned: Planned) -> Outcome:
    raise AssertionError("ears perform nothing")


def _nobody(record: InFlightRecord) -> None:
    """Whom this process would wake: the stream does."""
