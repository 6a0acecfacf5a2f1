"""A person's word on one ticket: take it up again, or abort it. A running factory goes on with it."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import uuid
from typing import NamedTuple

from adapters.assembly import utc_now
from factory_core.dispatch.events import AbortRequested, RetryRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.transitions import IGNORED, TABLE
from factory_core.errors import StoppedByRule
from factory_core.factory import Factory
from factory_core.status_report.spelling import money, retry

from .arguments import Usage, refuse_to_ask
from .output import Output
from .place import UnknownItem, config_argument, factory_at, place_of

EVENTS: dict[str, type[RetryRequested] | type[AbortRequested]] = {"retry": RetryRequested, "abort": AbortRequested}
KEY = re.compile(r"(?=.*\d)[\w./#:-]{1,200}")  # of a ticket: what may be repeated in a suggestion


class Plan(NamedTuple):
    """What it does, keeps and removes, said before it is done."""

    does: str
    keeps: str
    removes: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=tuple(EVENTS))
    parser.add_argument("key", metavar="KEY", help="the ticket, as ACME-142")
    config_argument(parser)
    parser.add_argument("--reason", default="", help="said in the ticket's history; after a retry, told to the agent")
    parser.add_argument("--yes", action="store_true", help="abort without asking")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")


def run(args: argparse.Namespace, out: Output) -> int:
    if not KEY.fullmatch(args.key):
        raise Usage(
            "That is no ticket's key.", why="a key has a number and no spaces, as ACME-142", fix="factory status --all"
        )
    with factory_at(place_of(args.config, out)) as factory:
        return asyncio.run(_run(factory, args, out))


async def _run(factory: Factory, args: argparse.Namespace, out: Output) -> int:
    before = await factory.store.get_in_flight(args.key)
    if before is None or before.state is State.NEW:
        raise UnknownItem
    _refuse_pointless(before, args.action)
    plan = _plan(before, args.action)
    if args.dry_run:
        return _answer(before, args, out, changed=False, text=f"{_said(plan)}\nNothing was changed.")
    if args.action == "abort" and not args.yes:
        _ask(before, plan, args, out)
    event = EVENTS[args.action](
        id=f"{args.action}:{uuid.uuid4().hex}",
        work_item_id=before.work_item_id,
        at=utc_now(),
        by=_who(out),
        reason=args.reason,
    )
    after = (await factory.runner.accept(event)).record
    if not after.knows(event):  # it moved on since we looked
        _refuse_pointless(after, args.action)
    return _answer(after, args, out, changed=True, text=_done(after, args.action))


def _refuse_pointless(record: InFlightRecord, action: str) -> None:
    """Raise StoppedByRule with the machine's own reason where it ignores the event in this state."""
    cell = (record.state, EVENTS[action])
    if cell not in TABLE:
        what = f"{record.key} is {record.state}: nothing to {action}."
        raise StoppedByRule(what, why=IGNORED.get(cell, "no rule expects it"), fix=f"factory status {record.key}")


def _plan(record: InFlightRecord, action: str) -> Plan:
    spent = f", spent {money(record.spent.usd)} so far" if record.spent.usd else ""
    branch = f"branch {record.branch}, " if record.branch else ""
    if action == "retry":
        return Plan(f"judges {record.key} again, with tries from nothing{spent}", f"{branch}answers, the log", "")
    at_work = record.run is not None and record.state in {State.DISPATCHING, State.RUNNING}
    does = f"stops the running agent{spent}" if at_work else f"takes it out of the factory's hands{spent}"
    keep = f"{branch}pull request, ticket, log" if record.pull_request else f"{branch}ticket, log"
    return Plan(does, keep, "its slot; the work tree, when the record is forgotten")


def _said(plan: Plan) -> str:
    rows = zip(("does", "keeps", "removes"), plan, strict=True)
    return "\n".join(f"  {name:9}{words}" for name, words in rows if words)


def _ask(record: InFlightRecord, plan: Plan, args: argparse.Namespace, out: Output) -> None:
    fix = f"factory pipeline abort {record.key} --yes"
    refuse_to_ask(args, out, f"pass --yes to abort {record.key} and keep its branch", fix)
    out.say(f"Abort {record.key}?\n{_said(plan)}\nType the key to go on:")
    if sys.stdin.readline().strip() != record.key:
        raise StoppedByRule("Not aborted.", why="the key was not typed", fix=fix)


def _done(record: InFlightRecord, action: str) -> str:
    said = "Taken up again" if action == "retry" else f"Aborted. Take it up again: {retry(record.key)}\nRecorded"
    return f"{said}: {record.key} is {record.state}. A running factory goes on with it: factory status {record.key}"


def _answer(record: InFlightRecord, args: argparse.Namespace, out: Output, *, changed: bool, text: str) -> int:
    document = {
        "schema": "factory.pipeline/1", "action": args.action, "work_item": record.key, "state": record.state,
        "changed": changed,
    }  # fmt: skip
    return out.answer(document, text)


def _who(out: Output) -> str:
    return out.environment.get("USER", "") or f"user {os.getuid()}"
