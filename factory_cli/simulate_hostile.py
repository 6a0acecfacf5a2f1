"""`factory simulate --hostile`: draws of the hostile engine, each replayable by its number or its file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from time import monotonic

from pydantic import ValidationError

from factory_core.errors import Refused
from factory_core.payload import parse_as
from factory_simulator.hostile.draw import HostileDraw
from factory_simulator.hostile.many import HostileFailure, HostilePlayed, drawn_from, playing_hostile

from .output import Output

TELL_EVERY = 10.0  # seconds


def run(args: argparse.Namespace, out: Output) -> int:
    if args.store != "all":
        why, fix = "the hostile engine is played over git, and no store is in it", "factory simulate --hostile"
        raise Refused("--store does not go with --hostile", why=why, fix=fix)
    seed = SystemRandom().randrange(10**9) if args.seed is None else args.seed
    draws = [_kept(Path(args.replay))] if args.replay else drawn_from(range(seed, seed + max(1, args.schedules)))
    begun = monotonic()
    played = _reported(playing_hostile(draws, max(1, args.jobs)), len(draws), out)
    seconds = monotonic() - begun
    for failure in played.failures if args.save else ():
        kept = Path(args.save) / f"hostile-{failure.drawn.seed}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(failure.drawn.model_dump_json(indent=1))
    document = {
        "schema": "factory.simulation/1", "ok": not played.failures, "seed": draws[0].seed,
        "seconds": round(seconds, 2), **played.model_dump(mode="json"),
    }  # fmt: skip
    summary = (
        f"{played.draws:,} draws from seed {draws[0].seed}: {played.runs:,} runs in {seconds:.1f} s,"
        f" {len(played.failures)} violations"
    )
    return out.answer(document, "\n".join([*map(_text, played.failures), summary]), 1 if played.failures else 0)


def _reported(totals: Iterator[HostilePlayed], draws: int, out: Output) -> HostilePlayed:
    """The last of the totals; every few seconds how far it is."""
    total, said_at = HostilePlayed(), monotonic()
    for total in totals:
        if monotonic() - said_at > TELL_EVERY:
            said_at = monotonic()
            out.say(f"{total.draws:,} of {draws:,} draws, {len(total.failures)} violations")
    return total


def _kept(file: Path) -> HostileDraw:
    try:
        return parse_as(HostileDraw, file.read_bytes())
    except (OSError, ValidationError):
        why, fix = "it cannot be read, or is no draw of this release", "factory simulate --hostile --save DIRECTORY"
        raise Refused(f"{file.name} is no draw", why=why, fix=fix) from None


def _text(failure: HostileFailure) -> str:
    again = f"factory simulate --hostile --schedules 1 --seed {failure.drawn.seed}"
    lines = [f"seed {failure.drawn.seed} breaks {failure.law}: {failure.why}", *(f"  {line}" for line in failure.story)]
    return "\n".join([*lines, f"again: {again}", failure.drawn.model_dump_json(exclude_defaults=True), ""])
