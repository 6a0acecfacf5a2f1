"""Keep nothing of a ticket that is over: no record, clone or run, and nothing that agents said. The factory does it.

What the vendors hold, as its pull request and its comments, is theirs. A factory on AWS or Cloudflare is asked with
--url, and FACTORY_OPERATOR_TOKEN in the environment (or in .env here).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from adapters.credentials.files import secrets_here
from adapters.local.store_copies import former_stores
from adapters.web.forgetting import OPERATOR, document, forget, forgettable
from factory_core.errors import NeedsPerson, NotFound, Problem, Refused, Retryable, StoppedByRule
from factory_core.payload import object_in
from factory_core.performing.event_recorder import EventRecorder

from .arguments import refuse_to_ask
from .output import Output
from .pipeline import checked_key
from .pipeline_all import who
from .place import UnknownItem, config_argument, place_of, recorder_at, relative

REMOVES = "its record, answers and history, its clone and branches here, outputs and sessions of its agents"
KEEPS = "sums of money; what the tracker, the chat and the code host hold; logs and backups, as long as you keep them"
PLAN = f"  removes  {REMOVES}\n  keeps    {KEEPS}"
PATIENCE = 30.0  # seconds
KINDS = (StoppedByRule, NotFound, Refused)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="the ticket, as ACME-142; it may be deleted in the tracker")
    config_argument(parser)
    parser.add_argument("--url", default="", help="the address of a factory on AWS or Cloudflare, https://…")
    parser.add_argument("--tenant", default="default", help="with --url: as the factory's configuration names it")
    parser.add_argument("--yes", action="store_true", help="without asking")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")


def run(args: argparse.Namespace, out: Output) -> int:
    key = checked_key(args.key)
    if args.url:
        return _elsewhere(key, args, out)
    place = place_of(args.config, out)
    with recorder_at(place) as recorder:
        return asyncio.run(_run(recorder, key, args, out, former_stores(place.store)))


async def _run(recorder: EventRecorder, key: str, args: argparse.Namespace, out: Output, former: list[Path]) -> int:
    try:
        record = await forgettable(recorder, key, f"factory pipeline abort {key}")
    except NotFound:
        raise UnknownItem from None
    if _is_wanted(record.key, args, out):
        await forget(recorder, record, who(out), f"factory pipeline abort {key}")
    found = document(record, changed=not args.dry_run)
    return _answer({**found, "former_stores": [relative(path) for path in former]}, out)


def _elsewhere(key: str, args: argparse.Namespace, out: Output) -> int:
    token = secrets_here(out.environment, Path(".env")).find(OPERATOR)
    if not token:
        fix = "In your shell: set FACTORY_OPERATOR_TOKEN to the token that the factory there has"
        raise NeedsPerson("The operator's token is missing.", why="neither the environment nor .env has it", fix=fix)
    found = _ask(key, args, token, by=who(out), dry_run=True)
    if _is_wanted(key, args, out):
        found = _ask(key, args, token, by=who(out), dry_run=False)
    return _answer(found, out)


def _ask(key: str, args: argparse.Namespace, token: str, **order: Any) -> dict[str, Any]:
    """Raise the problem that the factory answers with, NeedsPerson for a token that is not good there."""
    url, again = f"{args.url.rstrip('/')}/items/{quote(key, safe='')}/forget", f"factory forget {key} --url {args.url}"
    try:
        said = httpx2.post(url, json=order, auth=(args.tenant, token), timeout=PATIENCE)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Retryable(f"No answer from {args.url}", why=str(error) or type(error).__name__, fix=again) from None
    found = object_in(said.content) or {}
    if said.status_code == 200 and found.get("schema") == "factory.forget/1":
        return found
    if said.status_code == 401:
        why = f"{args.url} does not know the tenant {args.tenant} with it"
        fix = f"{again} --tenant TENANT, with the FACTORY_OPERATOR_TOKEN of the factory there"
        raise NeedsPerson("The operator's token was refused.", why=why, fix=fix)
    what, why, fix = (str(found.get(name) or "") for name in ("what", "why", "fix_in_words"))
    fix = fix if fix.startswith(("factory ", "In ")) else again
    kind: type[Problem] = next((one for one in KINDS if one.http_status == said.status_code), Retryable)
    raise kind(what or f"{args.url} answers {said.status_code}", why=why or "it says no more", fix=fix)


def _is_wanted(key: str, args: argparse.Namespace, out: Output) -> bool:
    """False where only a look was asked for. Raises StoppedByRule when the person does not confirm it."""
    if not args.dry_run and not args.yes:
        fix = f"factory forget {key} --yes"
        refuse_to_ask(args, out, f"pass --yes to forget {key}", fix)
        out.say(f"Forget {key}?\n{PLAN}\nType the key to go on:")
        if sys.stdin.readline().strip() != key:
            raise StoppedByRule("Not forgotten.", why="the key was not typed", fix=fix)
    return not args.dry_run


def _answer(found: dict[str, Any], out: Output) -> int:
    """`former_stores`: those that a restore has kept on this machine, which nothing changes any more."""
    done = f"A running factory forgets {found['work_item']} within seconds."
    text = done if found["changed"] else f"{PLAN}\nNothing was changed."
    if names := found.get("former_stores"):
        text += f"\nWhat was there before a restore may hold it still; remove it when you can: {' '.join(names)}"
    return out.answer(found, text)
