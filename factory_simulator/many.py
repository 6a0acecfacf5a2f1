"""Many schedules, over several processes: what was played, and the shortest schedule that breaks each broken law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from factory_core.work_item import Frozen

from .generate import draw
from .schedule import Schedule
from .shrink import shrunk
from .simulation import Simulation
from .stores import STORES

CHUNK = 25
MOST_FAILURES = 5


class Failure(Frozen):
    """`schedule` is the shrunk one; `story` its history in words, one happening a line."""

    seed: int
    law: str
    why: str
    schedule: Schedule
    story: tuple[str, ...]


class Played(Frozen):
    """What happened in how many schedules. Events: acts outside, deliveries, calls to a vendor, and writes."""

    schedules: int = 0
    acts: int = 0
    deliveries: int = 0
    calls: int = 0
    writes: int = 0
    failures: tuple[Failure, ...] = ()

    @property
    def events(self) -> int:
        return self.acts + self.deliveries + self.calls + self.writes

    def plus(self, other: Played) -> Played:
        return Played(
            schedules=self.schedules + other.schedules,
            acts=self.acts + other.acts,
            deliveries=self.deliveries + other.deliveries,
            calls=self.calls + other.calls,
            writes=self.writes + other.writes,
            failures=self.failures + other.failures,
        )


def play_many(seeds: Sequence[int], stores: Sequence[str], jobs: int) -> Played:
    """Each seed over the next of the stores in turn. Stops early when several laws are broken."""
    *_, total = playing(seeds, stores, jobs)
    return total


def playing(seeds: Sequence[int], stores: Sequence[str], jobs: int) -> Iterator[Played]:
    """All that was played so far, told time and again until it is over."""
    named = [(seed, stores[n % len(stores)]) for n, seed in enumerate(seeds)]
    chunks = [named[n : n + CHUNK] for n in range(0, len(named), CHUNK)]
    total = Played()
    with _mapper(jobs) as mapped:
        for played in mapped(_play, chunks):
            total = total.plus(played)
            yield total
            if len(total.failures) >= MOST_FAILURES:
                return


@contextmanager
def _mapper(jobs: int) -> Iterator[Callable[..., Iterator[Played]]]:
    """`map`, over so many processes."""
    if jobs == 1:
        yield map
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def failure_of(simulation: Simulation) -> Failure | None:
    """The broken law with the shortest schedule that breaks it; None when none is broken."""
    broken = simulation.violation
    if broken is None:
        return None
    least = shrunk(simulation.schedule, broken.law)
    again = Simulation(least).play()
    why = again.violation.why if again.violation else broken.why
    return Failure(seed=simulation.schedule.seed, law=broken.law, why=why, schedule=least, story=story(again))


def story(simulation: Simulation) -> tuple[str, ...]:
    return tuple(happening.words() for happening in simulation.history)


def stores_named(name: str) -> tuple[str, ...]:
    return tuple(STORES) if name == "all" else (name,)


def _play(named: Sequence[tuple[int, str]]) -> Played:
    counts, failures = Counter[str](), list[Failure]()
    for seed, store in named:
        simulation = Simulation(draw(seed, store)).play()
        counts.update(simulation.counts)
        failure = failure_of(simulation)
        if failure:
            failures.append(failure)
    return Played(
        schedules=len(named),
        acts=counts["outside"],
        deliveries=counts["delivery"],
        calls=counts["call"],
        writes=counts["write"],
        failures=tuple(failures),
    )
