"""The simulator over DynamoDB's store: no transactions, so a companion may be stored whose record was not."""

from __future__ import annotations

from random import SystemRandom

from adapters.simulator.draw import draw
from tests.simulation.found import NEWEST, broken

SCHEDULES = 40


def test_no_law_is_broken_over_dynamodb() -> None:
    """Schedules that nobody has ever played; a number repeats them: `factory simulate --store dynamodb`."""
    first = SystemRandom().randrange(10**9)
    assert broken(map(draw, range(first, first + SCHEDULES)), "dynamodb") == []


def test_no_law_is_broken_by_what_broke_one_before() -> None:
    """What once failed over any store: the newest of it."""
    assert broken(NEWEST, "dynamodb") == []
