"""The simulator in the real Durable Object: what is tried with every store, with this one behind the faults."""

from __future__ import annotations

import secrets
from random import SystemRandom

from tests.simulation.seeds import NEWEST

from .deployed import Deployed
from .remote import Probe

SCHEDULES = 16


def test_no_law_is_broken_over_a_durable_object(deployed: Deployed) -> None:
    """Schedules that nobody has ever played; `factory simulate --seed` repeats them over other stores."""
    first = SystemRandom().randrange(10**9)
    assert broken(deployed, range(first, first + SCHEDULES)) == {}


def test_no_law_is_broken_by_what_broke_one_before(deployed: Deployed) -> None:
    """Seeds that once failed over any store: the newest of them."""
    assert broken(deployed, NEWEST) == {}


def broken(deployed: Deployed, seeds: range | list[int]) -> dict[int, object]:
    probe = Probe(deployed.runtime, "STORE", secrets.token_hex(6))
    played = {seed: probe("simulate", seed) for seed in seeds}
    assert sum(one["writes"] for one in played.values()) > len(seeds)
    return {seed: one["broken"] for seed, one in played.items() if one["broken"]}
