"""Take runs from a factory elsewhere and have them done here: until ^C, and then agents go on for the next start.

Needs git, an engine, and in the environment (or in .env here) FACTORY_WORKER_TOKEN, and GITHUB_TOKEN to push with.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import shutil
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.assembly import utc_now
from adapters.credentials.files import environment_with_file, secrets_here
from adapters.credentials.secrets import Secrets
from adapters.fleets.local_engines.code_host import CodeHost
from adapters.fleets.local_engines.engines import ENGINES
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.local_engines.processes import keep_private
from adapters.fleets.worker_queue.claim_store import ClaimStore
from adapters.fleets.worker_queue.client import FactoryClient
from adapters.fleets.worker_queue.protocol import CAN, Speaker
from adapters.fleets.worker_queue.worker import QueueWorker
from adapters.local.server import LOOPBACK
from adapters.local.systemd import ServiceManager
from adapters.providers.http_call import RedactingClient
from adapters.registry import USUAL, VENDORS, WORKERS, code_host
from factory_core.errors import NeedsPerson
from factory_core.ports import WallState

from . import VERSION
from .arguments import Usage
from .output import Output, wall_lines
from .place import warn_of_open_secrets
from .serve_log import log_to
from .stopping import Signals

logger = logging.getLogger("factory.worker")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the factory's address, https://…")
    parser.add_argument("--tenant", default="default", help="as the factory's configuration names it")
    parser.add_argument("--slots", type=int, default=1, help="how many agents at once (default: 1)")
    parser.add_argument("--home", metavar="DIRECTORY", default="", help="for work trees (default: .factory/worker)")
    usual = VENDORS[USUAL["outputTarget"]]
    site, token = usual.settings().git_site(), usual.token.names[0]
    parser.add_argument("--git-url", default=site, help=f"the one host that {token} is shown to")
    parser.add_argument("--once", action="store_true", help="take one run if there is one, see it to its end, leave")
    parser.add_argument("--run", metavar="RUN", default="", help="with --once: take this run and no other")
    parser.add_argument(
        "--wall", choices=("required", "container", "off"), default="required",
        help="what keeps agents from this machine: bubblewrap, the container of one run, or nothing",
    )  # fmt: skip
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="of standard error")


def run(args: argparse.Namespace, out: Output) -> int:
    _check(args)
    keep_private()
    known = environment_with_file(out.environment, Path(".env"))
    secrets = secrets_here(out.environment, Path(".env"))
    warn_of_open_secrets(Path(".env"), out)
    if not secrets.find(WORKERS):
        raise NeedsPerson(
            "Not starting: this worker has no token.",
            why="FACTORY_WORKER_TOKEN is not set in the environment, and not in .env here",
            fix="In your environment: set it to what `factory connect workers` has stored beside the configuration",
        )
    log_to(out, verbose=True, as_json=args.log_format == "json" or out.as_json)
    home = Path(args.home or f".factory/worker/{args.tenant}").absolute()
    with closing(ClaimStore(home)) as kept:
        return asyncio.run(_work(args, out, known, secrets, home, kept))


def _check(args: argparse.Namespace) -> None:
    """Raise Usage for what cannot work, and for an address to which the token would travel in the open."""
    address = urlsplit(args.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Usage("factory worker: --url is no address.", why="https://… is missing", fix="factory worker --help")
    if address.scheme == "http" and address.hostname not in LOOPBACK:
        why = "the token would travel unencrypted to another machine"
        raise Usage("factory worker: --url must begin with https://.", why=why, fix="factory worker --help")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", args.tenant):
        why = "small letters, digits and hyphens make one"
        raise Usage("factory worker: --tenant is no tenant.", why=why, fix="factory worker --help")
    if args.run and not args.once:
        raise Usage("factory worker: --run needs --once.", why="there is one such run", fix="factory worker --help")
    if not 1 <= args.slots <= 1000:
        raise Usage("factory worker: --slots cannot be that.", why="1 to 1000 are", fix="factory worker --help")


async def _work(
    args: argparse.Namespace, out: Output, known: Mapping[str, str], secrets: Secrets, home: Path, kept: ClaimStore
) -> int:
    vendor, known_host = code_host(args.git_url)
    host = CodeHost(args.git_url, secrets.credential(vendor, known_host.token, "git"))
    fleet = LocalFleet(
        home, environment=os.environ, clock=utc_now, wall=args.wall, credentials=host, secrets=secrets.redact
    )
    engines = [name for name in ENGINES if name == "console" or shutil.which(name)]
    wall = await fleet.wall(engines)
    offered = ("console",) if wall and wall.fix else tuple(engines)  # what cannot start here, starts elsewhere
    name = socket.gethostname()[:100]
    speaker = Speaker(id=kept.worker_id, name=name, version=VERSION, engines=offered, slots=args.slots, can=CAN)
    async with RedactingClient(secrets.redact) as http:
        client = FactoryClient(http, args.url, args.tenant, secrets.find(WORKERS), speaker)
        worker, signals, manager = (
            QueueWorker(client, fleet, kept, args.slots),
            Signals(),
            ServiceManager(out.environment),
        )
        _banner(args, speaker, wall, out)
        working = asyncio.create_task(worker.run(once=args.once, only=args.run))
        manager.ready()
        beside = [asyncio.create_task(manager.watch(lambda: worker.clockwork.goes_round))]
        beside.append(asyncio.create_task(_ignore(signals.reload)))
        ends: set[asyncio.Future[Any]] = {working, signals.stopped}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        manager.stopping()
        for task in beside:
            task.cancel()
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return await signals.stopped
        await working
    return 0


async def _ignore(reload: asyncio.Event) -> None:
    while await reload.wait():
        reload.clear()
        logger.warning(
            "SIGHUP is ignored: a worker reads its configuration when it is started", extra={"action": "reload"}
        )


def _banner(args: argparse.Namespace, speaker: Speaker, wall: WallState | None, out: Output) -> None:
    lines = [
        f"factory worker {VERSION}, {speaker.id}",
        f"  Factory    {args.url}, tenant {args.tenant}",
        f"  Agents     up to {args.slots}: {', '.join(speaker.engines)}",
        *(wall_lines(wall, out) if wall else ()),
        "Ready. (^C to quit; agents go on for a while, and the next start finds them)",
    ]
    document = {
        "schema": "factory.worker.started/1", "version": VERSION, "worker": speaker.id, "url": args.url,
        "tenant": args.tenant, "slots": args.slots, "engines": list(speaker.engines),
    }  # fmt: skip
    out.answer(document, "\n".join(lines))
