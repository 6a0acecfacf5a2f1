"""`factory demo`: see tickets become merged pull requests, without an account."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from time import monotonic

from factory_core.dispatch.records import LogEntry
from factory_sandbox.demo.scenarios import SCENARIOS, Outcome, Player
from factory_sandbox.demo.stage import Stage, stage

from . import VERSION
from .output import Output

WHO = {"tracker": "ticket", "factory": "factory", "agent": "agent", "person": "person"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8787, help="of the status page (another, if it is taken)")
    parser.add_argument("--keep", action="store_true", help="keep the status page up until ^C")


def run(args: argparse.Namespace, out: Output) -> int:
    """0 only if each of the four tickets ended as it must."""
    return asyncio.run(_play(args.port, args.keep or _somebody_looks(out), out))


async def _play(port: int, keep: bool, out: Output) -> int:
    begun = monotonic()

    def tell(seconds: float, key: str, entry: LogEntry) -> None:
        quote = f' "{" ".join(entry.quote.split())[:90]}"' if entry.quote else ""
        out.text(f"{seconds:04.1f}  {key}  {WHO[entry.by]:7}  {entry.text}{quote}")

    async with stage(port, VERSION) as set_up:
        player = Player(set_up, tell)
        runner = logging.getLogger("factory.runner")
        runner.setLevel(logging.INFO)
        runner.addFilter(player.heard)
        outcomes = [await player.play(scenario) for scenario in SCENARIOS]
        ok = all(outcome.ok for outcome in outcomes)
        seconds = monotonic() - begun
        out.answer(_document(outcomes, set_up, seconds, ok=ok), _end(outcomes, set_up, seconds, keep, out))
        if keep:
            await asyncio.Event().wait()
    return 0 if ok else 1


def _document(outcomes: list[Outcome], set_up: Stage, seconds: float, *, ok: bool) -> dict[str, object]:
    return {
        "schema": "factory.demo/1",
        "ok": ok,
        "seconds": round(seconds, 2),
        "status_page": set_up.url,
        "scenarios": [outcome.model_dump(mode="json") for outcome in outcomes],
    }


def _end(outcomes: list[Outcome], set_up: Stage, seconds: float, keep: bool, out: Output) -> str:
    lines = [""]
    for outcome in outcomes:
        merged = f", merged {outcome.pull_request.url}" if outcome.pull_request and outcome.pull_request.merged else ""
        said = f"{outcome.scenario:10}  {outcome.work_item} is {outcome.outcome}{merged} ({outcome.seconds} s)"
        lines.append(f"{out.mark('ok' if outcome.ok else 'fail')} {said}")
    look = f"Look at it: {set_up.url}   (^C to quit)" if keep else "Look at it: factory demo --keep"
    return "\n".join([*lines, "", f"Done in {seconds:.1f} s. {look}"])


def _somebody_looks(out: Output) -> bool:
    return out.terminal and sys.stdin.isatty() and not out.as_json and "CI" not in out.environment
