"""The simulator finds nothing in the code as it is, tells the same story twice, and shrinks what it finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory_simulator import many
from factory_simulator.generate import draw
from factory_simulator.many import Played, failure_of, play_many, playing
from factory_simulator.schedule import Schedule
from factory_simulator.simulation import Simulation
from factory_simulator.stores import STORES
from factory_simulator.write_laws import WITHOUT_TRANSACTIONS

from .found import FOUND, broken
from .mutations import MUTATIONS, mutated

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES = 24
HALVES = 2  # one for each worker of the test run
DIGESTS = """
from factory_simulator.generate import draw
from factory_simulator.simulation import Simulation
import sys
for seed in range(int(sys.argv[1])):
    print(Simulation(draw(seed)).play().digest())
"""


@pytest.mark.parametrize("half", range(HALVES))
def test_no_law_is_broken_by_drawn_schedules(half: int) -> None:
    """The same at every run, over every store. `make soak` draws thousands of others."""
    first = half * SCHEDULES // HALVES
    played = play_many(range(first, first + SCHEDULES // HALVES), tuple(STORES), jobs=1)
    assert not played.failures, _told(played)


@pytest.mark.parametrize("stores", [1, pytest.param(len(STORES), marks=pytest.mark.soak)])
@pytest.mark.parametrize("first", range(len(STORES)), ids=list(STORES))
def test_no_law_is_broken_by_what_broke_one_before(first: int, stores: int) -> None:
    """Every schedule that ever failed, whole, so that it plays the same when other ones are drawn.

    Each over one store; `make soak` plays each over all.
    """
    for n in range(stores):
        store = list(STORES)[(first + n) % len(STORES)]
        assert broken([schedule for _, schedule in FOUND[first :: len(STORES)]], store) == []


def test_what_broke_a_law_is_kept_once() -> None:
    """Each by another number, and in words."""
    assert len({schedule.seed for _, schedule in FOUND}) == len(FOUND)
    assert all(found for found, _ in FOUND)


@pytest.mark.parametrize("schedules", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_the_same_seed_tells_the_same_history_to_the_byte(schedules: int) -> None:
    """Two processes, whose sets have another order, play the same schedules: not a byte differs."""
    told = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS, str(schedules)], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": number},
            capture_output=True, text=True, check=True,
        ).stdout
        for number in ("1", "2")
    ]  # fmt: skip
    assert len(told[0].split()) == schedules and told[0] == told[1]


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=pytest.mark.soak) for n in range(4, 10))])
def test_every_store_tells_the_same_history(seed: int) -> None:
    """What the factory does depends on no store, as far as a save is one there: the histories over them are one."""
    whole = set(STORES) - WITHOUT_TRANSACTIONS
    assert len({Simulation(draw(seed, store)).play().digest() for store in whole}) == 1 < len(whole)


def test_a_long_run_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process or two: the totals grow to the same end."""
    monkeypatch.setattr(many, "CHUNK", 2)
    totals = [[total.schedules for total in playing(range(5), ("memory",), jobs)] for jobs in (1, 2)]
    assert totals == [[2, 4, 5]] * 2


def test_a_schedule_read_back_from_its_json_plays_the_same_history() -> None:
    """What is kept of a failure is the failure."""
    schedule = draw(3)
    kept = Schedule.model_validate_json(schedule.model_dump_json())
    assert Simulation(kept).play().digest() == Simulation(schedule).play().digest()


def test_a_violation_is_shrunk_to_what_it_needs_and_told_in_words() -> None:
    """The shortest schedule breaks the same law, and its story names the item and ends with the law."""
    mutation = next(m for m in MUTATIONS if m.name == "a block is not said")
    with mutated(mutation):
        found = next(f for f in (failure_of(Simulation(draw(seed)).play()) for seed in range(600)) if f)
        assert Simulation(found.schedule).play().violation is not None
    assert len(found.schedule.tickets) == 1 and not found.schedule.faults
    assert found.schedule.tickets[0].key in found.why and found.story[-1].endswith(f"BROKEN {found.law}: {found.why}")


def _told(played: Played) -> str:
    """What a person needs: the seed, the law, the shortest schedule, the story."""
    return "\n\n".join(
        "\n".join([f"seed {f.seed}: {f.law}: {f.why}", f.schedule.model_dump_json(exclude_defaults=True), *f.story])
        for f in played.failures
    )
