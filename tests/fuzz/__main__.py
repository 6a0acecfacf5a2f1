"""`python -m tests.fuzz [--seconds 600] [--seed N] [--way NAME] [--round K]`: draw until time is up, or play one round.

Exits with 1 after a failure, whose line repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import secrets
import sys
import time
import traceback
from collections import Counter

from .ways import WAYS, played


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--way", choices=sorted(WAYS), action="append")
    parser.add_argument("--round", type=int)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    end, rounds, failed = time.monotonic() + given.seconds, Counter[str](), 0
    print(f"seed {given.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        ways = {name: stack.enter_context(WAYS[name]()) for name in given.way or sorted(WAYS)}
        index = given.round or 0
        while time.monotonic() < end and failed < 20:
            for name, play in ways.items():
                try:
                    played(play, given.seed, name, index)
                except Exception:
                    failed += 1
                    traceback.print_exc(limit=-12)
                    print(f"FAILED: python -m tests.fuzz --seed {given.seed} --way {name} --round {index}", flush=True)
                rounds[name] += 1
            if given.round is not None:
                break
            index += 1
    print(", ".join(f"{name} {count} rounds" for name, count in sorted(rounds.items())), f"{failed} failed", sep=", ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
