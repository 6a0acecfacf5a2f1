"""The simulator in the real Durable Object: what is tried with every store, with this one behind the faults."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import pytest

from factory_simulator.generate import draw
from factory_simulator.schedule import Schedule
from tests.simulator.found import NEWEST

from .deployed import Deployed
from .remote import Probe

FEW, MANY = 3, 10
HOW_MANY = pytest.mark.parametrize("most", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])


@HOW_MANY
def test_no_law_is_broken_over_a_durable_object(most: int, deployed: Deployed) -> None:
    """The same at every run; `factory simulate --seed` repeats them over other stores."""
    assert broken(deployed, map(draw, range(most))) == {}


@HOW_MANY
def test_no_law_is_broken_by_what_broke_one_before(most: int, deployed: Deployed) -> None:
    """What once failed over any store: the newest of it."""
    assert broken(deployed, NEWEST[-most:]) == {}


def broken(deployed: Deployed, schedules: Iterable[Schedule]) -> dict[int, object]:
    probe = Probe(deployed.runtime, "STORE", secrets.token_hex(6))
    played = {one.seed: probe("simulate", one.model_dump_json(exclude_defaults=True)) for one in schedules}
    assert sum(one["writes"] for one in played.values()) > len(played)
    return {seed: one["broken"] for seed, one in played.items() if one["broken"]}
