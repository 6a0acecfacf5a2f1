"""What triage makes of a ticket, with its reasons: would it start, be asked about, or be left to a person?

Starts nothing and writes nothing: neither to the tracker nor to the store, and asks no model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from adapters.assembly import ports_of
from adapters.providers.http_call import RedactingClient
from factory_core.dispatch.comments import not_for_an_agent
from factory_core.dispatch.labels import words_of
from factory_core.dispatch.model_verdict import is_asked
from factory_core.dispatch.records import InFlightRecord
from factory_core.dispatch.routing import RememberedRoute, Route, find_route
from factory_core.dispatch.triage import Verdict, triage
from factory_core.errors import Refused
from factory_core.ports import StateStore
from factory_core.work_item import ItemState, Source, WorkItem

from .arguments import Usage
from .output import Output
from .place import Place, config_argument, place_of, recorder_at

MOST_BYTES = 1_000_000
ASKS, STOPPED = 8, 5


class NoSuchTicket(Refused):
    """The tracker shows no ticket of that key."""

    code, exit_code = "E-NO-TICKET", 1


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", nargs="?", default="", help="a ticket of the tracker")
    parser.add_argument(
        "--file", metavar="F", default="", help="its text instead: the title, then the description; - is stdin"
    )
    parser.add_argument("--label", metavar="L", action="append", default=[], help="of a file: a label; may be repeated")
    parser.add_argument("--project", metavar="P", default="", help="of a file: its project")
    parser.add_argument("--answer", metavar="TEXT", action="append", default=[], help="judge it with this answer, too")
    config_argument(parser)
    parser.epilog = "exit codes: 0 it would start, 8 a question would be asked, 5 a person must act; else as ever"


def run(args: argparse.Namespace, out: Output) -> int:
    if bool(args.key) == bool(args.file):
        why = "both a KEY and --file were given" if args.key else "neither a KEY nor --file was given"
        raise Usage("factory triage: one ticket is judged.", why=why, fix="factory triage --help")
    place = place_of(args.config, out)
    record, remembered = _known(place, args.key)
    item = asyncio.run(_read(place, args.key)) if args.key else _of_file(args.file, args.label, args.project)
    given = [answer.text for answer in record.answers if not answer.to_agent] if record else []
    answers = [*given, *args.answer]
    verdict, rules = triage(item, answers, place.config), place.config.triage
    chosen = record.route.repository if record and record.route and record.route.chosen else ""
    route = find_route(item, place.config, chosen, remembered)
    would = _outcome(verdict, route)
    asks = rules.model if rules.model != "off" and isinstance(route, Route) and is_asked(verdict, answers) else None
    document = {
        "schema": "factory.triage/1", "key": item.key, "would": would, **verdict.model_dump(mode="json"),
        "repository": route.repository if isinstance(route, Route) else None, "route_why": route.why,
        "asks": asks,
    }  # fmt: skip
    code = {"start": 0, "ask": ASKS, "stop": STOPPED}[would]
    text = _text(item, verdict, route, would)
    if asks:
        text += f"\n\nThe rules are unsure: {asks} would be asked first, for at most ${rules.max_usd:.2f}."
    return out.answer(document, text, code)


def _outcome(verdict: Verdict, route: Any) -> str:
    if not verdict.eligible:
        return "stop"
    return "start" if verdict.clear and isinstance(route, Route) else "ask"


def _text(item: WorkItem, verdict: Verdict, route: Any, would: str) -> str:
    head = {"start": "would start", "ask": "would be asked about", "stop": "is left to a person"}[would]
    lines = [f"{item.key} {head}.", *(f"  {reason}" for reason in verdict.reasons)]
    where = f"it goes to {route.repository}" if isinstance(route, Route) else "it is not routed"
    lines.append(f"  {where}: {route.why}" if route.why else f"  {where}")
    lines.append(f"  confidence {verdict.confidence}, scope {verdict.scope}, language {verdict.language or 'unknown'}")
    if verdict.question and would == "ask":
        lines += ["", verdict.question]
    if would == "stop":
        lines += ["", f"→ {not_for_an_agent(item, verdict)}"]
    return "\n".join(lines)


def _known(place: Place, key: str) -> tuple[InFlightRecord | None, Mapping[str, RememberedRoute]]:
    """What the factory knows of the ticket, and which projects people have named a repository for, where one has run
    here."""
    if not place.store.exists():
        return None, {}

    async def read(store: StateStore) -> tuple[InFlightRecord | None, Mapping[str, RememberedRoute]]:
        return await store.get_in_flight(key) if key else None, (await store.get_batch()).routes

    with recorder_at(place) as recorder:
        return asyncio.run(read(recorder.store))


async def _read(place: Place, key: str) -> WorkItem:
    async with RedactingClient(place.secrets.redact) as http:
        item: WorkItem | None = await ports_of(place.config, place.secrets, http).tracker.read_item(key)
    if item is None:
        why = f"{place.config.intent_provider} shows no ticket of that key to this token"
        raise NoSuchTicket("The tracker knows no such ticket.", why=why, fix="factory check")
    return item


def _of_file(name: str, labels: list[str], project: str) -> WorkItem:
    text = _text_of(name)
    title, _, description = text.lstrip("\ufeff\n\r \t").partition("\n")
    return WorkItem(
        id=name,
        key="The ticket" if name == "-" else Path(name).name,
        title=title.lstrip("# ").strip(),
        description=description.strip("\n"),
        state=ItemState.READY,
        labels=tuple(filter(words_of, labels)),
        project=project,
        source=Source(provider="file", external_id=name),
    )


def _text_of(name: str) -> str:
    help_ = "factory triage --help"
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            read = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Usage(f"factory triage: {name} cannot be read.", why=str(error.strerror), fix=help_) from None
    if len(read) > MOST_BYTES:
        raise Usage(f"factory triage: {name} is too long.", why="a ticket has at most 1 MB", fix=help_)
    try:
        text = read.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Usage(f"factory triage: {name} is no text.", why="a ticket is a text in UTF-8", fix=help_)
    if _is_json(text):
        why = "it holds JSON; a ticket is its title on the first line, and the description below"
        raise Usage(f"factory triage: {name} is not a ticket's text.", why=why, fix=help_)
    if not text.strip():
        raise Usage(f"factory triage: {name} is empty.", why="the first line is the title", fix=help_)
    return text


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False
