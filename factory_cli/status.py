"""What needs a person, what moves, what is in line; with a KEY, one ticket from its beginning. No server is needed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from factory_core.dispatch.records import ENDED, State
from factory_core.overview import Observed, item_overview, overview
from factory_core.performing.event_recorder import EventRecorder
from factory_core.ports import Fleet
from factory_core.status import ItemReport, StatusReport, item_words, rows, words

from . import VERSION
from .output import Output
from .place import Place, UnknownItem, config_argument, fleet_at, place_of, recorder_at
from .running import running

LOOK_EVERY = 1.0  # seconds
SERVER_ANSWERS = 1.0  # seconds that a server on this machine has to say how it is
NOT_FINISHED = 8


class Shown(NamedTuple):
    """`text` and `document` say the same; `code` is for --exit-status."""

    document: dict[str, object]
    text: str
    code: int


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", nargs="?", default="", help="one ticket")
    config_argument(parser)
    parser.add_argument("--all", action="store_true", help="every ticket, the line, what has finished")
    parser.add_argument("--watch", action="store_true", help="show it again when it changes, until ^C")
    parser.add_argument("--exit-status", action="store_true", help="exit 8 while work is under way, 1 if given up")


def run(args: argparse.Namespace, out: Output) -> int:
    place = place_of(args.config, out)
    with recorder_at(place) as factory, fleet_at(place) as fleet:

        async def look() -> Shown:
            if args.key:
                return await _item(factory, fleet, args.key)
            return await _tenant(factory, fleet, place, out, everything=args.all)

        shown = asyncio.run(_watch(look, args, out) if args.watch else look())
    if not args.watch:
        out.answer(shown.document, shown.text)
    return shown.code if args.exit_status else 0


async def _tenant(recorder: EventRecorder, fleet: Fleet, place: Place, out: Output, *, everything: bool) -> Shown:
    server = await running(place, SERVER_ANSWERS)
    report = await overview(Observed(recorder), fleet, VERSION, place.config.store.kind, server.lines if server else ())
    text = words(_of_the_store(report), all=everything) if out.terminal else rows(report)
    busy = bool(report.items or report.queue)
    return Shown(report.model_dump(mode="json"), text, NOT_FINISHED if busy else 0)


async def _item(recorder: EventRecorder, fleet: Fleet, key: str) -> Shown:
    report = await item_overview(Observed(recorder), fleet, key, VERSION)
    if report is None:
        raise UnknownItem
    return Shown(report.model_dump(mode="json"), item_words(report), _code(report))


def _code(report: ItemReport) -> int:
    state = report.item.state
    return 0 if state is State.DONE else 1 if state in ENDED else NOT_FINISHED


def _of_the_store(report: StatusReport) -> StatusReport:
    """Without the lines that only a running server can hear."""
    return report.model_copy(update={"lines": tuple(line for line in report.lines if line.status != "unknown")})


async def _watch(look: Callable[[], Awaitable[Shown]], args: argparse.Namespace, out: Output) -> Shown:
    """Each change; one ticket is watched until it has ended."""
    before = ""
    while True:
        shown = await look()
        if shown.text != before:
            out.answer(shown.document, ("\x1b[H\x1b[2J" if out.terminal else "") + shown.text)
            before = shown.text
        if args.key and shown.code != NOT_FINISHED:
            return shown
        await asyncio.sleep(LOOK_EVERY)
