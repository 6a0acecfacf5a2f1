"""`factory demo`: see a ticket become a merged pull request, without an account."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from time import monotonic

from adapters.demo.scenarios import SCENARIOS, Outcome, Player
from adapters.demo.stage import Stage, stage
from factory_core.dispatch.records import LogEntry

VERSION = "0.1.0"
_WHO = {"tracker": "ticket", "factory": "factory", "agent": "agent", "person": "person"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8787, help="of the status page (another, if it is taken)")
    parser.add_argument("--keep", action="store_true", help="keep the status page up until ^C")


def run(args: argparse.Namespace) -> int:
    try:
        return asyncio.run(_play(args, as_json=args.format == "json"))
    except KeyboardInterrupt:
        return 130


async def _play(args: argparse.Namespace, *, as_json: bool) -> int:
    begun = monotonic()
    async with stage(args.port, VERSION) as set_up:
        player = Player(set_up, _silent if as_json else _told)
        runner = logging.getLogger("factory.runner")
        runner.setLevel(logging.INFO)
        runner.addFilter(player.heard)
        outcomes = [await player.play(scenario) for scenario in SCENARIOS]
        seconds = monotonic() - begun
        ok = all(outcome.ok for outcome in outcomes)
        if as_json:
            print(json.dumps(_document(outcomes, set_up, seconds, ok=ok), ensure_ascii=False))
        else:
            _say_end(outcomes, set_up, seconds)
        if args.keep or (not as_json and _somebody_looks()):
            await asyncio.Event().wait()
    return 0 if ok else 1


def _document(outcomes: list[Outcome], set_up: Stage, seconds: float, *, ok: bool) -> dict[str, object]:
    return {
        "schema": "factory.demo/1", "ok": ok, "seconds": round(seconds, 2), "status_page": set_up.url,
        "scenarios": [outcome.model_dump(mode="json") for outcome in outcomes],
    }  # fmt: skip


def _told(seconds: float, key: str, entry: LogEntry) -> None:
    quote = f' "{" ".join(entry.quote.split())[:100]}"' if entry.quote else ""
    print(f"{seconds:04.1f}  {key}  {_WHO[entry.by]:7}  {entry.text}{quote}", flush=True)


def _silent(seconds: float, key: str, entry: LogEntry) -> None:
    """The document says it all at the end."""


def _say_end(outcomes: list[Outcome], set_up: Stage, seconds: float) -> None:
    print()
    for outcome in outcomes:
        mark = "✓" if outcome.ok else "✗"
        merged = f", merged {outcome.pull_request.url}" if outcome.pull_request and outcome.pull_request.merged else ""
        print(f"{mark} {outcome.scenario:10}  {outcome.work_item} is {outcome.outcome}{merged} ({outcome.seconds} s)")
    looks = "   (^C to quit)" if _somebody_looks() else "   (it stays up with --keep)"
    print(f"\nDone in {seconds:.1f} s. Look at it: {set_up.url}{looks}", flush=True)


def _somebody_looks() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and "CI" not in os.environ
