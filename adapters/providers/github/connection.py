"""Is GitHub ready for the factory? Asked with reads only."""

from __future__ import annotations

from typing import Any

from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import ConnectionLost, Retryable
from factory_core.payload import text

from ..http_call import judged
from .client import GithubClient, document
from .refusals import CONNECT
from .settings import SCOPES


async def check_connection(client: GithubClient) -> ProviderConnection:
    """Who we are there, and what a classic token may do. Never raises."""
    return await judged("github", SCOPES, _check(client), connect=CONNECT)


async def _check(client: GithubClient) -> ProviderConnection:
    """Installation tokens are nobody, so /user is forbidden to them (403) and their own list is asked for."""
    answer = await client.ask("GET", "/user")
    account = text(document(answer), "login") if answer.is_success else ""
    if answer.status_code == 403 and not isinstance(client.refusal(answer), Retryable):
        answer, account = (
            await client.ask("GET", "/installation/repositories", params={"per_page": 1}),
            "an installation",
        )
    refused = None if answer.is_success else client.refusal(answer)
    if refused and (answer.status_code != 403 or isinstance(refused, Retryable)):
        status = ConnectionStatus.NEEDS_AUTH if isinstance(refused, ConnectionLost) else ConnectionStatus.ERROR
        return _unready(status, refused.why, refused.fix)
    return _of_scopes(answer.headers.get("x-oauth-scopes"), account)


def _of_scopes(header: str | None, account: str) -> ProviderConnection:
    """Only classic tokens have the header: docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps"""
    scopes = None if header is None else tuple(filter(None, (scope.strip() for scope in header.split(","))))
    if scopes is not None and not set(SCOPES) <= set(scopes):
        return _unready(ConnectionStatus.MISSING_SCOPES, "", CONNECT, account=account, connected_scopes=scopes)
    return ProviderConnection(
        provider="github", status=ConnectionStatus.CONNECTED, required_scopes=SCOPES, connected_scopes=scopes,
        account=account,
    )  # fmt: skip


def _unready(status: ConnectionStatus, error: str, fix: str, **known: Any) -> ProviderConnection:
    return ProviderConnection(provider="github", status=status, required_scopes=SCOPES, error=error, fix=fix, **known)
