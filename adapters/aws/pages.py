"""The status pages and /healthz, at the addresses of `factory serve`. A tenant sees its own, behind its own password.

The user's name is the tenant, the password its secret FACTORY_STATUS_TOKEN. Who is refused learns not who exists.
"""

from __future__ import annotations

import hmac
import json
import re

from factory_core import VERSION
from factory_core.errors import BadSignature, NeedsPerson, NotFound, Refused, StoreUnavailable
from factory_core.intake.http import HttpRequest, HttpResponse, problem_response
from factory_core.overview import health, item_overview, overview
from factory_core.status_page import item_page, page, stale_page

from ..assembly import utc_now
from ..registry import Secret
from ..visitors import page_response, visitor
from .dynamo_client import dynamo_client
from .dynamo_state_store import DynamoStateStore
from .process import Process
from .wiring import AwsTenant

TOKEN = Secret("status token", ("FACTORY_STATUS_TOKEN",), "any long random text")
_ITEM = re.compile(r"/items/([^/]+)")


async def shown(request: HttpRequest, process: Process) -> HttpResponse:
    """What a GET gives."""
    if request.path == "/healthz":
        return await _healthz(request, process)
    tenant = await _tenant_of(request, process)
    if tenant is None:
        return _who_are_you()
    known = request.headers.get("if-none-match")
    try:
        if item := _ITEM.fullmatch(request.path):
            return await _item(tenant, item[1], known)
        if request.path not in {"/", "/status.json"}:
            raise NotFound(
                "no such page", why="there are /, /status.json, /items/<key> and /healthz", fix="factory status"
            )
        report = await overview(tenant.ears, tenant.fleet, VERSION, "DynamoDB")
    except StoreUnavailable as problem:
        return page_response(stale_page(None, utc_now(), f"{problem.what}: {problem.why}"), known, status=503)
    if request.path == "/status.json":
        return HttpResponse(body=report.model_dump_json().encode())
    return page_response(page(report), known)


async def _item(tenant: AwsTenant, key: str, known: str | None) -> HttpResponse:
    found = await item_overview(tenant.ears, tenant.fleet, key, VERSION)
    if found is None:
        raise NotFound(f"no item {key[:80]}", why="the factory keeps no record of it", fix="factory status")
    return page_response(item_page(found), known)


async def _healthz(request: HttpRequest, process: Process) -> HttpResponse:
    """For anybody: does the table answer? For a tenant: is anything late, too?"""
    tenant = await _tenant_of(request, process)
    if tenant is not None:
        found = await health(tenant.ears)
        said = {"ok": found.ok, "version": VERSION, tenant.config.tenant: found.model_dump(mode="json")}
    else:
        said = {"ok": await _table_answers(process), "version": VERSION}
    return HttpResponse(status=200 if said["ok"] else 503, body=json.dumps(said).encode())


async def _table_answers(process: Process) -> bool:
    nobody = DynamoStateStore(dynamo_client, process.deployment.table, "-", utc_now)  # no tenant can be called so
    try:
        await nobody.get_batch()
    except StoreUnavailable:
        return False
    return True


async def _tenant_of(request: HttpRequest, process: Process) -> AwsTenant | None:
    """The tenant whose password came along; None for everybody else."""
    user, password = visitor(request.headers.get("authorization", ""))
    if not user or not password:
        return None
    try:
        tenant = await process.tenants(user)
    except (Refused, NeedsPerson):
        return None
    good = [hmac.compare_digest(password.encode(), token.encode()) for token in tenant.secrets.several(TOKEN)]
    return tenant if any(good) else None


def _who_are_you() -> HttpResponse:
    refused = problem_response(
        BadSignature(
            "the status page is private",
            why="no tenant's name came with its password",
            fix="In your browser: sign in as your tenant, with its FACTORY_STATUS_TOKEN as the password",
        )
    )
    return refused.model_copy(update={"headers": {"www-authenticate": 'Basic realm="factory"'}})
