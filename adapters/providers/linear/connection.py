"""Is Linear ready for us? One question: who are we there."""

from __future__ import annotations

from factory_core.connections import ConnectionStatus, ProviderConnection

from ..http_call import judged
from .client import LinearClient, shaped
from .issue import Named
from .pages import Node
from .refusals import CONNECT
from .settings import SCOPES


class Viewer(Node):
    name: str
    organization: Named


class ViewerAnswer(Node):
    viewer: Viewer


async def check_connection(client: LinearClient) -> ProviderConnection:
    """Linear tells nobody which scopes a token has; that it is alive is what can be known."""
    return await judged("linear", SCOPES, _ask(client), connect=CONNECT)


async def _ask(client: LinearClient) -> ProviderConnection:
    viewer = shaped(ViewerAnswer, await client.post("Viewer", {})).viewer
    return ProviderConnection(
        provider="linear",
        status=ConnectionStatus.CONNECTED,
        required_scopes=SCOPES,
        account=f"{viewer.name} in {viewer.organization.name}",
        organisation=viewer.organization.id or "",
    )
