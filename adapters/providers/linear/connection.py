"""Is Linear ready for us? One question: who are we there."""

from __future__ import annotations

import asyncio

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import Problem

from .client import CONNECT, LinearClient, shaped
from .issue import Named, Node

REQUIRED_SCOPES = ("read", "write")
_PATIENCE = 5.0  # seconds


class Viewer(Node):
    name: str
    organization: Named


class ViewerAnswer(Node):
    viewer: Viewer


async def check_connection(client: LinearClient) -> ProviderConnection:
    """Linear tells nobody which scopes a token has; that it is alive is what can be known."""
    try:
        async with asyncio.timeout(_PATIENCE):
            viewer = shaped(ViewerAnswer, await client.post("Viewer", {})).viewer
    except TimeoutError:
        error, fix = f"no answer within {_PATIENCE:.0f} s", "factory check"
    except Problem as problem:
        error, fix = problem.why, problem.fix
    else:
        account = f"{viewer.name} in {viewer.organization.name}"
        return ProviderConnection(
            provider="linear", status=ConnectionStatus.CONNECTED, required_scopes=REQUIRED_SCOPES, account=account
        )
    status = ConnectionStatus.NEEDS_AUTH if fix == CONNECT else ConnectionStatus.ERROR
    return ProviderConnection(provider="linear", status=status, required_scopes=REQUIRED_SCOPES, error=error, fix=fix)
