"""The simulator over DynamoDB's store: no transactions, so a companion may be stored whose record was not."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from factory_simulator.generate import draw
from factory_simulator.schedule import Schedule
from tests.simulator.found import NEWEST, broken

FEW, MANY = 4, 12
HOW_MANY = pytest.mark.parametrize("most", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])


def broken_over_dynamodb(schedules: Iterable[Schedule]) -> list[str]:
    """In a process of its own: moto stands in for AWS in all of the one that starts it, until its end."""
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        return list(map(str, alone.submit(broken, list(schedules), "dynamodb").result()))


@HOW_MANY
def test_no_law_is_broken_over_dynamodb(most: int) -> None:
    """The same at every run; `factory simulate --store dynamodb` draws fresh ones."""
    assert broken_over_dynamodb(map(draw, range(most))) == []


@HOW_MANY
def test_no_law_is_broken_by_what_broke_one_before(most: int) -> None:
    """What once failed over any store: the newest of it."""
    assert broken_over_dynamodb(NEWEST[-most:]) == []
