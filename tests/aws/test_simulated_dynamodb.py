"""The simulator over DynamoDB's store: no transactions, so a companion may be stored whose record was not."""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom

from adapters.simulator.many import play_many
from tests.simulation.seeds import NEWEST

SCHEDULES = 40


def test_no_law_is_broken_over_dynamodb() -> None:
    """Schedules that nobody has ever played; a number repeats them: `factory simulate --store dynamodb`."""
    first = SystemRandom().randrange(10**9)
    assert broken(range(first, first + SCHEDULES)) == []


def test_no_law_is_broken_by_what_broke_one_before() -> None:
    """Seeds that once failed over any store: the newest of them."""
    assert broken(NEWEST) == []


def broken(seeds: Sequence[int]) -> list[object]:
    played = play_many(seeds, ("dynamodb",), jobs=1)
    return [(f.seed, f.law, f.why, *f.story) for f in played.failures]
