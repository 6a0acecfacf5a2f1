"""The simulator in the real Durable Object: what is tried with every store, with this one behind the faults."""

from __future__ import annotations

import secrets
from pathlib import Path
from random import SystemRandom

from .deployed import Deployed
from .remote import Probe

SEEDS = Path(__file__).parents[1] / "simulation" / "seeds.txt"
SCHEDULES = 16


def test_no_law_is_broken_over_a_durable_object(deployed: Deployed) -> None:
    """Schedules that nobody has ever played; `factory simulate --seed` repeats them over other stores."""
    first = SystemRandom().randrange(10**9)
    assert broken(deployed, range(first, first + SCHEDULES)) == {}


def test_no_law_is_broken_by_what_broke_one_before(deployed: Deployed) -> None:
    """Seeds that once failed over any store: the newest of them."""
    seeds = [int(line.split()[0]) for line in SEEDS.read_text().splitlines() if line and not line.startswith("#")]
    assert broken(deployed, seeds[-10:]) == {}


def broken(deployed: Deployed, seeds: range | list[int]) -> dict[int, object]:
    probe = Probe(deployed.runtime, "STORE", secrets.token_hex(6))
    played = {seed: probe("simulate", seed) for seed in seeds}
    assert sum(one["writes"] for one in played.values()) > len(seeds)
    return {seed: one["broken"] for seed, one in played.items() if one["broken"]}
