"""The simulator can fail: each of these mistakes is found. One that is not is a hole in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factory_simulator.generate import draw
from factory_simulator.laws import every_law
from factory_simulator.schedule import Schedule
from factory_simulator.simulation import Simulation

from .mutations import MUTATIONS, Mutation, mutated

MOST_SCHEDULES, FEW = 60, 1
OF_EACH_LAW = {one.law: one for one in sorted(MUTATIONS, key=lambda one: one.like is not draw)}
"""One whose schedules are made for it, which break it soonest, where there is one."""
MISTAKES = [
    pytest.param(one, id=one.name, marks=() if one is OF_EACH_LAW[one.law] else pytest.mark.soak) for one in MUTATIONS
]

HERE, ALL = ({one.like.__name__: one.like for one in some} for some in (OF_EACH_LAW.values(), MUTATIONS))
SOUND = [
    *(pytest.param(like, FEW, id=f"{name}-{FEW}") for name, like in HERE.items()),
    *(pytest.param(ALL[name], MOST_SCHEDULES, id=name, marks=pytest.mark.soak) for name in ALL),
]


@pytest.mark.pure
def test_each_mistake_can_be_made_in_the_code_as_it_is() -> None:
    """A mistake quotes a line: a change of that line fails here, in seconds."""
    for mutation in MUTATIONS:
        with mutated(mutation):
            pass


@pytest.mark.parametrize("mutation", MISTAKES)
def test_a_mistake_in_the_code_is_found(mutation: Mutation) -> None:
    """Its law is broken within a few schedules. One for each law here, all of them in `make soak`."""
    with mutated(mutation):
        played = (Simulation(mutation.like(n)).play().violation for n in range(MOST_SCHEDULES))
        assert any(found.law == mutation.law for found in played if found)


@pytest.mark.parametrize(("like", "most"), SOUND)
def test_the_schedules_that_find_a_mistake_find_nothing_in_sound_code(
    like: Callable[[int], Schedule], most: int
) -> None:
    """It is the mistake that is found, not the schedule. Those of one mistake for each law here, all in `make soak`."""
    assert not [found for n in range(most) if (found := Simulation(like(n)).play().violation)]


def test_each_mistake_is_another() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_every_law_can_be_broken() -> None:
    """A law that no mistake breaks says nothing."""
    assert set(OF_EACH_LAW) == set(every_law())
