"""The status pages and /healthz of every tenant of this process."""

from __future__ import annotations

from factory_core.errors import NotFound, StoreUnavailable
from factory_core.http import HttpRequest, HttpResponse
from factory_core.overview import Observed

from ..assembly import utc_now
from ..web import pages
from ..web.basic_auth import basic_credentials
from .dynamo_client import dynamo_client
from .dynamo_state_store import DynamoStateStore
from .process import Process
from .wiring import AwsTenant


async def shown(request: HttpRequest, process: Process) -> HttpResponse:
    """What a GET gives. For anybody /healthz says whether the table answers; for a tenant, whether anything is late."""
    tenant = await _tenant_of(request, process)
    if request.path == "/healthz":
        return (
            await pages.healthz(Observed(tenant.recorder))
            if tenant
            else pages.health_response(await _table_answers(process))
        )
    if tenant is None:
        return pages.unauthorized()
    return await pages.shown(request, Observed(tenant.recorder), tenant.fleet, "DynamoDB")


async def _table_answers(process: Process) -> bool:
    nobody = DynamoStateStore(dynamo_client, process.deployment.table, "-", utc_now)  # no tenant can be called so
    try:
        await nobody.get_batch()
    except StoreUnavailable:
        return False
    return True


async def _tenant_of(request: HttpRequest, process: Process) -> AwsTenant | None:
    """The tenant whose password came along; None for everybody else."""
    user, password = basic_credentials(request.headers.get("authorization", ""))
    if not user or not password:
        return None
    try:
        tenant = await process.tenants.at_the_door(user)
    except NotFound:
        return None
    return tenant if pages.is_known(tenant.secrets, password) else None
