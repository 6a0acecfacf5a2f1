"""Webhooks read a second; events and lifecycles of the ledger, 1 or 32 to a commit; resuming one of many that wait."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from time import perf_counter

from ..measure import Sizes
from ..workload import SECRET, signature, webhook
from .group import OneCommitATick, Step
from .ledger import BODY, Ledger

TOGETHER = 32
PER_ITEM = 5  # events of one item, here and where the project's store is measured


def per_second(work: Callable[[], None], count: int) -> float:
    begun = perf_counter()
    for _ in range(count):
        work()
    return count / (perf_counter() - begun)


def parses(count: int) -> float:
    """A digest and json.loads of one webhook: nothing but the processor."""
    raw = webhook(1)
    given = signature(raw)

    def read() -> None:
        digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, given)
        json.loads(raw)

    return per_second(read, count)


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


def steps(ledger: Ledger, key: str) -> tuple[Step, ...]:
    """Start, question asked and durable wait, resumed by its key, done: 4 commits, or a share of 4."""
    return (
        lambda: ledger.event(f"start-{key}", key),
        lambda: ledger.carried_out(key, "waiting", waits_on=f"thread-{key}"),
        lambda: ledger.event(f"reply-{key}", ledger.waiting_on(f"thread-{key}"), "ending"),
        lambda: ledger.carried_out(key, "done"),
    )


def one_by_one(ledger: Ledger, keys: Iterable[str]) -> None:
    for key in keys:
        for step in steps(ledger, key):
            with ledger:
                step()


async def at_once(ledger: Ledger, keys: Iterator[str]) -> None:
    """32 under way, and one commit for what a tick of the event loop brings."""
    group = OneCommitATick(ledger)

    async def worker() -> None:
        for key in keys:
            for step in steps(ledger, key):
                await group.keep(step)

    await asyncio.gather(*(worker() for _ in range(TOGETHER)))


def lifecycle(path: Path, sizes: Sizes) -> Mapping[str, float]:
    ledger = Ledger(path / "floor.db")
    ledger.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    empty = (path / "floor.db").stat().st_size
    count = sizes.lifecycles
    begun = perf_counter()
    one_by_one(ledger, (f"A-{n}" for n in range(count)))
    alone, commits = count / (perf_counter() - begun), ledger.commits / count
    begun = perf_counter()
    asyncio.run(at_once(ledger, (f"B-{n}" for n in range(count))))
    together = count / (perf_counter() - begun)
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
    for name, waiting in sizes.turned((("few", sizes.waiting[0]), ("many", sizes.waiting[-1]))):
        ledger = Ledger(path / f"{name}.db")
        with ledger:
            rows = ((f"W-{n}", f"thread-W-{n}", BODY) for n in range(waiting + sizes.warm))
            ledger.sql.executemany("INSERT INTO record VALUES (?, 2, ?, 'waiting', ?)", rows)
        ledger.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(waiting, waiting + sizes.warm):
            _resume(ledger, f"W-{number}")
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
