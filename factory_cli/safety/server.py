"""Requests without a password or a signature to a server of this configuration, on a port of its own and with an empty
store. The server that runs is only asked for its status page."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from adapters.assembly import utc_now
from adapters.local.server import LOOPBACK, Site, refuse_open_page
from adapters.local.wiring import LocalTenant, open_store
from adapters.web.bounded_http import Bounds
from adapters.web.loopback import served
from adapters.web.pages import TOKEN
from factory_core import VERSION
from factory_core.config import FactoryConfig, Store
from factory_core.errors import Problem
from factory_core.payload import parse
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt

from .promises import FLOOD, MACHINES, PAGE, SIGNED, Installed, Promise, Trial, judged, not_applicable, refused

SMALL = Bounds(connections=32, deadline=1.0)
PATIENCE = 5.0  # seconds for one answer
_PAGES = ("/status.json", "/", "/items/ACME-1")
_AS_A_PROXY: Mapping[str, str] = {"x-forwarded-for": "192.0.2.1"}
_UNDER_A_FOREIGN_NAME: Mapping[str, str] = {"host": "factory.example"}


class Asked(NamedTuple):
    """A server, and what of it is asked."""

    url: str
    has_password: bool


async def server_trials(installed: Installed) -> list[Trial]:
    """Try what concerns the server."""
    token = installed.environment.get(TOKEN.names[0], "")
    trials = []
    async with contextlib.AsyncExitStack() as stack:
        running = Asked(_address(installed.config), bool(token))
        try:
            own = Asked(await stack.enter_async_context(_own(installed, token)), bool(token))
        except (Problem, OSError) as error:
            why, fix = (error.why, error.fix) if isinstance(error, Problem) else (str(error), "factory doctor")
            why = f"the factory would not start: {why}"
            trials += [not_applicable(promise, why, fix) for promise in (SIGNED, FLOOD)]
            pages = [running]
        else:
            signed = wrong_signatures(own.url, installed.config)
            trials += [await _tried(SIGNED, signed), await _tried(FLOOD, flooded(own.url, SMALL))]
            pages = [own, running]
        return [await private_page(pages), *trials, reachable(installed.config.server.host, token)]


async def _tried(promise: Promise, trial: Awaitable[Trial]) -> Trial:
    try:
        return await trial
    except (OSError, httpx2.HTTPError) as error:  # this process may open too few files, for one
        return not_applicable(promise, f"{type(error).__name__}: {error}", "factory doctor")


def reachable(host: str, token: str) -> Trial:
    """By the rule that `factory serve` starts by."""
    try:
        refuse_open_page(host, token)
    except Problem as problem:
        return refused(MACHINES, problem)
    return Trial(MACHINES, "held")


async def private_page(servers: list[Asked]) -> Trial:
    """Who has no password, or comes from elsewhere, sees nothing. One that does not answer is passed over."""
    shown = [await _shown(server) for server in servers]
    if all(found is None for found in shown):
        return not_applicable(PAGE, "no server answers")
    return judged(PAGE, next(filter(None, shown), ""), "factory serve")  # of this release, in place of what runs


async def _shown(server: Asked) -> str | None:
    """What it showed, and to which request; None when it does not answer, or is another program's."""
    ways: list[Mapping[str, str]] = [_AS_A_PROXY, _UNDER_A_FOREIGN_NAME]
    for headers in [{}, *ways] if server.has_password else ways:
        for path in _PAGES:
            status, document = await _get(server.url + path, headers)
            is_other = path == _PAGES[0] and status == 200 and not document.startswith("factory.")
            if not status or is_other:
                return None
            if status == 200:
                how = ", ".join(f"{name}: {value}" for name, value in headers.items()) or "no password"
                return f"{server.url}{path} was shown to a request with {how}"
    return ""


async def wrong_signatures(url: str, config: FactoryConfig) -> Trial:
    """Each vendor's webhook, unsigned and signed with a secret of nobody's; and one for a tenant that is not there."""
    nobody = secrets.token_hex(8)
    attempt = Attempt(secrets.token_hex(8), "ping", b'{"zen":"Anybody can send this."}', utc_now())
    async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        for tenant in (config.tenant, nobody):
            for name in config.providers():
                sign = next((sign for vendor, sign in SIGN.items() if vendor == name), None)
                for headers in ({}, sign(secrets.token_hex(16), attempt) if sign else {}):
                    response = await http.post(f"{url}/hooks/{tenant}/{name}", content=attempt.body, headers=headers)
                    if response.status_code != 401:
                        signed = "a wrongly signed" if headers else "an unsigned"
                        found = f"{signed} webhook of {name} was answered with {response.status_code}"
                        return judged(SIGNED, found, f"factory connect {name} --signing-secret -")
    return Trial(SIGNED, "held")


async def flooded(url: str, bounds: Bounds) -> Trial:
    """Half-open connections, more than fit; then a request; then they are closed within the deadline."""
    host, _, port = url.removeprefix("http://").partition(":")
    async with contextlib.AsyncExitStack() as stack:
        half: list[socket.socket] = []
        for _ in range(bounds.connections + 8):
            connection = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            with contextlib.suppress(OSError):  # closed already
                connection.sendall(b"POST /hooks/x/y HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            connection.setblocking(False)
            half.append(connection)
            await asyncio.sleep(0)
        status, _ = await _get(f"{url}/healthz", {})
        if not status:
            return judged(FLOOD, f"beside {len(half)} half-open connections a request got no answer", "factory serve")
        end = asyncio.get_running_loop().time() + bounds.deadline + PATIENCE
        while still := sum(_is_open(one) for one in half):
            if asyncio.get_running_loop().time() > end:
                return judged(FLOOD, f"{still} half-open connections are not closed", "factory serve")
            await asyncio.sleep(0.1)
    return Trial(FLOOD, "held")


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextlib.asynccontextmanager
async def _own(installed: Installed, token: str) -> AsyncIterator[str]:
    """It follows no run, asks no vendor and starts nothing. Raises Problem where `factory serve` would not start."""
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="factory-safety-", ignore_cleanup_errors=True)
        home = Path(stack.enter_context(made))
        roots = {name: one.model_copy(update={"root": ""}) for name, one in installed.config.repositories.items()}
        config = installed.config.model_copy(update={"store": Store(), "repositories": roots})
        file, presence = open_store(config, home)
        stack.callback(file.close)
        stack.callback(presence.close)
        tenant = LocalTenant(config, installed.secrets, file, presence, home, installed.environment)
        try:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            app = Site({config.tenant: tenant}, VERSION, {config.tenant: token}).app()
            async with served(app, listening, bounds=SMALL, lifespan="off", access_log=False, log_level="error") as url:
                yield url
        finally:
            await tenant.http.aclose()


def _address(config: FactoryConfig) -> str:
    host = config.server.host
    is_here = host in LOOPBACK or host in ("0.0.0.0", "::")  # noqa: S104 - asked for, not listened on
    return f"http://{'127.0.0.1' if is_here else host}:{config.server.port}"


async def _get(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Status and the schema of the document; 0 when nothing answers."""
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            response = await http.get(url, headers=dict(headers))
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return 0, ""
    document: Any = None
    with contextlib.suppress(ValueError):
        document = parse(response.content)
    return response.status_code, str(document.get("schema", "")) if isinstance(document, dict) else ""
