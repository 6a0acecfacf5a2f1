"""What one execution environment keeps from call to call: its loop, its name in leases, the tenants that it knows.

Made with the first call, not at import: only then is there an environment, and time costs nobody anything before.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from ..assembly import utc_now
from ..logs.log_lines import PrintedLines
from ..logs.redaction import in_this_process, values_of_secrets
from . import metrics
from .clients import Clients
from .deployment import deployment_of
from .tenants import Tenants

T = TypeVar("T")
MARGIN = timedelta(seconds=5)  # for the last save, and for the answer


def log_in_lines(environment: Mapping[str, str]) -> None:
    """JSON lines in place of those of Lambda's own handlers, whose filters know the id of the request."""
    lines = PrintedLines(in_this_process(lambda: values_of_secrets(environment)))
    for handler in logging.root.handlers:
        for known in handler.filters:
            lines.addFilter(known)
    logging.root.handlers[:] = [lines]


class Process:
    """See process()."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        logging.getLogger("factory").setLevel(logging.INFO)
        for library in ("botocore", "httpx2", "httpcore2"):
            logging.getLogger(library).setLevel(logging.WARNING)
        log_in_lines(environment)
        self.deployment, self.clients = deployment_of(environment), Clients()
        self.tenants = Tenants(self.deployment, self.clients, f"aws-{uuid.uuid4().hex[:12]}")
        self._loop = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Connections live as long as the loop, and so this process has one."""
        return self._loop.run(work)

    def measure(self, values: Mapping[str, float]) -> None:
        """Lambda passes on what is printed, and CloudWatch finds the metrics in it."""
        if values:
            print(metrics.line(values, self.deployment.name, utc_now()), flush=True)


@cache
def process() -> Process:
    """This process's own. Raises ConfigProblem when the function's environment is incomplete."""
    return Process(os.environ)


def time_is_up(context: Any) -> datetime:
    """When to begin nothing more: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    return utc_now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - MARGIN
