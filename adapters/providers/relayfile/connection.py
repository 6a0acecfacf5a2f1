"""Is relayfile ready for the factory? Asked by reading one line of the change feed."""

from __future__ import annotations

from factory_core.connections import ConnectionStatus, ProviderConnection

from ..http_call import judged
from .client import RelayfileClient, refusal
from .refusals import CONNECT
from .settings import SCOPES

REFUSED = {403: ConnectionStatus.MISSING_SCOPES}


async def check_connection(client: RelayfileClient) -> ProviderConnection:
    """Whether the token opens the workspace; which scopes it has relayfile does not say. Never raises."""
    return await judged("relayfile", SCOPES, _ask(client), connect=CONNECT)


async def _ask(client: RelayfileClient) -> ProviderConnection:
    answer = await client.ask("GET", "/fs/events", params={"direction": "desc", "limit": "1"})
    if answer.is_success:
        return _of(ConnectionStatus.CONNECTED, "", "")
    refused = refusal(answer)
    return _of(REFUSED.get(answer.status_code, ConnectionStatus.ERROR), refused.why, refused.fix)


def _of(status: ConnectionStatus, error: str, fix: str) -> ProviderConnection:
    return ProviderConnection(provider="relayfile", status=status, required_scopes=SCOPES, error=error, fix=fix)
