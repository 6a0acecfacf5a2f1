"""The simulator can fail: each of these mistakes is found. One that is not is a hole in it."""

from __future__ import annotations

import pytest

from adapters.simulator.laws import every_law
from adapters.simulator.simulation import Simulation

from .mutations import MUTATIONS, Mutation, mutated

MOST_SCHEDULES = 60


@pytest.mark.pure
def test_each_mistake_can_be_made_in_the_code_as_it_is() -> None:
    """A mistake quotes a line: a change of that line fails here, in seconds."""
    for mutation in MUTATIONS:
        with mutated(mutation):
            pass


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_in_the_code_is_found(mutation: Mutation) -> None:
    """Its law is broken within a few schedules."""
    with mutated(mutation):
        played = (Simulation(mutation.like(n)).play().violation for n in range(MOST_SCHEDULES))
        assert any(found.law == mutation.law for found in played if found)


@pytest.mark.parametrize("like", dict.fromkeys(mutation.like for mutation in MUTATIONS), ids=lambda like: like.__name__)
def test_the_schedules_that_find_a_mistake_find_nothing_in_sound_code(like: object) -> None:
    """It is the mistake that is found, not the schedule."""
    assert callable(like)
    assert not [found for n in range(MOST_SCHEDULES) if (found := Simulation(like(n)).play().violation)]


def test_there_are_enough_mistakes_and_each_is_another() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 60


def test_every_law_can_be_broken() -> None:
    """A law that no mistake breaks says nothing."""
    assert {mutation.law for mutation in MUTATIONS} == set(every_law())
