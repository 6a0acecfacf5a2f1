"""Sign and send a fresh sample of an event that the factory knows, and show what came back."""

from __future__ import annotations

import argparse
import uuid
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2

from adapters.assembly import utc_now
from adapters.credentials.files import environment_with_file
from adapters.credentials.secrets import Secrets
from adapters.registry import VENDORS
from factory_core.errors import NeedsPerson, Refused, Retryable
from factory_core.payload import object_in, text
from factory_core.status.formatting import one_line
from factory_sandbox.samples import Sample, names, sample

from .arguments import Usage, unknown
from .output import Output
from .place import config_argument, path_of, place_of

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PATIENCE = 15.0  # seconds


class Reply(NamedTuple):
    status: int
    body: str
    seconds: float


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event", metavar="EVENT", nargs="?", default="", help=f"as {names()[0]}; see --list")
    parser.add_argument("--list", action="store_true", help="every event by name")
    parser.add_argument("--to", metavar="URL", default="http://127.0.0.1:8787", help="default: the factory here")
    parser.add_argument("--override", metavar="A.B=C", action="append", default=[], help="set a value of the body")
    parser.add_argument("--secret-from-env", metavar="NAME", default="", help="the variable that holds the secret")
    parser.add_argument("--yes", action="store_true", help="send it even to another machine")
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    if args.list or not args.event:
        return out.answer({"schema": "factory.trigger/1", "events": list(names())}, "\n".join(names()))
    if args.event not in names():
        raise unknown(
            "event", args.event, list(names()), lambda near: f"factory trigger {near}", "factory trigger --list"
        )
    tenant, secrets = _settings(args, out)
    secret = _secret(args.event.split(".")[0], secrets, args, out)
    signed = sample(args.event, _overrides(args.override), secret, utc_now(), lambda: str(uuid.uuid4()))
    url = _address(args, tenant, signed.provider)
    reply = _post(url, signed)
    return out.answer(_document(args.event, url, signed, reply), _arrows(args.event, url, signed, reply), _code(reply))


def _settings(args: argparse.Namespace, out: Output) -> tuple[str, Secrets]:
    """The tenant and its secrets; without a configuration the defaults."""
    path = path_of(args.config, out)
    if args.config or path.exists():
        place = place_of(args.config, out)
        return place.config.tenant, place.secrets
    return "default", Secrets(environment_with_file(out.environment, path.parent / ".env"))


def _secret(provider: str, secrets: Secrets, args: argparse.Namespace, out: Output) -> str:
    wanted = VENDORS[provider].webhook_secret
    given = out.environment.get(args.secret_from_env, "") if args.secret_from_env else ""
    found = (given,) if args.secret_from_env else secrets.several(wanted)
    if not found or not found[0]:
        name = "the variable of --secret-from-env" if args.secret_from_env else secrets.names(wanted)[0]
        why = f"looked in the environment and in .env for {name}"
        raise NeedsPerson(f"No {provider} {wanted.what}.", why=why, fix=f"factory connect {provider}", see=wanted.where)
    return found[0]


def _overrides(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if any(not (path and mark) for path, mark, _ in pairs):
        fix = f"factory trigger {names()[0]} --override data.title=Hello"
        raise Usage("An --override is PATH=VALUE.", why="one has no path or no =", fix=fix)
    return {path: value for path, _, value in pairs}


def _address(args: argparse.Namespace, tenant: str, provider: str) -> str:
    """`--to` may be the factory's address or the whole address of a webhook."""
    whole = args.to.rstrip("/")
    try:
        parts = urlsplit(whole)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.username:
        raise Usage("--to is no http address.", why="http:// or https://, and no password in it", fix=_again(args))
    if host not in LOOPBACK and not args.yes:
        why = "a sample may start real work there"
        raise Refused("Not sent: that is not this machine.", why=why, fix=f"{_again(args)} --yes")
    return whole if "/hooks/" in parts.path else f"{whole}/hooks/{tenant}/{provider}"


def _again(args: argparse.Namespace) -> str:
    return f"factory trigger {args.event}"


def _post(url: str, signed: Sample) -> Reply:
    begun = monotonic()
    try:
        answer = httpx2.post(url, content=signed.body, headers=signed.headers, timeout=PATIENCE, trust_env=False)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        why = f"no answer: {type(error).__name__}"
        raise Retryable(f"Nobody heard it at {url}.", why=why, fix="factory serve") from None
    return Reply(answer.status_code, answer.text, monotonic() - begun)


def _code(reply: Reply) -> int:
    return 0 if 200 <= reply.status < 300 else 1


def _document(event: str, url: str, signed: Sample, reply: Reply) -> dict[str, object]:
    return {
        "schema": "factory.trigger/1", "event": event, "provider": signed.provider, "url": url,
        "bytes": len(signed.body), "work_item": _key(signed), "status": reply.status,
        "seconds": round(reply.seconds, 3), "answer": one_line(reply.body, 2000),
    }  # fmt: skip


def _arrows(event: str, url: str, signed: Sample, reply: Reply) -> str:
    sent = f"-->  {event}  {_key(signed)}".rstrip() + f"  {len(signed.body):,} bytes, signed  {url}"
    back = f"<--  {reply.status} in {reply.seconds * 1000:.0f} ms  {one_line(reply.body, 300)}".rstrip()
    see = f"See: factory status {_key(signed)}" if _code(reply) == 0 and _key(signed) else ""
    return "\n".join(line for line in (sent, back, see) if line)


def _key(signed: Sample) -> str:
    """The ticket's key, where the sample holds a ticket."""
    return text(object_in(signed.body), "data", "identifier")
