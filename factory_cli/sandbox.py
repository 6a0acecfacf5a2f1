"""The vendors, the code host with real git, on this machine: to develop and test without any account."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from adapters.credentials.files import environment_with_file
from adapters.credentials.secrets import PUBLISHED
from factory_core.errors import Refused
from factory_sandbox.app import serving
from factory_sandbox.registry import PLAYED, SECRETS, config_text, first_ticket
from factory_sandbox.signing import Vendor
from factory_sandbox.world import Sandbox

from .arguments import Usage
from .output import Output
from .stopping import Signals


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8790, help="default 8790; 0: any free one")
    parser.add_argument("--time-scale", type=float, default=1.0, help="0.01 makes a vendor's minute 0.6 s")
    parser.add_argument(
        "--subscribe",
        metavar="URL",
        action="append",
        default=[],
        help=f"send webhooks to {_listed()}, or to a URL that ends in the provider's name "
        "(default: http://127.0.0.1:8787/hooks/default)",
    )


def _by_default() -> list[Vendor]:
    return [name for name, played in PLAYED.items() if played.sends]


def _listed() -> str:
    *first, last = (f"URL/{name}" for name in _by_default())
    return f"{', '.join(first)} and {last}"


def run(args: argparse.Namespace, out: Output) -> int:
    if not 0 <= args.port <= 65535 or not 0 < args.time_scale <= 100:
        raise Usage("--port or --time-scale is out of range.", why="0–65535, and 0–100", fix="factory sandbox --help")
    _refuse_real_secrets(out)
    return asyncio.run(_serve(args, out))


def _refuse_real_secrets(out: Output) -> None:
    """What plays here gives orders to agents: a real vendor's secret is not for them, nor for what is tried out."""
    known = environment_with_file(out.environment, Path(".env"))
    real = [name for name in SECRETS if known.get(name) and not known[name].startswith(PUBLISHED)]
    if real:
        where = "the environment" if real[0] in out.environment else ".env here"
        unset = " ".join(f"-u {name}" for name in real)
        raise Refused(
            "Not starting: secrets of real vendors are here.",
            why=f"{where} has {', '.join(real)}, and agents that the sandbox gives work to could use them",
            fix=f"In the shell: env {unset} factory sandbox"
            if where == "the environment"
            else "In the shell: start it in a directory without that .env",
        )


async def _serve(args: argparse.Namespace, out: Output) -> int:
    sandbox = await Sandbox.demo(time_scale=args.time_scale, required_checks=("ci",))
    senders = _senders(args.subscribe or ["http://127.0.0.1:8787/hooks/default"])
    for vendor, url in senders:
        sandbox.webhooks.subscribe(vendor, url, SECRETS[PLAYED[vendor].variables[1]])

    stopped = Signals().stopped
    async with serving(sandbox, args.port) as address:
        config = config_text(address)
        document = {
            "schema": "factory.sandbox/1", "address": address, "environment": SECRETS, "config": config,
            "subscribed": [url for _, url in senders],
        }  # fmt: skip
        out.answer(document, _words(address, config, senders))
        return await stopped


def _senders(urls: list[str]) -> list[tuple[Vendor, str]]:
    found: list[tuple[Vendor, str]] = []
    for url in urls:
        whole = url.rstrip("/")
        last = next((vendor for vendor in PLAYED if whole.endswith(f"/{vendor}")), None)
        found += [(last, whole)] if last else [(vendor, f"{whole}/{vendor}") for vendor in _by_default()]
    return found


def _words(address: str, config: str, senders: list[tuple[Vendor, str]]) -> str:
    exports = "\n".join(f"export {name}={value}" for name, value in SECRETS.items())
    told = "\n".join(f"  {vendor:10}{url}" for vendor, url in senders)
    return (
        f"Sandbox    {address}   (team DEMO, channel #eng-intake, repository acme/shop, whose main requires ci)\n"
        f"Webhooks go to\n{told}\n\nEnvironment:\n\n{exports}\n\nfactory.config.yaml:\n\n{config}\n"
        f"A first ticket:\n\n  {first_ticket(address)}\n\n"
        f"All that can be played: {address}/_/\n\nReady. (^C to quit; nothing is kept)"
    )
