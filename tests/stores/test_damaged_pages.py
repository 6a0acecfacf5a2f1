"""One damaged page of the file hides what is on it, and nothing else; what is damaged is named, and the rest saved."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.local.salvage import salvage
from adapters.local.store_copies import restore
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.errors import UnreadableRecord

from .test_store_identity import NOW

T = TypeVar("T")
NAMES = [f"linear:{n:03}:{'i' * 200}" for n in range(60)]  # so long that an index has several pages


class Damaged:
    """A store of sixty records, each half a page, of which a page of the given table or index is then overwritten."""

    def __init__(self, folder: Path) -> None:
        self.path, self.home = folder / "factory.db", folder / ".factory"
        create_file(self.path, self.home)
        with self.file() as file:
            self.run(self._fill(self.store(file)))

    def file(self) -> closing[SqliteFile]:
        return closing(SqliteFile(self.path, home=self.home))

    def store(self, file: SqliteFile) -> SqliteStateStore:
        return SqliteStateStore(file, "acme", lambda: NOW)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    async def _fill(self, store: SqliteStateStore) -> None:
        for n, name in enumerate(NAMES):
            due = NOW - timedelta(minutes=n)
            record = InFlightRecord(
                work_item_id=name, branch="x" * 1500, wake_at=due, state=State.DONE,
                aliases=(f"ACME-{n:03}",), new_aliases=(f"ACME-{n:03}",),
            )  # fmt: skip
            thread = ClarificationRecord(
                thread_id=f"C1/{n:03}:{'t' * 200}", work_item_id=name, deadline=NOW + timedelta(days=1)
            )
            await store.put_in_flight(record, clarification=thread)
        await store.put_batch(Batch())

    def leaves(self, tree: str) -> list[int]:
        """The pages of a table or index that hold its rows, but the last; not every SQLite has dbstat."""
        with closing(sqlite3.connect(self.path)) as connection:
            [(root,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (tree,)).fetchall()
        held = self.path.read_bytes()
        size = int.from_bytes(held[16:18], "big")
        page = held[(root - 1) * size : root * size]
        if page[0] in (0x0D, 0x0A):
            return [root]
        cells = int.from_bytes(page[3:5], "big")
        places = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
        return [int.from_bytes(page[place : place + 4], "big") for place in places]

    def damage(self, tree: str, which: int = 0) -> None:
        leaf = self.leaves(tree)[which]
        held = bytearray(self.path.read_bytes())
        size = int.from_bytes(held[16:18], "big")
        held[(leaf - 1) * size : leaf * size] = b"\x5a" * size
        self.path.write_bytes(held)


async def listed(store: SqliteStateStore) -> tuple[list[str], str]:
    """The ids that can be read, and what is said of the rest."""
    found = list[str]()
    try:
        async for record in store.list_in_flight():
            found.append(record.work_item_id)
    except UnreadableRecord as problem:
        return sorted(found), problem.what
    return sorted(found), ""


@pytest.fixture
def damaged(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path)


TREES = (
    "in_flight", "sqlite_autoindex_in_flight_1", "in_flight_due", "in_flight_state", "aliases", "clarifications",
    "clarifications_past", "batches",
)  # fmt: skip


@pytest.mark.parametrize("tree", TREES)
def test_a_damaged_page_hides_nothing_but_what_is_on_it(damaged: Damaged, tree: str) -> None:
    """Records are listed, found to be due and saved; new ones are stored, with a question of their own."""
    damaged.damage(tree)

    async def use(store: SqliteStateStore) -> None:
        found, lost = await listed(store)
        hidden = [name for name in NAMES if name not in found]
        assert (len(hidden) in range(1, 5)) is (tree == "in_flight")
        assert all(name in lost for name in hidden)
        due = await store.due(NOW, 100)
        assert sorted(due) == (NAMES if tree == "in_flight" else found)
        assert sorted(await store.in_state(State.DONE, "", 100)) == (NAMES if tree == "in_flight" else found)
        for name in hidden:
            with pytest.raises(UnreadableRecord):
                await store.get_in_flight(name)
        elsewhere = NAMES[0] if tree == "in_flight_due" else NAMES[-1]  # the oldest moment comes first there
        record = await store.get_in_flight(elsewhere)
        assert record and (await store.put_in_flight(record)).version == 2
        new = InFlightRecord(work_item_id="new", wake_at=NOW + timedelta(hours=1))
        asked = ClarificationRecord(thread_id="D1/1", work_item_id="new", deadline=NOW + timedelta(days=9))
        await store.put_in_flight(new, clarification=asked)
        assert await store.get_waiting_clarification("D1/1") is not None

    with damaged.file() as file:
        damaged.run(use(damaged.store(file)))


@pytest.mark.parametrize("tree", TREES)
def test_damage_is_named_and_logged_once(damaged: Damaged, tree: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whether anything on the page was asked for or not."""

    async def ask(store: SqliteStateStore) -> UnreadableRecord | None:
        await store.damage()
        await listed(store)
        return await store.damage()

    with damaged.file() as file:
        assert damaged.run(ask(damaged.store(file))) is None
    damaged.damage(tree)
    with damaged.file() as file, caplog.at_level(logging.ERROR, "factory.store"):
        found = damaged.run(ask(damaged.store(file)))
    assert found is not None and found.fix == "factory salvage factory-salvaged.db"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("tree", TREES)
def test_what_can_be_read_is_salvaged_and_what_is_lost_is_named(damaged: Damaged, tree: str) -> None:
    """The new file is sound and takes the place of the damaged one, and every alias leads to its record again."""
    damaged.damage(tree)
    with damaged.file() as file:
        before, _ = damaged.run(listed(damaged.store(file)))
    to = damaged.path.with_name("salvaged.db")
    made = damaged.run(salvage(damaged.path, damaged.home, to, NOW))
    assert made.copy.records == len(before)
    hidden = [name for name in NAMES if name not in before]
    assert made.lost.get("in_flight", []) == hidden or tree == "sqlite_autoindex_in_flight_1"
    assert set(made.lost) <= {tree, "in_flight"}
    restore(damaged.path, damaged.home, to, NOW)

    async def use(store: SqliteStateStore) -> None:
        assert await store.damage() is None
        assert await listed(store) == (before, "")
        for name in before:
            record = await store.get_in_flight(f"ACME-{name[7:10]}")
            assert record and record.work_item_id == name

    with damaged.file() as file:
        damaged.run(use(damaged.store(file)))


def test_two_damaged_pages_hide_nothing_between_them(damaged: Damaged) -> None:
    damaged.damage("in_flight", 2)
    damaged.damage("in_flight", 9)
    with damaged.file() as file:
        found, _ = damaged.run(listed(damaged.store(file)))
    assert 52 <= len(found) < 60


def test_a_write_to_a_damaged_page_fails_alone(damaged: Damaged) -> None:
    """What the same tick brings is stored all the same."""
    with damaged.file() as file:
        records = {name: damaged.run(damaged.store(file).get_in_flight(name)) for name in (NAMES[0], NAMES[-1])}
    damaged.damage("in_flight")
    first, last = records.values()
    assert first and last

    async def puts(store: SqliteStateStore) -> list[Any]:
        new = InFlightRecord(work_item_id="new")
        every = (store.put_in_flight(record) for record in (first, last, new))
        return await asyncio.gather(*every, return_exceptions=True)

    with damaged.file() as file:
        outcomes = damaged.run(puts(damaged.store(file)))
    assert [type(outcome).__name__ for outcome in outcomes] == ["DamagedPage", "InFlightRecord", "InFlightRecord"]
