"""The simulator over DynamoDB's store: no transactions, so a companion may be stored whose record was not."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from adapters.simulator.many import play_many

SEEDS = Path(__file__).parents[1] / "simulation" / "seeds.txt"
SCHEDULES, PARTS = 100, 2


@pytest.mark.parametrize("part", range(PARTS))
def test_no_law_is_broken_over_dynamodb(part: int) -> None:
    """A hundred schedules that nobody has ever played; a number repeats them: `factory simulate --store dynamodb`."""
    first = SystemRandom().randrange(10**9)
    played = play_many(range(first, first + SCHEDULES // PARTS), ("dynamodb",), jobs=1)
    assert not played.failures, [(f.seed, f.law, f.why, *f.story) for f in played.failures]


def test_no_law_is_broken_by_what_broke_one_before() -> None:
    """Every seed that ever failed over any store."""
    seeds = [int(line.split()[0]) for line in SEEDS.read_text().splitlines() if line and not line.startswith("#")]
    played = play_many(seeds, ("dynamodb",), jobs=1)
    assert not played.failures, [(f.seed, f.law, f.why, *f.story) for f in played.failures]
