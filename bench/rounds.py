"""Rounds: every measure once, in turn, so that a slow minute hits all; a round on restless ground is dropped."""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .floors.ledger import Ledger
from .floors.rates import events, parses
from .measure import Absent, Measure, Sizes
from .processes import ROOT

MOST_VARIED = 1.5
PROBES = 4  # looks at the floors, spread over a round


@dataclass
class Round:
    figures: dict[str, float] = field(default_factory=dict)
    floors: dict[str, list[float]] = field(default_factory=dict)  # of the disk, and of the processor
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def varied(self) -> float:
        """The fastest look at a floor over the slowest, of the floor that varied most."""
        return max(max(looks) / min(looks) for looks in self.floors.values())

    @property
    def steady(self) -> bool:
        return self.varied <= MOST_VARIED


def play(measures: Sequence[Measure], rounds: int, sizes: Sizes) -> list[Round]:
    """Until so many rounds were steady, or there were too many others."""
    played: list[Round] = []
    with _place() as place:
        while sum(one.steady for one in played) < rounds and len(played) < sizes.replays * rounds:
            said = f"round {len(played) + 1}, {sum(one.steady for one in played)} of {rounds} kept"
            played.append(_round(measures, replace(sizes, turn=len(played)), place, said))
            if not played[-1].steady:
                tell(f"{said}: dropped, a floor varied by {played[-1].varied:.2f}")
    return played


def kept(played: Sequence[Round]) -> Sequence[Round]:
    """The steady ones; where there are none, all, and whoever reports them says so."""
    return [one for one in played if one.steady] or played


def median(played: Sequence[Round], name: str) -> float | None:
    each = values(played, name)
    return statistics.median(each) if each else None


def values(played: Sequence[Round], name: str) -> list[float]:
    return [one.figures[name] for one in kept(played) if name in one.figures]


def ratio(played: Sequence[Round], name: str, of: str) -> float | None:
    """The median of the ratios within each round."""
    each = ratios(played, name, of)
    return statistics.median(each) if each else None


def ratios(played: Sequence[Round], name: str, of: str) -> list[float]:
    pairs = [(one.figures.get(name), one.figures.get(of)) for one in kept(played)]
    return [value / base for value, base in pairs if value is not None and base]


def _round(measures: Sequence[Measure], sizes: Sizes, place: Path, said: str) -> Round:
    now = Round()
    looks = {at * max(1, len(measures) - 1) // (PROBES - 1) for at in range(PROBES)}
    for number, measure in enumerate(measures):
        tell(f"{said}: {measure.name}")
        if number in looks:
            _look(now, place, sizes)
        try:
            with _empty(place) as directory:
                now.figures |= {} if measure.absent else measure.take(directory, sizes)
        except Absent as why:
            now.absent[measure.name] = str(why)
            tell(f"{measure.name}: {why}")
    _look(now, place, sizes)
    return now


def _look(now: Round, place: Path, sizes: Sizes) -> None:
    """The floors as they are now: durable events a second, and webhooks read a second, for about as long."""
    with _empty(place) as directory:
        ledger = Ledger(directory / "floor.db")
        now.floors.setdefault("event", []).append(events(ledger, max(64, sizes.events // 2), 1))
        ledger.close()
    now.floors.setdefault("parse", []).append(parses(4 * sizes.parses))


@contextmanager
def _empty(place: Path) -> Iterator[Path]:
    gc.collect()
    with tempfile.TemporaryDirectory(dir=place) as directory:
        yield Path(directory)


@contextmanager
def _place() -> Iterator[Path]:
    """On the project's own disk: a temporary directory may lie in memory, where a commit costs nothing."""
    (ROOT / ".bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".bench", prefix="work-") as place:
        yield Path(place)


def tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
