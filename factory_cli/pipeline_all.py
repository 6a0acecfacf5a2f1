"""`factory pipeline retry --all`: what stopped for one cause is taken up again, each ticket at its own moment."""

from __future__ import annotations

import argparse
import os
import re
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from adapters.assembly import utc_now
from adapters.registry import declared
from factory_core.dispatch.causes import CAUSE_NAMES, CAUSES, is_blocked_by
from factory_core.dispatch.events import RetryRequested
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.transitions import TABLE
from factory_core.errors import Problem, RecordTooLarge, StoppedByRule, UnreadableRecord
from factory_core.performing.event_recorder import EventRecorder
from factory_core.status.formatting import count, duration, iso, one_line

from .arguments import Usage, refuse_to_ask, unknown
from .output import Output, aligned

RETRIABLE = tuple(state for state in State if (state, RetryRequested) in TABLE)
GAP, LONGEST = timedelta(seconds=2), timedelta(minutes=10)  # between two starts, and until the last one
SHOWN = 20
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SELECTORS = ("blocked_by", "state", "vendor", "older_than", "younger_than")


class Start(NamedTuple):
    """A ticket that is taken up again, and the moment at which it begins."""

    record: InFlightRecord
    at: datetime


def arguments(parser: argparse.ArgumentParser) -> None:
    many = parser.add_argument_group("retry of many tickets")
    many.add_argument("--all", action="store_true", help="every blocked ticket that fits, each at its own moment")
    many.add_argument(
        "--blocked-by", type=_cause, metavar="CAUSE", help=f"one of {', '.join(CAUSE_NAMES)}; or a block's reason"
    )
    many.add_argument("--state", choices=RETRIABLE, type=State, help="default: blocked")
    many.add_argument("--vendor", help="whose outage it was, as the configuration names it")
    many.add_argument("--older-than", type=_span, metavar="AGE", help="stopped for longer than that, as 90m, 2h or 3d")
    many.add_argument("--younger-than", type=_span, metavar="AGE", help="stopped for less than that")


def _cause(value: str) -> str:
    if value not in {*CAUSE_NAMES, *CAUSES}:
        raise unknown("cause", value, list(CAUSE_NAMES), None, "factory pipeline --help")
    return value


def _span(value: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", value)
    if not found:
        raise argparse.ArgumentTypeError("an age looks like 90m, 2h or 3d")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def refuse_selectors(args: argparse.Namespace) -> None:
    """Raise Usage for what only selects among many, where one ticket is named or none."""
    given = [name for name in SELECTORS if getattr(args, name)]
    if given:
        flag = f"--{given[0].replace('_', '-')}"
        raise Usage(f"{flag} goes with --all.", why="it selects among many tickets", fix="factory pipeline --help")


def refuse_contradictions(args: argparse.Namespace) -> None:
    """Raise Usage for what cannot go with --all."""
    fix = "factory pipeline retry --all --dry-run"
    if args.action != "retry":
        raise Usage("--all goes with retry.", why="tickets are aborted one by one", fix="factory pipeline --help")
    if args.key:
        raise Usage("A ticket and --all exclude each other.", why="--all takes every ticket that fits", fix=fix)
    if args.budget:
        raise Usage("--budget and --all exclude each other.", why="a budget is raised ticket by ticket", fix=fix)


async def run(recorder: EventRecorder, args: argparse.Namespace, out: Output) -> int:
    """Retry what fits. A record that cannot be read, or not be stored, keeps no other one from that, and is named at
    the end."""
    if args.vendor and args.vendor not in declared(recorder.config):
        raise unknown("vendor", args.vendor, sorted(declared(recorder.config)), None, "factory pipeline --help")
    now = utc_now()
    trouble: Problem | None = None
    found = list[InFlightRecord]()
    try:
        async for record in recorder.store.list_in_flight():
            if _fits(record, args, now):
                found.append(record)
    except UnreadableRecord as problem:
        trouble = problem
    found.sort(key=lambda record: (record.since or now, record.work_item_id))
    gap = min(GAP, LONGEST / max(len(found), 1))
    plan = [Start(record, now + gap * n) for n, record in enumerate(found)]
    if found and not (args.dry_run or args.yes):
        _ask(plan, args, out)
    taken, failed = list(found) if args.dry_run else [], list[Start]()
    for start in () if args.dry_run else plan:
        try:
            taken += [start.record] if await _retry(recorder, *start, args, out) else []
        except (UnreadableRecord, RecordTooLarge) as problem:
            failed, trouble = [*failed, start], trouble or problem
    tried = [start for start in plan if start not in failed]
    out.answer(_document(plan, taken, args, now), _text(tried, taken, args, now))
    if trouble:
        raise trouble
    return 0


def _fits(record: InFlightRecord, args: argparse.Namespace, now: datetime) -> bool:
    age = now - (record.since or now)
    block = record.block if record.state is State.BLOCKED else None
    return (
        record.state is (args.state or State.BLOCKED)
        and (not args.blocked_by or (block is not None and is_blocked_by(block.reason, args.blocked_by)))
        and (not args.vendor or (block is not None and block.provider == args.vendor))
        and (not args.older_than or age > args.older_than)
        and (not args.younger_than or age < args.younger_than)
    )


async def _retry(
    recorder: EventRecorder, record: InFlightRecord, at: datetime, args: argparse.Namespace, out: Output
) -> bool:
    """Whether it was taken up; not if it moved on since it was read."""
    event = RetryRequested(
        id=f"retry:{uuid.uuid4().hex}", work_item_id=record.work_item_id, at=utc_now(), by=who(out), reason=args.reason,
        not_before=at,
    )  # fmt: skip
    return (await recorder.record(event)).record.knows(event)


def _ask(plan: Sequence[Start], args: argparse.Namespace, out: Output) -> None:
    fix = "factory pipeline retry --all --yes"
    refuse_to_ask(args, out, "pass --yes to retry them, or --dry-run to see them", fix)
    out.say("\n".join([*_rows(plan), f"Retry {count(len(plan), 'ticket')}? Type yes to go on:"]))
    if sys.stdin.readline().strip() != "yes":
        raise StoppedByRule("Nothing was retried.", why="the answer was not yes", fix=fix)


def _rows(plan: Sequence[Start]) -> list[str]:
    blocks = [(record, record.block) for record, _ in plan[:SHOWN]]
    rows = [
        (record.key, str(record.state), block.reason if block else "", one_line(block.why, 80) if block else "")
        for record, block in blocks
    ]
    counted = Counter(record.block.reason if record.block else str(record.state) for record, _ in plan)
    more = [f"… and {len(plan) - SHOWN} more"] if len(plan) > SHOWN else []
    return [*aligned(rows), *more, ", ".join(f"{number} {reason}" for reason, number in counted.most_common())]


def _text(plan: Sequence[Start], taken: Sequence[InFlightRecord], args: argparse.Namespace, now: datetime) -> str:
    if not plan:
        return "No ticket fits; nothing was changed."
    last = duration((plan[-1][1] - now).total_seconds())
    if args.dry_run:
        tickets = count(len(plan), "ticket")
        return "\n".join([*_rows(plan), f"Would retry {tickets}, the last one after {last}. Nothing was changed."])
    moved = f" {len(plan) - len(taken)} had moved on meanwhile." if len(taken) < len(plan) else ""
    said = f"{count(len(taken), 'ticket')} taken up again, the last one begins after {last}.{moved}"
    return f"{said} A running factory goes on with them: factory status"


def _document(
    plan: Sequence[Start], taken: Sequence[InFlightRecord], args: argparse.Namespace, now: datetime
) -> dict[str, object]:
    changed = {record.work_item_id for record in taken} if not args.dry_run else set[str]()
    return {
        "schema": "factory.pipeline.all/1", "action": "retry", "changed": bool(changed), "selected": len(plan),
        "work_items": [
            {
                "work_item": record.key, "state": record.state, "since": iso(record.since) if record.since else None,
                "reason": record.block.reason if record.block else None,
                "cause": CAUSES.get(record.block.reason) if record.block else None,
                "vendor": (record.block.provider or None) if record.block else None,
                "begins_in_s": round((at - now).total_seconds()), "changed": record.work_item_id in changed,
            }
            for record, at in plan
        ],
    }  # fmt: skip


def who(out: Output) -> str:
    return out.environment.get("USER", "") or f"user {os.getuid()}"
