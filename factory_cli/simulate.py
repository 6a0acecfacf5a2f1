"""Play the factory in a simulated world where everything goes wrong, and check every law after every step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from time import monotonic

from pydantic import ValidationError

from factory_core.errors import Refused
from factory_core.payload import parse_as
from factory_simulator.many import Failure, Played, playing, stores_named, story
from factory_simulator.schedule import Schedule
from factory_simulator.simulation import Simulation
from factory_simulator.stores import EVERY, STORES

from .output import Output

TELL_EVERY = 5.0  # seconds


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--schedules", type=int, default=500, metavar="N", help="how many (500)")
    parser.add_argument("--seed", type=int, default=None, metavar="S", help="of the first; the next is S + 1")
    parser.add_argument("--jobs", type=int, default=2, metavar="J", help="processes (2)")
    others = "DynamoDB and the Durable Object are played by tests of their own"
    in_turn = f"all: {', '.join(STORES)} in turn; {others}"
    parser.add_argument("--store", choices=(*EVERY, "all"), default="all", help=in_turn)
    parser.add_argument("--save", metavar="DIRECTORY", default="", help="where shrunk schedules are kept")
    parser.add_argument(
        "--replay", metavar="FILE", default="", help="step through a kept schedule, on a terminal with Enter"
    )
    hostile = "an engine that does its worst, over real git and real processes, instead of the simulated world"
    parser.add_argument("--hostile", action="store_true", help=hostile)


def run(args: argparse.Namespace, out: Output) -> int:
    if args.hostile:
        from . import simulate_hostile

        return simulate_hostile.run(args, out)
    return _replay(Path(args.replay), out) if args.replay else _many(args, out)


def _many(args: argparse.Namespace, out: Output) -> int:
    seed = SystemRandom().randrange(10**9) if args.seed is None else args.seed
    if args.store == "dynamodb" and find_spec("moto") is None:
        fix = "In the shell: pip install moto"
        raise Refused("DynamoDB's store cannot be played", why="moto, which plays DynamoDB, is not installed", fix=fix)
    seeds, begun = range(seed, seed + max(1, args.schedules)), monotonic()
    played = _told_meanwhile(playing(seeds, stores_named(args.store), max(1, args.jobs)), len(seeds), out)
    seconds = monotonic() - begun
    for failure in played.failures if args.save else ():
        kept = Path(args.save) / f"schedule-{failure.seed}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(failure.schedule.model_dump_json(indent=1))
    text = "\n".join([*(_told(failure) for failure in played.failures), _summary(played, seed, args.store, seconds)])
    return out.answer(_document(played, seed, args.store, seconds), text, 1 if played.failures else 0)


def _told_meanwhile(totals: Iterator[Played], schedules: int, out: Output) -> Played:
    """The last of the totals; what broke as soon as it is known, and every few seconds how far it is."""
    total, told, said_at = Played(), 0, monotonic()
    for total in totals:
        for failure in total.failures[told:]:
            out.say(f"seed {failure.seed} breaks {failure.law}")
        told = len(total.failures)
        if monotonic() - said_at > TELL_EVERY:
            said_at = monotonic()
            out.say(f"{total.schedules:,} of {schedules:,} schedules, {len(total.failures)} violations")
    return total


def _replay(file: Path, out: Output) -> int:
    try:
        schedule = parse_as(Schedule, file.read_bytes())
    except (OSError, ValidationError):
        why = "it cannot be read, or is none that this release wrote"
        fix = "factory simulate --save DIRECTORY"
        raise Refused(f"{file.name} is no schedule", why=why, fix=fix) from None
    if schedule.store not in EVERY:
        why = f"it plays over {schedule.store!r}, and there are {', '.join(EVERY)}"
        raise Refused(f"{file.name} cannot be played here", why=why, fix=f"In {file.name}: correct store")
    simulation = Simulation(schedule).play()
    broken = simulation.violation
    document = {
        "schema": "factory.simulation/1",
        "ok": broken is None,
        "law": broken.law if broken else "",
        "why": broken.why if broken else "",
        "history": list(story(simulation)),
        "digest": simulation.digest(),
    }
    end = f"broken: {broken.law}: {broken.why}" if broken else "no law is broken"
    shown = _stepped(story(simulation), out) if out.terminal and sys.stdin.isatty() and not out.as_json else 0
    rest = [*story(simulation)[shown:], end]
    return out.answer(document, "\n".join(rest), 1 if broken else 0)


def _stepped(happenings: Sequence[str], out: Output) -> int:
    """One happening for each Enter; how many were shown before the person wanted all the rest."""
    out.say(f"{len(happenings)} happenings. Enter: the next one; a, Enter: all the rest")
    for shown, happening in enumerate(happenings):
        if sys.stdin.readline() != "\n":
            return shown
        out.text(happening)
    return len(happenings)


def _document(played: Played, seed: int, store: str, seconds: float) -> dict[str, object]:
    return {
        "schema": "factory.simulation/1",
        "ok": not played.failures,
        "seed": seed,
        "store": store,
        "seconds": round(seconds, 2),
        "events": played.events,
        **played.model_dump(mode="json"),
    }


def _summary(played: Played, seed: int, store: str, seconds: float) -> str:
    return (
        f"{played.schedules:,} schedules from seed {seed} over {store}: {played.events:,} events"
        f" ({played.writes:,} writes) in {seconds:.1f} s, {len(played.failures)} violations"
    )


def _told(failure: Failure) -> str:
    lines = [f"seed {failure.seed} breaks {failure.law}: {failure.why}", "the shortest schedule that does:"]
    lines.append(failure.schedule.model_dump_json(exclude_defaults=True))
    return "\n".join([*lines, *(f"  {line}" for line in failure.story), ""])
