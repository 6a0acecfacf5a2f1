"""`python -m bench`: this machine's floor, this project and its peers, interleaved, as medians with their spread."""

from __future__ import annotations

import argparse
import json
import re
import sys

from .document import document, text
from .measure import QUICK, Sizes
from .measures import MEASURES
from .page import write
from .rounds import play

RECORD = 5  # rounds of a run that may be written down


def main() -> int:
    args = _arguments()
    sizes = QUICK if args.quick else Sizes()
    chosen = [one for one in MEASURES if re.search(args.only, one.name)]
    if not chosen:
        print(f"Nothing is named {args.only!r}: {', '.join(one.name for one in MEASURES)}", file=sys.stderr)
        return 2
    said = document(chosen, play(chosen, args.rounds, sizes), args.rounds, sizes)
    print(json.dumps(said, ensure_ascii=False) if args.format == "json" else text(said))
    if args.write:
        write(said)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="steady rounds to keep (default: 5)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="measures whose name this expression finds")
    parser.add_argument("--quick", action="store_true", help="tiny counts: shows that it runs, and nothing else")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--write", action="store_true", help="and write the figures into docs/benchmarks.md: of a whole run"
    )
    args = parser.parse_args()
    if args.write and (args.quick or args.only or args.rounds < RECORD):
        parser.error(f"--write keeps whole runs only: without --quick and --only, and of {RECORD} rounds at least")
    return args


if __name__ == "__main__":
    sys.exit(main())
