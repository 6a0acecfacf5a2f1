"""Events and lifecycles a second of the ledger, one commit each or 32 to a commit; resuming one of many that wait."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

from ..measure import Sizes
from .ledger import BODY, Ledger

TOGETHER = 32
PER_ITEM = 5  # events of one item, here and where the project's store is measured


def events(ledger: Ledger, count: int, group: int) -> float:
    """Events per second, `group` of them to a commit."""
    begun = perf_counter()
    for first in range(0, count, group):
        with ledger:
            for number in range(first, first + group):
                ledger.event(f"e-{number}", f"A-{number // PER_ITEM}")
    return count / (perf_counter() - begun)


def event(path: Path, sizes: Sizes) -> Mapping[str, float]:
    one, many = Ledger(path / "one.db"), Ledger(path / "many.db")
    count = sizes.events // TOGETHER * TOGETHER
    said = {"floor.event": events(one, count, 1), "floor.event.x32": events(many, count, TOGETHER)}
    one.close()
    many.close()
    return said


def lifecycles(ledger: Ledger, first: int, count: int, group: int) -> float:
    """Start, question asked and durable wait, resumed by its key, done: 4 commits, or 4 for each group."""

    def each(step: Callable[[str], object], keys: range) -> None:
        with ledger:
            for number in keys:
                step(f"A-{number}")

    begun = perf_counter()
    for at in range(first, first + count, group):
        keys = range(at, at + group)
        each(lambda key: ledger.event(f"start-{key}", key), keys)
        each(lambda key: ledger.carried_out(key, "waiting", waits_on=f"thread-{key}"), keys)
        each(lambda key: ledger.event(f"reply-{key}", ledger.waiting_on(f"thread-{key}"), "ending"), keys)
        each(lambda key: ledger.carried_out(key, "done"), keys)
    return count / (perf_counter() - begun)


def lifecycle(path: Path, sizes: Sizes) -> Mapping[str, float]:
    ledger = Ledger(path / "floor.db")
    ledger.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    empty = (path / "floor.db").stat().st_size
    count = sizes.lifecycles // TOGETHER * TOGETHER
    alone = lifecycles(ledger, 0, count, 1)
    commits = ledger.commits / count
    together = lifecycles(ledger, count, count, TOGETHER)
    rows = sum(map(ledger.count, ("heard", "record", "outbox"))) / (2 * count)
    ledger.close()
    disk = ((path / "floor.db").stat().st_size - empty) / (2 * count)
    return {
        "floor.lifecycle.c1": alone, "floor.lifecycle.c32": together, "floor.lifecycle.commits": commits,
        "floor.lifecycle.rows": rows, "floor.lifecycle.bytes": disk,
    }  # fmt: skip


def resume(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Milliseconds from the answer to the end, with few and with many that wait: 2 commits."""
    said = {}
    for name, waiting in (("few", sizes.waiting[0]), ("many", sizes.waiting[-1])):
        ledger = Ledger(path / f"{name}.db")
        with ledger:
            rows = ((f"W-{n}", f"thread-W-{n}", BODY) for n in range(waiting))
            ledger.sql.executemany("INSERT INTO record VALUES (?, 2, ?, 'waiting', ?)", rows)
        took = [_resume(ledger, f"W-{n * waiting // sizes.resumes}") for n in range(sizes.resumes)]
        said[f"floor.resume.{name}"] = statistics.median(took)
        ledger.close()
    return said


def _resume(ledger: Ledger, key: str) -> float:
    begun = perf_counter()
    with ledger:
        ledger.event(f"reply-{key}", ledger.waiting_on(f"thread-{key}"), "ending")
    with ledger:
        ledger.carried_out(key, "done")
    return (perf_counter() - begun) * 1000
