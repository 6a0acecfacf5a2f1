"""A tenant's factory on AWS: its store, its intake, its queue of runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from factory_core.config import FactoryConfig
from factory_core.intake.intake import Intake
from factory_core.performing.event_recorder import EventRecorder

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
        self.store = DynamoStateStore(
            dynamo_client, deployment.table, config.tenant, utc_now, correlation_id=_correlation_id
        )
        self.deployment, self.clients, self.holder = deployment, clients, holder

    @cached_property
    def recorder(self) -> EventRecorder:
        """Holds no leases: the table's stream wakes the performer."""
        return EventRecorder(self.store, self.config, utc_now, redact=self.secrets.redact)

    @cached_property
    def intake(self) -> Intake:
        reader = self.ports.reader if self.config.relay else None
        return Intake(self.recorder, webhooks_of(self.config, self.secrets), reader)

    @cached_property
    def ports(self) -> Ports:
        return ports_of(self.config, self.secrets, self._http)

    @cached_property
    def fleet(self) -> WorkerQueueFleet:
        """To look at; only the performer starts a run."""
        from ..fleets.worker_queue.fleet import WorkerQueueFleet

        return WorkerQueueFleet(self.leases, tell=_refuse_start)

    @cached_property
    def leases(self) -> Leases:
        """The line of runs; an end that a worker reports is an event like any other."""
        from ..fleets.worker_queue.leases import Leases
        from .dynamo_run_queue import DynamoRunQueue

        queue = DynamoRunQueue(dynamo_client, self.deployment.table, self.config.tenant)
        leases = Leases(queue, utc_now, self.config.workers)
        leases.began, leases.finished = self.recorder.began, self.recorder.finished
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


def _correlation_id() -> str:
    from .logger import correlation_id  # a function's; the command line only looks

    return correlation_id()
