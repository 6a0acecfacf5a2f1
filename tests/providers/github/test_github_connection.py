"""What `factory check` learns about GitHub."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from fake_github import with_client

from adapters.providers import http_call
from adapters.providers.github.connection import check_connection
from factory_core.connections import ConnectionStatus, ProviderConnection

pytestmark = pytest.mark.pure

ME = {"login": "acme-factory"}
NO_USER = httpx2.Response(403, json={"message": "Resource not accessible by integration"})


def checked(user: Any, installation: Any = None) -> ProviderConnection:
    def answer(request: httpx2.Request) -> httpx2.Response:
        found = user if request.url.path == "/user" else installation
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, httpx2.Response)
        return found

    return with_client(answer, check_connection)


@pytest.mark.parametrize(
    ("header", "scopes"), [("repo, read:org", ("repo", "read:org")), ("repo", ("repo",)), (None, None)]
)
def test_a_good_token_is_connected(header: str | None, scopes: tuple[str, ...] | None) -> None:
    """A classic token with `repo`, and a fine-grained one, of which GitHub does not say what it may."""
    headers = {} if header is None else {"x-oauth-scopes": header}
    assert checked(httpx2.Response(200, json=ME, headers=headers)) == ProviderConnection(
        provider="github", status=ConnectionStatus.CONNECTED, required_scopes=("repo",), connected_scopes=scopes,
        account="acme-factory",
    )  # fmt: skip


@pytest.mark.parametrize("header", ["", "public_repo, gist"])
def test_a_classic_token_without_repo_lacks_a_scope(header: str) -> None:
    """It says which scope is missing and how to get it; `public_repo` is not enough."""
    found = checked(httpx2.Response(200, json=ME, headers={"x-oauth-scopes": header}))
    assert (found.status, found.words, found.fix) == (
        ConnectionStatus.MISSING_SCOPES, "missing-scopes: repo", "factory connect github",
    )  # fmt: skip


@pytest.mark.parametrize("installation", [httpx2.Response(200, json={"repositories": []}), NO_USER])
def test_an_installation_token_is_connected_though_it_is_nobody(installation: httpx2.Response) -> None:
    """403 on who-am-I is normal for an App's token; only a token that GitHub does not know is refused."""
    assert checked(NO_USER, installation).ready


@pytest.mark.parametrize(
    ("answer", "status", "fix"),
    [
        (httpx2.Response(401, json={}), ConnectionStatus.NEEDS_AUTH, "factory connect github"),
        (httpx2.Response(403, headers={"retry-after": "9"}), ConnectionStatus.ERROR, "factory check"),
        (httpx2.Response(429), ConnectionStatus.ERROR, "factory check"),
        (httpx2.Response(500), ConnectionStatus.ERROR, "factory check"),
        (httpx2.Response(200, text="<html>"), ConnectionStatus.ERROR, "factory check"),
        (httpx2.Response(404), ConnectionStatus.ERROR, "In GitHub: "),
        (httpx2.ConnectTimeout("nobody there"), ConnectionStatus.ERROR, "factory check"),
    ],
)
def test_whatever_is_wrong_is_in_the_answer(answer: Any, status: ConnectionStatus, fix: str) -> None:
    """The check never raises: status, reason and fix say it all."""
    found = checked(answer)
    assert found.status is status
    assert found.fix.startswith(fix)
    assert found.error


def test_a_hanging_github_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check ends on time even when no answer ever comes."""
    monkeypatch.setattr(http_call, "PATIENCE", 0.01)

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert with_client(hang, check_connection).status is ConnectionStatus.ERROR
