"""Is Slack ready for us? Who are we there, and which scopes does the token lack."""

from __future__ import annotations

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.payload import text

from ..http_call import judged
from .client import Answer, SlackClient
from .refusals import CONNECT
from .settings import SCOPES


async def check_connection(client: SlackClient) -> ProviderConnection:
    """auth.test needs no scope, and its `x-oauth-scopes` header lists what the token has."""
    return await judged("slack", SCOPES, _ask(client), connect=CONNECT)


async def _ask(client: SlackClient) -> ProviderConnection:
    return _judge(await client.call("auth.test"))


def _judge(answer: Answer) -> ProviderConnection:
    """A token whose scopes Slack does not tell counts as connected: the first refused call names what it lacks."""
    missing = answer.scopes is not None and not set(SCOPES) <= set(answer.scopes)
    return ProviderConnection(
        provider="slack",
        status=ConnectionStatus.MISSING_SCOPES if missing else ConnectionStatus.CONNECTED,
        required_scopes=SCOPES,
        connected_scopes=answer.scopes,
        account=f"{text(answer.body, 'user')} in {text(answer.body, 'team')}",
        organisation=text(answer.body, "team_id"),
        fix=CONNECT if missing else "",
    )
