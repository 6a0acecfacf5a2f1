"""A person's word on one ticket: take it up again, or abort it. A running factory goes on with it."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import uuid
from decimal import Decimal
from typing import NamedTuple

from adapters.assembly import utc_now
from factory_core.config import FactoryConfig
from factory_core.dispatch.budget import larger, limit
from factory_core.dispatch.events import AbortRequested, BudgetRaised, RetryRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.transitions import IGNORED, TABLE
from factory_core.errors import StoppedByRule
from factory_core.performing.event_recorder import EventRecorder
from factory_core.status.formatting import cost, money, retry

from . import pipeline_all
from .arguments import Usage, refuse_to_ask
from .output import Output
from .place import UnknownItem, config_argument, place_of, recorder_at

EVENTS: dict[str, type[RetryRequested] | type[AbortRequested]] = {"retry": RetryRequested, "abort": AbortRequested}
KEY = re.compile(r"(?=.*\d)[\w./#:-]{1,200}")  # of a ticket: what may be repeated in a suggestion


class Plan(NamedTuple):
    """What it does, keeps and removes, said before it is done."""

    does: str
    keeps: str
    removes: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=tuple(EVENTS))
    parser.add_argument("key", metavar="KEY", nargs="?", default="", help="the ticket, as ACME-142")
    config_argument(parser)
    parser.add_argument("--reason", default="", help="kept in the history; after a retry, for the agent")
    parser.add_argument(
        "--budget", type=usd, metavar="USD", help="retry: the ticket may cost so much in all, and run again today"
    )
    parser.add_argument("--yes", action="store_true", help="abort, or retry many, without asking")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
    pipeline_all.arguments(parser)


def usd(value: str) -> Decimal:
    """A sum in US dollars."""
    found = re.fullmatch(r"\$?(\d{1,7}(?:\.\d{1,2})?)", value)
    if not found or not Decimal(found[1]):
        raise argparse.ArgumentTypeError(f"{value!r} is no sum in US dollars, as 20 or 20.50")
    return Decimal(found[1])


def run(args: argparse.Namespace, out: Output) -> int:
    if args.all:
        pipeline_all.refuse_contradictions(args)
        with recorder_at(place_of(args.config, out)) as recorder:
            return asyncio.run(pipeline_all.run(recorder, args, out))
    pipeline_all.refuse_selectors(args)
    if args.budget and args.action != "retry":
        raise Usage("--budget goes with retry.", why="nothing is spent after an abort", fix=f"{retry(args.key)}")
    checked_key(args.key)
    with recorder_at(place_of(args.config, out)) as recorder:
        return asyncio.run(_run(recorder, args, out))


def checked_key(key: str) -> str:
    """Raise Usage for what no tracker calls a ticket."""
    if not KEY.fullmatch(key):
        why = "a key has a number and no spaces, as ACME-142"
        raise Usage("That is no ticket's key.", why=why, fix="factory status --all")
    return key


async def _run(recorder: EventRecorder, args: argparse.Namespace, out: Output) -> int:
    before = await recorder.store.get_in_flight(args.key)
    if before is None or before.state is State.NEW:
        raise UnknownItem
    if args.budget:
        _refuse_less(before, args.budget, recorder.config)
    else:
        _refuse_pointless(before, args.action)
    plan = _plan(before, args.action)
    if args.budget:
        plan = plan._replace(does=f"raises the budget of {before.key} to {money(args.budget)}; {plan.does}")
    if args.dry_run:
        return _answer(before, args, out, changed=False, text=f"{_said(plan)}\nNothing was changed.")
    if args.action == "abort" and not args.yes:
        _ask(before, plan, args, out)
    if args.budget:
        before = await _raise(recorder, before, args.budget, pipeline_all.who(out))
        if (before.state, RetryRequested) not in TABLE:  # it goes on with that
            return _answer(before, args, out, changed=True, text=_raised(before, recorder.config))
    event = EVENTS[args.action](
        id=f"{args.action}:{uuid.uuid4().hex}",
        work_item_id=before.work_item_id,
        at=utc_now(),
        by=pipeline_all.who(out),
        reason=args.reason,
    )
    after = (await recorder.record(event)).record
    if not after.knows(event):  # it moved on since we looked
        _refuse_pointless(after, args.action)
    return _answer(after, args, out, changed=True, text=_done(after, args.action))


async def _raise(recorder: EventRecorder, record: InFlightRecord, budget: Decimal, by: str) -> InFlightRecord:
    event = BudgetRaised(
        id=f"budget:{uuid.uuid4().hex}", work_item_id=record.work_item_id, at=utc_now(), by=by, usd=budget
    )  # fmt: skip
    return (await recorder.record(event)).record


def _refuse_less(record: InFlightRecord, budget: Decimal, config: FactoryConfig) -> None:
    """Raise Usage where the ticket has as much already."""
    has = limit(record, config)
    if budget < has:
        raise Usage(
            f"{record.key} may cost {money(has)} already.",
            why="this raises a budget; budget.item is what lowers it",
            fix=f"factory pipeline retry {record.key} --budget {larger(has)}",
        )


def _raised(record: InFlightRecord, config: FactoryConfig) -> str:
    most, follow = money(limit(record, config)), f"factory status {record.key}"
    return f"{record.key} may cost {most} in all, and is {record.state}. A running factory goes on with it: {follow}"


def _refuse_pointless(record: InFlightRecord, action: str) -> None:
    """Raise StoppedByRule with the machine's own reason where it ignores the event in this state."""
    cell = (record.state, EVENTS[action])
    if cell not in TABLE:
        what = f"{record.key} is {record.state}: nothing to {action}."
        raise StoppedByRule(what, why=IGNORED.get(cell, "no rule expects it"), fix=f"factory status {record.key}")


def _plan(record: InFlightRecord, action: str) -> Plan:
    used = record.spent
    spent = f", spent {cost(used.usd, used.cost_known)} so far" if used.usd or not used.cost_known else ""
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
