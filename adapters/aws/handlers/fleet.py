"""The workers' door: factory.worker/1 over the line of runs in the table, which SQS feeds. No claim is held open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_HTTP

from factory_core.errors import NotFound, Problem
from factory_core.http import HttpRequest, HttpResponse, problem_response

from ...assembly import utc_now
from ...fleets.worker_queue.endpoint import WorkerEndpoint, nobody_here
from ...registry import WORKERS
from ..http import request_of, response_of
from ..logger import function_logger
from ..process import process
from ..run_claims import RunClaims
from ..run_messages import RunMessages
from ..tracer import traced

_FLEET = re.compile(r"/fleet/([^/]+)/.+")


@function_logger.inject_lambda_context(correlation_id_path=API_GATEWAY_HTTP, clear_state=True)
@traced
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP event in, an HTTP answer out."""
    return process().run(_answered(event))


async def _answered(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return response_of(await _said(request_of(event, utc_now())))
    except Problem as problem:
        return response_of(problem_response(problem))


async def _said(request: HttpRequest) -> HttpResponse:
    named = _FLEET.fullmatch(request.path)
    if named is None:
        return nobody_here()
    try:
        tenant = await process().tenants.at_the_door(named[1])
    except NotFound:
        return nobody_here()
    claims = RunClaims(RunMessages(tenant.clients, tenant.deployment, tenant.config.tenant), tenant.leases)
    return await WorkerEndpoint(tenant.leases, tenant.secrets.several(WORKERS), claim=claims).handle(request)
