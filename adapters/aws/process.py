"""What one execution environment keeps from call to call: its loop, its name in leases, the tenants that it knows.

Made with the first call, not at import: only then is there an environment, and time costs nobody anything before.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from ..assembly import utc_now
from .clients import Clients
from .deployment import deployment_of
from .logger import log_in_lines
from .metrics import measure
from .tenants import Tenants
from .tracer import trace_requests

T = TypeVar("T")
MARGIN = timedelta(seconds=5)  # for the last save, and for the answer


class Process:
    """See process()."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        log_in_lines()
        trace_requests()
        self.deployment, self.clients = deployment_of(environment), Clients()
        self.tenants = Tenants(self.deployment, self.clients, f"aws-{uuid.uuid4().hex[:12]}")
        self._loop = asyncio.Runner()
        self._loop.get_loop()  # this thread's own from now on, also for Powertools' batch processor

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Connections live as long as the loop, and so this process has one."""
        return self._loop.run(work)

    def measure(self, values: Mapping[str, float]) -> None:
        measure(values, self.deployment.name)


@cache
def process() -> Process:
    """This process's own. Raises ConfigProblem when the function's environment is incomplete."""
    return Process(os.environ)


def time_is_up(context: Any) -> datetime:
    """When to begin nothing more: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    return utc_now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - MARGIN
