"""What ECS says of a task that stopped: its run is ended or given back now, and not only when its lease has run out.

EventBridge tells it at least once, in any order, and may lose it; then the lease and the check-in find the same.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aws_lambda_powertools.logging.correlation_paths import EVENT_BRIDGE
from aws_lambda_powertools.utilities.data_classes.event_bridge_event import EventBridgeEvent
from pydantic import ValidationError

from factory_core.errors import Refused

from ..logger import function_logger
from ..process import process
from ..stopped_task import EPOCH, RUN, TENANT, Task, task_of
from ..tracer import traced
from ..wiring import AwsTenant

logger = logging.getLogger("factory.aws")


@function_logger.inject_lambda_context(correlation_id_path=EVENT_BRIDGE, clear_state=True)
@traced
def handler(event: Mapping[str, Any], context: Any) -> None:
    """One event. Raises what passes, so that Lambda tries again."""
    task = _task(EventBridgeEvent(dict(event)))
    process().run(verdict_on(task, process().tenants))


def _task(event: EventBridgeEvent) -> Task:
    try:
        return task_of(event.get("detail"))
    except ValidationError as error:
        why = f"{error.error_count()} of its fields cannot be read"
        raise Refused(
            "this is no event of a task", why=why, fix="In infra/terraform/aws: run terraform apply"
        ) from None


async def verdict_on(task: Task, tenant_of: Callable[[str], Awaitable[AwsTenant]]) -> None:
    """End its run or give it back, if it is still what the task was started for."""
    told = task.pointers
    about = {"action": "task_ended", "tenant": told.get(TENANT), "task": task.task_arn, "version": task.version}
    if not task.stopped or not told.get(EPOCH, "").isdecimal() or not {TENANT, RUN} <= told.keys():
        logger.info("not for us", extra=about)
        return
    logger.info("%s: %s", told[RUN], task.why, extra=about)
    tenant = await tenant_of(told[TENANT])
    await tenant.leases.gone(told[RUN], int(told[EPOCH]), task.verdict, task.why)
