"""Look at everything, from near to far: this machine, the store, each provider. Exit 1 on a problem."""

from __future__ import annotations

import argparse
import asyncio
from time import monotonic
from typing import Literal

import httpx2

from adapters.credentials.secrets import missing_secrets
from factory_core.connections import ProviderConnection
from factory_core.payload import parse
from factory_core.status.formatting import one_line

from .arguments import Usage, unknown
from .check import ask
from .doctor_machine import PATIENCE, Finding, clock, machine
from .doctor_safety import try_safety
from .merge_rules import merge_connection
from .output import Output
from .place import Place, config_argument, place_of


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("provider", metavar="PROVIDER", nargs="?", default="", help="look at this one alone")
    parser.add_argument("--last-rejected", action="store_true", help="why the running factory last refused a webhook")
    parser.add_argument(
        "--safety", action="store_true", help="play harmless attacks on this machine; 1: one got through"
    )
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    place = place_of(args.config, out)
    known = place.config.providers()
    if args.provider and args.provider not in known:
        raise unknown("provider", args.provider, list(known), lambda near: f"factory doctor {near}", "factory doctor")
    if args.safety:
        if args.provider or args.last_rejected:
            why, fix = "--safety looks at all of this machine and this configuration", "factory doctor --safety"
            raise Usage("factory doctor: --safety stands alone.", why=why, fix=fix)
        return try_safety(place, out)
    wanted = (args.provider,) if args.provider else known
    found = asyncio.run(_rejected(place, wanted) if args.last_rejected else _everything(place, wanted, args.provider))
    problems = sum(one.mark == "fail" for one in found)
    return out.answer(_document(found), _words(found, out), 1 if problems else 0)


async def _everything(place: Place, wanted: tuple[str, ...], only: str) -> list[Finding]:
    near = [one for one in [await clock(place)] if one.mark == "fail"] if only else await machine(place)
    far = await _providers(place, wanted)
    return [*near, *far, *([] if only or any(one.mark == "fail" for one in far) else await _merging(place))]


async def _merging(place: Place) -> list[Finding]:
    found = await merge_connection(place)
    if found is None:
        return []
    if found.ready:
        return [Finding("Merging", "ok", "checks", found.account)]
    mark: Literal["fail", "skip"] = "fail" if found.waits_for_a_person else "skip"
    return [Finding("Merging", mark, "checks", found.error, found.fix if mark == "fail" else "")]


async def _providers(place: Place, wanted: tuple[str, ...]) -> list[Finding]:
    begun = monotonic()
    connections = {one.provider: one for one in await ask(place)}
    lacking = {one.provider: one.words for one in missing_secrets(place.config, place.secrets)}
    took = monotonic() - begun
    return [
        one
        for name in wanted
        for one in _provider(connections[name], place.config.title(name), lacking.get(name, ""), took)
    ]


def _provider(found: ProviderConnection, section: str, lacking: str, took: float) -> list[Finding]:
    connect = f"factory connect {found.provider}"
    secret = Finding(section, "ok", "webhooks", "their secret is here")
    if lacking:
        secret = Finding(section, "fail", "webhooks", lacking, f"{connect} --signing-secret -")
    if found.ready or found.connected_scopes is not None:
        account = f", as {found.account}" if found.account else ""
        token = Finding(section, "ok", "token", f"works{account}, {took:.1f} s")
        return [token, _scopes(found, section), secret]
    token = Finding(section, "fail", "token", found.words, found.fix)
    return [token, Finding(section, "skip", "scopes", "skipped, needs the token"), secret]


def _scopes(found: ProviderConnection, section: str) -> Finding:
    if found.connected_scopes is None:
        return Finding(section, "skip", "scopes", f"{section} does not tell")
    missing = [scope for scope in found.required_scopes if scope not in found.connected_scopes]
    if missing:
        return Finding(section, "fail", "scopes", f"missing: {', '.join(missing)}", found.fix)
    return Finding(section, "ok", "scopes", ", ".join(found.required_scopes))


async def _rejected(place: Place, wanted: tuple[str, ...]) -> list[Finding]:
    """What the running factory says of its lines."""
    url = f"http://127.0.0.1:{place.config.server.port}/status.json"
    token = place.environment.get("FACTORY_STATUS_TOKEN", "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            lines = parse((await http.get(url, headers=headers)).content)["lines"]
        noted = {line["name"]: line for line in lines}
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return [
            Finding(place.config.title(name), "skip", "refused", f"skipped, no factory answers at {url}")
            for name in wanted
        ]
    return [_refusal(name, place.config.title(name), noted.get(name, {})) for name in wanted]


def _refusal(name: str, section: str, line: dict[str, str]) -> Finding:
    if line.get("status") != "down":
        return Finding(section, "ok", "refused", "nothing since the last good webhook")
    words = (
        f"{one_line(line.get('note', ''))}. Most likely the secret of another webhook, or one copied with a newline; "
        "or something on the way re-wrote the body"
    )
    return Finding(section, "fail", "refused", words, f"factory connect {name} --signing-secret -")


def _words(found: list[Finding], out: Output) -> str:
    lines: list[str] = []
    for before, one in zip([None, *found], found, strict=False):
        lines += [one.section] if before is None or before.section != one.section else []
        lines.append(f"  {out.mark(one.mark)} {one.name:15} {one.words}")
        lines += [f"    {'':15} fix: {out.paint('bold', one.fix)}"] if one.fix else []
    return "\n".join([*lines, "", _totals(found)])


def _totals(found: list[Finding]) -> str:
    count = {mark: sum(one.mark == mark for one in found) for mark in ("fail", "warn", "ok", "skip")}
    fails = f"{count['fail']} {'problem' if count['fail'] == 1 else 'problems'}"
    warns = f", {count['warn']} {'warning' if count['warn'] == 1 else 'warnings'}" if count["warn"] else ""
    return f"{fails}{warns}, {count['ok']} fine, {count['skip']} skipped."


def _document(found: list[Finding]) -> dict[str, object]:
    return {
        "schema": "factory.doctor/1",
        "ok": all(one.mark != "fail" for one in found),
        "checks": [one._asdict() for one in found],
    }
