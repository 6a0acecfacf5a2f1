"""Store a provider's secrets in .env beside the configuration, then check them. A secret is never an argument."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.providers.vendor import Secret, Vendor
from adapters.registry import WORKERS, declared
from factory_core.errors import Refused

from .arguments import Usage, refuse_to_ask, unknown
from .check import connection, exit_code, look, table, workers_connection
from .init import ignore
from .output import Output
from .place import Place, config_argument, place_of, relative
from .redact import typed

NO_QUOTES = r"[!#-&(-~]([!-~]*[!#-&(-~])?"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("provider", metavar="PROVIDER", help="one that the configuration names, or workers")
    parser.add_argument("--token", metavar="-", default="", help="- reads the token from standard input")
    parser.add_argument("--signing-secret", metavar="-", default="", help="- reads the webhooks' secret from there")
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    place = place_of(args.config, out)
    vendors = declared(place.config)
    known = [*vendors, "workers"]
    if args.provider not in known:
        raise unknown("provider", args.provider, known, lambda near: f"factory connect {near}", "factory check")
    given = _for_workers(place, args) if args.provider == "workers" else _given(vendors[args.provider], args, out)
    written = {place.secrets.names(secret)[0]: value for secret, value in given.items()}
    file = place.path.parent / ".env"
    store(file, written)
    ignore(place.path.parent, (".env",))
    for name in written:
        if out.environment.get(name) not in (None, written[name]):
            out.say(f"{out.mark('warn', stderr=True)} {name} is also set in the environment, and wins over .env.")
    out.say(f"Stored in {relative(file)}: {', '.join(written)}")
    return _checked(place_of(args.config, out), args.provider, list(written), out)


def _checked(place: Place, provider: str, stored: list[str], out: Output) -> int:
    if provider == "workers":
        lines = [asyncio.run(workers_connection(place))]
    else:
        lines = [one for one in asyncio.run(look(place)) if one.provider == provider]
    shown = [connection(one) for one in lines]
    document = {"schema": "factory.connect/1", "stored": stored, "connection": shown[0]}
    return out.answer(document, table(lines, out, verbose=True), exit_code(lines))


def _for_workers(place: Place, args: argparse.Namespace) -> dict[Secret, str]:
    """A new random token, or the one that is given. The one before stays good, until this is done once more."""
    if args.token not in ("", "-") or args.signing_secret:
        raise _never_an_argument(args)
    new = _secret(sys.stdin.readline(), args) if args.token else secrets.token_urlsafe(32)
    return {WORKERS: ",".join([new, *place.secrets.several(WORKERS)[:1]])}


def _given(vendor: Vendor, args: argparse.Namespace, out: Output) -> dict[Secret, str]:
    """Flags read standard input, a line each, the token first; without flags a person is asked, unseen."""
    flags = {vendor.token: args.token, vendor.webhook_secret: args.signing_secret}
    if any(value not in ("", "-") for value in flags.values()):
        raise _never_an_argument(args)
    wanted = [secret for secret, value in flags.items() if value]
    answers = [(secret, sys.stdin.readline()) for secret in wanted] or _asked(vendor, args, out)
    if not answers:
        raise _no_secret(args)
    return {secret: _secret(answer, args) for secret, answer in answers}


def _secret(answer: str, args: argparse.Namespace) -> str:
    """What was typed, if it can be a secret."""
    given = answer.strip()
    typed.extend([given] if given else [])
    if not re.fullmatch(NO_QUOTES, given):
        raise _no_secret(args)
    return given


def _no_secret(args: argparse.Namespace) -> Refused:
    why = "it is empty, or holds spaces, quotes at its ends or other signs that no such secret has"
    return Refused("That is no secret.", why=why, fix=_piped(args))


def _never_an_argument(args: argparse.Namespace) -> Usage:
    why = "an argument stays in the shell's history, where others can read it"
    return Usage("A secret is never given as an argument.", why=why, fix=_piped(args))


def _asked(vendor: Vendor, args: argparse.Namespace, out: Output) -> list[tuple[Secret, str]]:
    """A person's answers; Enter keeps what is there."""
    flags = "pass --token - or --signing-secret -, and the secret on standard input"
    refuse_to_ask(args, out, flags, _piped(args))
    answers = []
    for secret in (vendor.token, vendor.webhook_secret):
        out.say(f"The {secret.what}. Find it: {secret.where}")
        answers.append((secret, getpass.getpass("It is not shown; Enter keeps what is there: ", sys.stderr)))
    return [(secret, answer) for secret, answer in answers if answer.strip()]


def _piped(args: argparse.Namespace) -> str:
    return f"factory connect {args.provider} --token -"


def store(file: Path, written: Mapping[str, str]) -> None:
    """Set these names and leave every other line as it is. The file is its owner's alone, and changes in one step."""
    before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rest = dict(written)
    lines = [_line(line, rest) for line in before]
    lines += [f"{name}={value}" for name, value in rest.items()]
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new.replace(file)


def _line(line: str, rest: dict[str, str]) -> str:
    name = line.strip().removeprefix("export ").partition("=")[0].strip()
    return f"{name}={rest.pop(name)}" if name in rest and "=" in line else line
