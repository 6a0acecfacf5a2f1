"""The sandbox as one ASGI app on one loopback port: /linear, /slack, /github, /git, /relayfile, and /_/ to steer it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from factory_core.errors import Refused

from ..loopback import served
from . import git_http, github_api, github_graphql, linear_api, relayfile, slack
from .control import control_routes
from .faults import HANG_UP, FaultyVendor, root_field
from .git_http import credential
from .world import Sandbox

V = TypeVar("V")
Endpoint = Callable[[Request], Awaitable[Response]]


def sandbox_app(sandbox: Sandbox) -> Starlette:
    """All vendors; every request is counted, needs its vendor's token, and may meet a fault."""
    rest = github_api.Rest(sandbox.github, sandbox.webhooks)
    routes = [
        *control_routes(sandbox),
        _route(sandbox, "linear", root_field, "POST", "/linear/graphql", _of(sandbox.linear, linear_api.graphql)),
        _route(sandbox, "slack", _slack_method, "*", "/slack/api/{method}", _of(sandbox.slack, slack.web_api)),
        _route(sandbox, "github", root_field, "POST", "/github/graphql", _of(sandbox.github, github_graphql.graphql)),
        *(
            _route(sandbox, "github", name, method, "/github" + path, github_api.with_refusals(endpoint))
            for name, method, path, endpoint in rest.routes()
        ),
        _route(sandbox, "git", _git_operation, "*", "/git/{owner}/{name}.git/{rest:path}", _git(sandbox)),
        *(
            _route(
                sandbox,
                "relayfile",
                name,
                method,
                "/relayfile/v1/workspaces/{workspace}" + path,
                _of(sandbox.relayfile, f),
            )
            for name, method, path, f in relayfile.ENDPOINTS
        ),
    ]
    return Starlette(routes=routes)


def _of(vendor: V, endpoint: Callable[[V, Request], Awaitable[Response]]) -> Endpoint:
    """The endpoint over the vendor's state."""

    async def answer(request: Request) -> Response:
        return await endpoint(vendor, request)

    return answer


def _git(sandbox: Sandbox) -> Endpoint:
    async def answer(request: Request) -> Response:
        owner, name, rest = (request.path_params[part] for part in ("owner", "name", "rest"))
        if f"{owner}/{name}" not in sandbox.github.repositories:
            return Response("Repository not found.", 404)
        response = await git_http.backend(sandbox.directory, f"/{owner}/{name}.git/{rest}", request)
        if rest == "git-receive-pack":
            await sandbox.github.refresh(f"{owner}/{name}")
        return response

    return answer


async def _slack_method(request: Request) -> str:
    method: str = request.path_params["method"]
    return method


async def _git_operation(request: Request) -> str:
    return git_http.operation_of(request)


def _route(
    sandbox: Sandbox,
    vendor: FaultyVendor,
    operation: str | Callable[[Request], Awaitable[str]],
    method: str,
    path: str,
    endpoint: Endpoint,
) -> Route:
    async def answer(request: Request) -> Response:
        name = operation if isinstance(operation, str) else await operation(request)
        sandbox.requests[vendor, name] += 1
        refusal = _refusal(sandbox, vendor, request)
        return refusal or await sandbox.faults.answer(vendor, name, lambda: endpoint(request))

    return Route(path, answer, methods=["GET", "POST"] if method == "*" else [method])


def _refusal(sandbox: Sandbox, vendor: FaultyVendor, request: Request) -> Response | None:
    """The vendor's own words for no token and for a wrong one."""
    header = request.headers.get("authorization", "")
    token = credential(header) or (header if vendor == "linear" and " " not in header else "")
    wanted = sandbox.tokens.get("github" if vendor == "git" else vendor)
    if token and wanted in (None, token):
        return relayfile.uncorrelated(request) if vendor == "relayfile" else None
    match vendor:
        case "linear":
            return linear_api.not_authenticated()
        case "slack":
            return slack.not_authenticated("invalid_auth" if token else "not_authed")
        case "github":
            return github_api.not_authenticated()
        case "git":
            return git_http.ask_for_credential()
        case "relayfile":
            return relayfile.not_authenticated()


# Serving.


class _Droppable(H11Protocol):
    """Lets the app close the connection without a word."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app: ASGIApp = self.app

        async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), HANG_UP: transport.abort}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_hang_up


@contextlib.asynccontextmanager
async def serving(sandbox: Sandbox, port: int = 0) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 while the block runs, and give the address; port 0 takes a free one. Closes the sandbox."""
    try:
        with _listening(port) as listening:
            sandbox.move_to(f"http://127.0.0.1:{listening.getsockname()[1]}")
            async with served(sandbox_app(sandbox), listening, http=_Droppable, lifespan="off") as address:
                yield address
    finally:
        await sandbox.close()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        fix = f"factory sandbox --port {port + 1}"
        raise Refused(f"port {port} cannot be used", why=error.strerror or "it is taken", fix=fix) from None
