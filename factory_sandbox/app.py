"""The sandbox as one ASGI app on one loopback port: /linear, /slack, /github, /git, /relayfile, and /_/ to steer it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.web.bounded_http import BoundedProtocol, Bounds
from adapters.web.loopback import served
from factory_core.errors import NotFound, Refused

from . import refusals
from .browsers import without_foreign_pages
from .control import control_routes
from .faults import HANG_UP, FaultyVendor, root_field
from .github import git_http, graphql, rest
from .github.git_http import credential
from .github.host import Moved
from .linear import api as linear_api
from .relayfile import files
from .slack import web_api as slack_api
from .world import Sandbox

Endpoint = Callable[[Request], Awaitable[Response]]
Operation = str | Callable[[Request], Awaitable[str]]


def sandbox_app(sandbox: Sandbox) -> ASGIApp:
    """All vendors; every request is counted, needs its vendor's token, and may meet a fault."""
    api = rest.Rest(sandbox.github, sandbox.webhooks)

    def route(vendor: FaultyVendor, operation: Operation, method: str, path: str, endpoint: Endpoint) -> Route:
        return _route(sandbox, vendor, operation, method, path, endpoint)

    async def linear(request: Request) -> Response:
        return await linear_api.graphql(sandbox.linear_of(_token("linear", request)), request)

    async def slack(request: Request) -> Response:
        return await slack_api.call(sandbox.slack_of(_token("slack", request)), request)

    async def github(request: Request) -> Response:
        return await graphql.execute(sandbox.github, request)

    async def upload(request: Request) -> Response:
        return linear_api.upload(sandbox.linear_of(_token("linear", request)), request)

    routes = [
        *control_routes(sandbox),
        route("linear", root_field, "POST", "/linear/graphql", linear),
        route("linear", "upload", "GET", "/linear/uploads/{id}/{name}", upload),
        route("slack", _slack_method, "*", "/slack/api/{method}", slack),
        *(route("github", root_field, "POST", path, github) for path in graphql.ROOTS),
        *(route("github", name, method, path, endpoint) for name, method, path, endpoint in api.routes()),
        route("github", "unknown", "*", "/github/{rest:path}", _no_such_endpoint),
        Route("/logs/{id:int}/{job:int}.txt", api.log_text),
        route("git", _git_operation, "*", "/git/{owner}/{name}.git/{rest:path}", _git(sandbox)),
        *(
            route("relayfile", name, method, "/relayfile/v1/workspaces/{workspace}" + path, _relayfile(sandbox, f))
            for name, method, path, f in files.ENDPOINTS
        ),
    ]
    return without_foreign_pages(Starlette(routes=routes))


async def _no_such_endpoint(request: Request) -> Response:
    return rest.not_found()


def _relayfile(sandbox: Sandbox, endpoint: Callable[[files.Relayfile, Request], Awaitable[Response]]) -> Endpoint:
    async def answer(request: Request) -> Response:
        return files.uncorrelated(request) or await endpoint(sandbox.relayfile, request)

    return answer


def _git(sandbox: Sandbox) -> Endpoint:
    async def answer(request: Request) -> Response:
        owner, name, rest_of_path = (request.path_params[part] for part in ("owner", "name", "rest"))
        try:
            place = sandbox.github.repository(f"{owner}/{name}")
        except Moved as moved:
            now = sandbox.github.repository_of_id(moved.id).full_name
            return RedirectResponse(str(request.url.replace(path=f"/git/{now}.git/{rest_of_path}")), 301)
        except NotFound:
            return Response("Repository not found.", 404)
        if place.archived and git_http.operation_of(request) == "push":
            return Response("This repository was archived so it is read-only.", 403)
        inside = place.path.relative_to(sandbox.directory)
        response = await git_http.backend(sandbox.directory, f"/{inside}/{rest_of_path}", request)
        if rest_of_path == "git-receive-pack":
            await sandbox.github.refresh(place.full_name)
        return response

    return answer


async def _slack_method(request: Request) -> str:
    method: str = request.path_params["method"]
    return method


async def _git_operation(request: Request) -> str:
    return git_http.operation_of(request)


def _route(
    sandbox: Sandbox, vendor: FaultyVendor, operation: Operation, method: str, path: str, endpoint: Endpoint
) -> Route:
    async def answer(request: Request) -> Response:
        name = operation if isinstance(operation, str) else await operation(request)
        sandbox.requests[vendor, name] += 1
        refused = _unauthorized(sandbox, vendor, request)
        return refused or await sandbox.faults.answer(vendor, name, lambda: endpoint(request))

    return Route(path, answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"] if method == "*" else [method])


def _unauthorized(sandbox: Sandbox, vendor: FaultyVendor, request: Request) -> Response | None:
    """The vendor's own words for no token, for a wrong one, and for one that has ended."""
    verdict = sandbox.credentials["github" if vendor == "git" else vendor].judge(_token(vendor, request))
    if not verdict:
        suspended = vendor in ("github", "git") and sandbox.github.suspended
        return refusals.refusal("github", "suspended")(refusals.Wait(0, sandbox.clock)) if suspended else None
    match vendor:
        case "linear":
            return linear_api.not_authenticated()
        case "slack":
            return slack_api.not_authenticated(verdict)
        case "github":
            return rest.not_authenticated()
        case "git":
            return git_http.ask_for_credential()
        case "relayfile":
            return files.not_authenticated()


def _token(vendor: FaultyVendor, request: Request) -> str:
    """A personal key of Linear's is the whole header."""
    header = request.headers.get("authorization", "")
    return credential(header) or (header if vendor == "linear" and " " not in header else "")


# Serving.


BOUNDS = Bounds(held_bytes=256 * 1024 * 1024)  # git pushes a pack in one body


class _Droppable(BoundedProtocol):
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
            async with served(
                sandbox_app(sandbox), listening, http=_Droppable, bounds=BOUNDS, lifespan="off"
            ) as address:
                yield address
    finally:
        await sandbox.close()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        fix = f"factory sandbox --port {port + 1}"
        raise Refused(f"port {port} cannot be used", why=error.strerror or "it is taken", fix=fix) from None
