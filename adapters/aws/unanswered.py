"""Webhooks that got no answer but 5xx, as API Gateway counts them: also where no function ran, or none could note it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from factory_core.errors import Retryable

from .clients import Clients, in_our_words

logger = logging.getLogger("factory.aws")
WINDOW = timedelta(hours=3)  # a clock that stood still for longer is a gap of its own
MINUTE = timedelta(minutes=1)


async def unanswered_until(clients: Clients, api: str, now: datetime) -> datetime | None:
    """The end of the newest minute in which something was answered with 5xx; None without one, or while nobody says.

    The counts come a minute or two late; what they do not say yet they say at the next tick.
    """
    try:
        return await asyncio.to_thread(_read, clients, api, now) if api else None
    except Retryable as problem:
        logger.warning("%s: %s", problem.what, problem.why, extra={"action": "check_in"})
        return None


def _read(clients: Clients, api: str, now: datetime) -> datetime | None:
    with in_our_words("unanswered webhooks cannot be counted"):
        said = clients.cloudwatch.get_metric_statistics(
            Namespace="AWS/ApiGateway", MetricName="5xx", Dimensions=[{"Name": "ApiId", "Value": api}],
            StartTime=now - WINDOW, EndTime=now + MINUTE, Period=60, Statistics=["Sum"],
        )  # fmt: skip
    return max((one["Timestamp"] + MINUTE for one in said["Datapoints"] if one["Sum"] > 0), default=None)
