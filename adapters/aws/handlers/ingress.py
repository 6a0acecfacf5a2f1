"""The public door: a webhook is answered after what it means is saved and before anything is done about it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_HTTP

from factory_core.errors import NotFound, Problem
from factory_core.http import HttpRequest, HttpResponse, problem_response, unknown_sender

from ...assembly import utc_now
from ..http import request_of, response_of
from ..logger import function_logger
from ..process import process
from ..tracer import traced

logger = logging.getLogger("factory.aws")
_HOOK = re.compile(r"/hooks/([^/]+)/([^/]+)")
_FORGET = re.compile(r"/items/[^/]+/forget")


@function_logger.inject_lambda_context(correlation_id_path=API_GATEWAY_HTTP, clear_state=True)
@traced
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP event in, an HTTP answer out; 503 when it could not be saved, so that the sender sends it again."""
    return process().run(_answered(event))


async def _answered(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        request = request_of(event, utc_now())
        hook = _HOOK.fullmatch(request.path) if request.method == "POST" else None
        if request.method == "POST" and _FORGET.fullmatch(request.path):
            said = await _forgotten(request)
        else:
            said = await (_heard(hook[1], hook[2], request) if hook else _shown(request))
    except Problem as problem:
        logger.warning("%s: %s", problem.what, problem.why, extra={"action": "refused"})
        said = problem_response(problem)
    return response_of(said)


async def _heard(tenant: str, provider: str, request: HttpRequest) -> HttpResponse:
    try:
        here = await process().tenants.at_the_door(tenant)
        said = await here.intake.handle_webhook(provider, request)
    except NotFound as problem:
        logger.warning("%s: %s", problem.what, problem.why, extra={"action": "refused"})
        said = unknown_sender()
    except Problem as problem:
        logger.warning("%s: %s", problem.what, problem.why, extra={"action": "refused", "tenant": tenant})
        said = problem_response(problem)
    ms = round((utc_now() - request.received_at).total_seconds() * 1000)
    logger.info("%s in %s ms", said.status, ms, extra={"action": "answered", "tenant": tenant, "ms": ms})
    process().measure({_counted_as(said.status): 1})
    return said


def _counted_as(status: int) -> str:
    return "WebhooksAccepted" if status < 400 else "WebhooksRefused" if status < 500 else "WebhooksFailed"


async def _forgotten(request: HttpRequest) -> HttpResponse:
    from ...web.basic_auth import basic_credentials
    from ...web.forgetting import answer_forget  # as below
    from ...web.pages import unauthorized

    try:
        tenant = await process().tenants.at_the_door(basic_credentials(request.headers.get("authorization", "")).user)
    except NotFound:
        return unauthorized()
    return await answer_forget(request, tenant.recorder, tenant.secrets)


async def _shown(request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        raise NotFound(
            "nothing is heard here", why="webhooks go to /hooks/<tenant>/<provider>", fix="factory connect --help"
        )
    from ..pages import shown  # no webhook pays for the pages

    return await shown(request, process())
