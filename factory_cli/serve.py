"""Hear webhooks, do the work, show the status: until ^C, and then agents finish their turn."""

from __future__ import annotations

import argparse
import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

from adapters.credentials import MissingSecrets, missing_secrets, refuse_missing_secrets
from adapters.fleets.local_engines.processes import keep_private
from adapters.local.presence import Presence
from adapters.local.server import LOOPBACK, Site
from adapters.local.sqlite_file import SqliteFile
from adapters.local.wiring import LocalTenant, open_store
from adapters.loopback import served
from factory_core.connections import NotReady, refuse_to_start
from factory_core.errors import Refused

from . import VERSION
from .check import look
from .output import Output
from .place import Place, config_argument, places_of, relative
from .serve_log import log_to
from .stopping import stop_signals


def arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser, several=True)
    parser.add_argument("--host", default="", help="instead of the configuration's server.host")
    parser.add_argument("--port", type=int, default=None, help="instead of the configuration's server.port")
    parser.add_argument("--no-check", action="store_true", help="start although a connection may not be ready")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traffic")
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="of standard error")


def run(args: argparse.Namespace, out: Output) -> int:
    keep_private()
    places = places_of(args.config, out)
    try:
        refuse_missing_secrets([one for place in places for one in missing_secrets(place.config, place.secrets)])
        return asyncio.run(_serve(places, args, out))
    except MissingSecrets as problem:
        rows = [(one.provider, one.secret.what, one.name, f"factory connect {one.provider}") for one in problem.missing]
        return out.problem(problem, rows)
    except NotReady as problem:
        return out.problem(problem, [(one.provider, one.words, one.fix) for one in problem.waiting])


async def _serve(places: Sequence[Place], args: argparse.Namespace, out: Output) -> int:
    log_to(out, verbose=args.verbose, as_json=args.log_format == "json")
    host, port = _address(places[0], args)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(_listening(host, port))
        connections = {} if args.no_check else {place.config.tenant: await look(place) for place in places}
        refuse_to_start([one for found in connections.values() for one in found])
        tenants = _tenants(places, stack)
        for name, found in connections.items():
            tenants[name].factory.connected_as(found)
        site = Site(tenants, VERSION, places[0].environment.get("FACTORY_STATUS_TOKEN", ""))
        stopped, serving = stop_signals(), {"lifespan": "on", "access_log": False, "log_level": "warning"}
        await stack.enter_async_context(served(site.app(), listening, **serving))
        stack.callback(site.hang_up)
        _banner(places, host, listening.getsockname()[1], out)
        return await stopped


def _address(place: Place, args: argparse.Namespace) -> tuple[str, int]:
    server = place.config.server
    host, port = args.host or server.host, server.port if args.port is None else args.port
    if host not in LOOPBACK and not place.environment.get("FACTORY_STATUS_TOKEN"):
        raise Refused(
            "Not starting: other machines could read the status page.",
            why="server.host is not this machine alone, and FACTORY_STATUS_TOKEN is not set",
            fix="In your environment: set FACTORY_STATUS_TOKEN, or leave server.host at 127.0.0.1",
        )
    return host, port


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host.strip("[]"), port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Refused(
            f"Port {port} cannot be used.",
            why=f"the system says: {why}",
            fix=f"factory serve --port {port % 65535 + 1}",
        ) from None


def _tenants(places: Sequence[Place], stack: AsyncExitStack) -> dict[str, LocalTenant]:
    """Tenants that name the same file share its commits."""
    opened: dict[str, tuple[SqliteFile, Presence]] = {}
    tenants = {}
    for place in places:
        path = str(place.store)
        if path not in opened:
            opened[path] = file, presence = open_store(place.config, place.path.parent)
            stack.callback(file.close)
            stack.callback(presence.close)
        tenants[place.config.tenant] = LocalTenant(
            place.config, place.secrets, *opened[path], place.home, place.environment
        )
    return tenants


def _banner(places: Sequence[Place], host: str, port: int, out: Output) -> None:
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    url, first = f"http://{shown}:{port}", places[0].config
    hooks = {
        p.config.tenant: [f"{url}/hooks/{p.config.tenant}/{name}" for name in p.config.providers()] for p in places
    }
    lines = [f"factory {VERSION}", f"  Status     {url}"]
    for place in places:
        names = ",".join(place.config.providers())
        lines.append(f"  Webhooks   {url}/hooks/{place.config.tenant}/{{{names}}}")
    engines = ", ".join(dict.fromkeys(place.config.agents.engine for place in places))
    remote = [place.config.tenant for place in places if place.config.agents.fleet == "workers"]
    lines.append(f"  Store      {first.store.kind}, {relative(places[0].store)}")
    lines.append(f"  Agents     up to {sum(p.config.capacity.agents for p in places)}, {engines}")
    lines += [f"  Workers    factory worker --url {url} --tenant {tenant}" for tenant in remote]
    lines.append("Ready. (^C to quit; agents go on, and the next start finds them)")
    store = {"kind": first.store.kind, "path": str(places[0].store)}
    out.answer(
        {"schema": "factory.serve/1", "version": VERSION, "status": url, "webhooks": hooks, "store": store},
        "\n".join(lines),
    )
