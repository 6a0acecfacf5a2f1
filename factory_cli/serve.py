"""Hear webhooks, do the work, show the status: until ^C, and then agents finish their turn. SIGHUP reloads."""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any, NamedTuple

from adapters.credentials.secrets import MissingSecrets, missing_secrets, refuse_missing_secrets
from adapters.fleets.local_engines.engine_state import EngineState
from adapters.fleets.local_engines.processes import keep_private
from adapters.local.listening import Address, listen
from adapters.local.presence import Presence
from adapters.local.server import Site, refuse_open_page
from adapters.local.systemd import ServiceManager
from adapters.local.wiring import LocalTenant, open_store
from adapters.stores.sqlite.sqlite_file import SqliteFile
from adapters.web.bounded_http import Bounds
from adapters.web.loopback import served
from adapters.web.pages import TOKEN
from factory_core.connections import NotReady, ProviderConnection, refuse_to_start
from factory_core.errors import Problem, Refused
from factory_core.ports import WallState

from . import VERSION
from .check import look
from .log_writer import LineWriter
from .output import Output, wall_lines
from .place import Place, config_argument, engines_at, places_of, relative, wall_at, warn_of_open_secrets, with_roots
from .serve_log import log_to
from .stopping import Signals

logger = logging.getLogger("factory.serve")
BANNER = 1.0  # seconds that the reader of standard output may take
LEAST_FILES = 64


def arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser, several=True)
    parser.add_argument(
        "--host", action="append", default=[],
        help="instead of the configuration's server.host; may be repeated (:: is every address, IPv4 and IPv6)",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=None, help="instead of the configuration's server.port")
    parser.add_argument(
        "--repo-root", metavar="PATH", action="append", default=[],
        help="a checkout of a configured repository: what it has is not fetched again (NAME=PATH where its origin"
        " does not name it); it is never changed",
    )  # fmt: skip
    parser.add_argument("--no-check", action="store_true", help="start although a connection may not be ready")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traffic")
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="of standard error")


def run(args: argparse.Namespace, out: Output) -> int:
    keep_private()
    try:
        return asyncio.run(_run(args, out))
    except MissingSecrets as problem:
        rows = [
            (one.provider, one.secret.what, f"{one.name} {one.weakness}".strip(), f"factory connect {one.provider}")
            for one in problem.missing
        ]
        return out.problem(problem, rows)
    except NotReady as problem:
        return out.problem(problem, [(one.provider, one.words, one.fix) for one in problem.waiting])


class Setup(NamedTuple):
    """What a start or a reload has read and checked: the configurations, and sockets that listen at `address`."""

    places: Sequence[Place]
    connections: Mapping[str, Sequence[ProviderConnection]]
    address: Address
    listening: Sequence[socket.socket]

    def close_except(self, other: Setup | None) -> None:
        """Close the sockets that `other` does not go on with."""
        for one in self.listening:
            if other is None or one not in other.listening:
                one.close()


async def _run(args: argparse.Namespace, out: Output) -> int:
    """Serve until a signal. What cannot start after a reload gives way to what was served before it."""
    _refuse_few_files()
    signals = Signals()
    log = log_to(out, verbose=args.verbose, as_json=args.log_format == "json").writer
    setup, former = await _prepare(args, out, None), None
    try:
        while True:
            try:
                result = await _serve(setup, former, signals, log, args, out)
            except Problem as problem:
                if former is None or former is setup:
                    raise
                _log_refused(problem)
                setup.close_except(former)
                setup = former
                continue
            if isinstance(result, int):
                return result
            former, setup = setup, result
    finally:
        setup.close_except(None)


def _refuse_few_files() -> None:
    """Raise Refused where the process may open fewer files than one ticket needs."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < LEAST_FILES:
        why = f"this process may open {limit} files, and {LEAST_FILES} are the least"
        raise Refused("Not starting: too few files may be open.", why=why, fix="In the shell: ulimit -n 1024")


async def _prepare(args: argparse.Namespace, out: Output, former: Setup | None) -> Setup:
    """Read everything anew, and raise the first Problem that forbids to serve with it."""
    places = with_roots(places_of(args.config, out), args.repo_root)
    refuse_missing_secrets([one for place in places for one in missing_secrets(place.config, place.secrets)])
    for file in dict.fromkeys(place.secrets_file for place in places):
        warn_of_open_secrets(file, out)
    address = _address(places, args)
    with ExitStack() as undo:
        listening = former.listening if former and former.address == address else listen(address, undo)
        connections = {} if args.no_check else {place.config.tenant: await look(place) for place in places}
        refuse_to_start([one for found in connections.values() for one in found])
        undo.pop_all()
    return Setup(places, connections, address, listening)


async def _serve(
    setup: Setup, former: Setup | None, signals: Signals, log: LineWriter, args: argparse.Namespace, out: Output
) -> int | Setup:
    """Until the exit code is known, or until SIGHUP found another good setup. Raises Problem when it cannot start."""
    places, server = setup.places, setup.places[0].config.server
    async with AsyncExitStack() as stack:
        tenants = _tenants(places, stack)
        for name, found in setup.connections.items():
            tenants[name].intake.connected_as(found)
        tokens = {place.config.tenant: place.environment.get(TOKEN.names[0], "") for place in places}
        site = Site(tenants, VERSION, tokens, log)
        bounds = Bounds(connections=server.max_connections, trusted_proxies=server.trusted_proxies)
        listening = [one.dup() for one in setup.listening]  # the server closes these, and a reload goes on with those
        serving = served(
            site.app(), *listening, bounds=bounds, unanswered=site.unanswered, lifespan="on", access_log=False,
            log_level="warning",
        )  # fmt: skip
        await stack.enter_async_context(serving)
        stack.callback(site.hang_up)
        if former is None:
            walls = [await wall_at(place) for place in places]
            states = [] if args.no_check else [state for place in places for state in await engines_at(place)]
            _banner(places, walls, states, setup.address.hosts[0], setup.listening[0].getsockname()[1], out)
        else:
            former.close_except(setup)
            logger.warning("reloaded %s", ", ".join(relative(one.path) for one in places), extra={"action": "reload"})
        manager = ServiceManager(out.environment)
        manager.ready()
        loops = [tenant.clockwork for tenant in tenants.values()]
        alive = asyncio.create_task(manager.watch(lambda: all(one.goes_round for one in loops)))
        fresh = asyncio.create_task(_reloaded(setup, signals, manager, args, out))
        ends: set[asyncio.Future[Any]] = {signals.stopped, fresh}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        alive.cancel()
        if not signals.stopped.done():
            return fresh.result()
        manager.stopping()
        fresh.cancel()
        await asyncio.gather(fresh, return_exceptions=True)
        return signals.stopped.result()


async def _reloaded(
    setup: Setup, signals: Signals, manager: ServiceManager, args: argparse.Namespace, out: Output
) -> Setup:
    """The setup that the next successful SIGHUP finds; each one that fails is logged."""
    while True:
        await signals.reload.wait()
        signals.reload.clear()
        manager.reloading()
        try:
            return await _prepare(args, out, setup)
        except Problem as problem:
            _log_refused(problem)
        except Exception:  # the outermost frame of a reload: the server goes on
            logger.exception("not reloaded", extra={"action": "reload"})
        manager.ready()


def _log_refused(problem: Problem) -> None:
    lines = f"{problem.what} {problem.why} → {problem.fix}"
    logger.error("not reloaded, the former configuration stays: %s", lines, extra={"action": "reload"})


def _address(places: Sequence[Place], args: argparse.Namespace) -> Address:
    server = places[0].config.server
    hosts = tuple(args.host) or (server.host,)
    tokens = [place.environment.get(TOKEN.names[0], "") for place in places]
    for token in (tokens[0], *filter(None, tokens[1:])):
        for host in hosts:
            refuse_open_page(host, token)
    return Address(hosts, server.port if args.port is None else args.port)


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


def _banner(
    places: Sequence[Place],
    walls: Sequence[WallState | None],
    states: Sequence[EngineState],
    host: str,
    port: int,
    out: Output,
) -> None:
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
    lines += [_engine_line(state, out) for state in dict.fromkeys(states) if state.fix]
    for wall in dict.fromkeys(filter(None, walls)):
        lines += wall_lines(wall, out)
    lines += [f"  Workers    factory worker --url {url} --tenant {tenant}" for tenant in remote]
    lines.append("Ready. (^C to quit; agents go on, and the next start finds them)")
    store = {"kind": first.store.kind, "path": str(places[0].store)}
    document = {"schema": "factory.serve/1", "version": VERSION, "status": url, "webhooks": hooks, "store": store}
    banner = LineWriter(out.stdout)  # the server is up, whether anybody reads this or not
    banner.put(out.answered(document, "\n".join(lines)))
    banner.drain(BANNER)


def _engine_line(state: EngineState, out: Output) -> str:
    """An engine that cannot work; tickets wait for it."""
    return f"  Engine     {out.mark('fail')} {state.name} cannot work: {state.words}\n             fix: {state.fix}"
