"""`python -m bench`: the rates of this machine beside the floor, as medians of interleaved rounds."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .floors import sqlite_event
from .lifecycles import lifecycles
from .webhooks import acks

COMMITS: list[float] = []


def _lifecycles(path: Path, count: int, at_once: int) -> float:
    rate, commits = lifecycles(path / "factory.db", count, at_once)
    if at_once == 1:
        COMMITS.append(commits)
    return rate


MEASURES: dict[str, Callable[[Path], float]] = {
    "floor: SQLite event, FULL": lambda path: sqlite_event(path / "floor.db", 2000),
    "floor: 32 events a commit": lambda path: sqlite_event(path / "floor32.db", 6400, 32),
    "webhook to ack, 1 connection": lambda path: acks(path, 500, 1),
    "webhook to ack, 32 connections": lambda path: acks(path, 2000, 32),
    "lifecycles, 1 at once": lambda path: _lifecycles(path, 60, 1),
    "lifecycles, 32 at once": lambda path: _lifecycles(path, 128, 32),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    args = parser.parse_args()
    figures: dict[str, list[float]] = {name: [] for name in MEASURES}
    for number in range(args.rounds):
        for name, measure in MEASURES.items():
            print(f"round {number + 1} of {args.rounds}: {name}", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="factory-bench-") as directory:
                figures[name].append(measure(Path(directory)))
    floor = statistics.median(figures["floor: SQLite event, FULL"])
    rows = [
        {
            "measure": name, "per_second": round(statistics.median(rates), 1), "lowest": round(min(rates), 1),
            "highest": round(max(rates), 1), "of_floor": round(statistics.median(rates) / floor, 3),
        }
        for name, rates in figures.items()
    ]  # fmt: skip
    about = {"python": platform.python_version(), "machine": platform.machine(), "rounds": args.rounds}
    commits = round(statistics.median(COMMITS), 1)
    if args.format == "json":
        print(json.dumps({"schema": "factory.bench/1", **about, "commits_per_lifecycle": commits, "rows": rows}))
        return 0
    print(
        f"{'per second, median of ' + str(args.rounds):36}{'median':>10}{'lowest':>10}{'highest':>10}{'of floor':>10}"
    )
    for line in rows:
        print(
            f"{line['measure']:36}{line['per_second']:>10}{line['lowest']:>10}{line['highest']:>10}{line['of_floor']:>10}"
        )
    print(f"\nCommits per lifecycle, 1 at once: {commits}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
