"""Keep nothing of a ticket that is over: no record, clone or run, and nothing that agents said. The server does it.

What the vendors hold, as its pull request and its comments, is theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid

from adapters.assembly import utc_now
from factory_core.dispatch.events import ForgetRequested
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.errors import StoppedByRule
from factory_core.factory import Factory

from .arguments import refuse_to_ask
from .output import Output
from .pipeline import checked_key
from .pipeline_all import who
from .place import UnknownItem, config_argument, factory_at, place_of

REMOVES = "its record, answers and history, its clone and branches here, outputs and sessions of its agents"
KEEPS = "sums of money; what Linear, Slack and GitHub hold; the lines of logs, as long as they are kept"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="the ticket, as ACME-142; it may be deleted in the tracker")
    config_argument(parser)
    parser.add_argument("--yes", action="store_true", help="without asking")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")


def run(args: argparse.Namespace, out: Output) -> int:
    key = checked_key(args.key)
    with factory_at(place_of(args.config, out)) as factory:
        return asyncio.run(_run(factory, key, args, out))


async def _run(factory: Factory, key: str, args: argparse.Namespace, out: Output) -> int:
    record = await factory.store.get_in_flight(key)
    if record is None:
        raise UnknownItem
    _refuse_alive(record)
    plan = f"  removes  {REMOVES}\n  keeps    {KEEPS}"
    if args.dry_run:
        return _answer(record, out, changed=False, text=f"{plan}\nNothing was changed.")
    if not args.yes:
        fix = f"factory forget {record.key} --yes"
        refuse_to_ask(args, out, f"pass --yes to forget {record.key}", fix)
        out.say(f"Forget {record.key}?\n{plan}\nType the key to go on:")
        if sys.stdin.readline().strip() != record.key:
            raise StoppedByRule("Not forgotten.", why="the key was not typed", fix=fix)
    event = ForgetRequested(
        id=f"forget:{uuid.uuid4().hex}", work_item_id=record.work_item_id, at=utc_now(), by=who(out)
    )  # fmt: skip
    after = (await factory.runner.accept(event)).record
    if not after.knows(event):  # it moved on since we looked
        _refuse_alive(after)
    return _answer(record, out, changed=True, text=f"A running factory forgets {record.key} within seconds.")


def _refuse_alive(record: InFlightRecord) -> None:
    """Raise StoppedByRule while the factory works on it, or waits for somebody."""
    if record.state not in ENDED | {State.NEW}:
        what = f"{record.key} is {record.state}: it is not over."
        raise StoppedByRule(what, why="only what is over is forgotten", fix=f"factory pipeline abort {record.key}")


def _answer(record: InFlightRecord, out: Output, *, changed: bool, text: str) -> int:
    document = {"schema": "factory.forget/1", "work_item": record.key, "state": record.state, "changed": changed}
    return out.answer(document, text)
