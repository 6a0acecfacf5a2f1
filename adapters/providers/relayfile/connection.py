"""Is relayfile ready for the factory? Asked by reading one line of the change feed."""

from __future__ import annotations

import asyncio

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import Problem

from .client import RelayfileClient, refusal

REQUIRED = ("fs:read",)
PATIENCE = 5.0  # seconds
REFUSED = {401: ConnectionStatus.NEEDS_AUTH, 403: ConnectionStatus.MISSING_SCOPES}


async def check_connection(client: RelayfileClient) -> ProviderConnection:
    """Whether the token opens the workspace; which scopes it has relayfile does not say. Never raises."""
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await client.ask("GET", "/fs/events", params={"direction": "desc", "limit": "1"})
    except TimeoutError:
        return _of(ConnectionStatus.ERROR, f"no answer within {PATIENCE:.0f} s", "factory check")
    except Problem as problem:
        return _of(ConnectionStatus.ERROR, problem.why, problem.fix)
    if answer.is_success:
        return _of(ConnectionStatus.CONNECTED, "", "")
    refused = refusal(answer)
    return _of(REFUSED.get(answer.status_code, ConnectionStatus.ERROR), refused.why, refused.fix)


def _of(status: ConnectionStatus, error: str, fix: str) -> ProviderConnection:
    return ProviderConnection(provider="relayfile", status=status, required_scopes=REQUIRED, error=error, fix=fix)
