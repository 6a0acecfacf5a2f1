"""A machine for each run: a task on ECS Fargate that claims this one run through the workers' door, does it, and ends.

The task is told where and for which run, and nothing else: the order, with its prompt, it gets at the door.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from factory_core.errors import Problem, Retryable
from factory_core.runs.queued_run import QueuedRun, RunState
from factory_core.work_item import Frozen

from .clients import Clients, in_our_words
from .deployment import Deployment
from .stopped_task import EPOCH, RUN, TENANT, Task, task_of

if TYPE_CHECKING:
    from ..fleets.worker_queue.leases import Leases

logger = logging.getLogger("factory.aws")
CONTAINER = "agent"


class Place(Frozen):
    """Where one tenant's tasks run. `url` is the factory's own."""

    cluster: str
    definition: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    url: str


def places_of(deployment: Deployment) -> dict[str, Place]:
    """By tenant; whoever is not in it has workers that ask."""
    return TypeAdapter(dict[str, Place]).validate_json(deployment.tasks or "{}")


class RunTasks:
    """One tenant's. A run in one epoch is one task, however often it is told of."""

    def __init__(self, clients: Clients, place: Place, leases: Leases, tenant: str) -> None:
        self._clients, self._place, self._leases, self._tenant = clients, place, leases, tenant

    async def tell(self, run_id: str) -> None:
        """Start its task. Raises Retryable while there is no room for one."""
        run = await self._leases.settle(run_id)
        if run is None or run.state is not RunState.WAITING:
            return
        task = await asyncio.to_thread(self._started, run)
        if task and task.stopped:  # one that is gone already, and its event was lost
            await self._leases.gone(run_id, run.epoch, task.verdict, task.why)

    async def remind(self, waiting: Sequence[str]) -> None:
        """Those whose start was lost get one; for the others AWS answers with the task that they have."""
        for run_id in waiting:
            try:
                await self.tell(run_id)
            except Problem as problem:
                logger.error("%s: %s", problem.what, problem.why, extra={"action": "task", "tenant": self._tenant})
            except Exception:  # a fault over one is no other's
                logger.exception("no task for %s", run_id, extra={"action": "task", "tenant": self._tenant})

    def _started(self, run: QueuedRun) -> Task | None:
        """None: ECS has it, and with other parameters, for Terraform has changed them meanwhile."""
        with in_our_words(f"no task can be started for {run.run_id}"):
            try:
                said = self._clients.ecs.run_task(**self._request(run))
            except self._clients.ecs.exceptions.ConflictException:
                return None
        if not said["tasks"]:
            why = "; ".join(f"{one.get('reason')} {one.get('detail', '')}".strip() for one in said["failures"])
            fix = "In AWS: look at the service quotas of Fargate, and at other subnets"
            raise Retryable(
                f"no task was started for {run.run_id}", why=why or "no reason was given", fix=fix, after=60
            )
        return task_of(said["tasks"][0])

    def _request(self, run: QueuedRun) -> dict[str, Any]:
        pointers = {TENANT: self._tenant, RUN: run.run_id, EPOCH: str(run.epoch), "FACTORY_URL": self._place.url}
        environment = [{"name": name, "value": value} for name, value in pointers.items()]
        network = {
            "subnets": list(self._place.subnets),
            "securityGroups": list(self._place.security_groups),
            "assignPublicIp": "ENABLED",  # else a NAT gateway would have to be paid for; nothing is let in
        }
        return {
            "cluster": self._place.cluster,
            "taskDefinition": self._place.definition,
            "launchType": "FARGATE",
            "count": 1,
            "clientToken": _token(self._tenant, run),
            "startedBy": re.sub(r"[^\w-]", "-", run.run_id, flags=re.ASCII)[:128],
            "networkConfiguration": {"awsvpcConfiguration": network},
            "overrides": {"containerOverrides": [{"name": CONTAINER, "environment": environment}]},
        }


def _token(tenant: str, run: QueuedRun) -> str:
    """64 characters are the most; a cluster may be shared by tenants."""
    return hashlib.sha256(f"{tenant}/{run.run_id}/{run.epoch}".encode()).hexdigest()
