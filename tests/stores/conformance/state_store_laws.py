"""The laws of the StateStore port. A store joins by a subclass of StateStoreLaws with a `world` fixture, nothing else.

There are no skips: what one host cannot do (transactions) is worded so that every host can keep the law.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

import pytest

from factory_core.dispatch.batch import Batch, Circuit, QueueEntry, Slot
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, LogEntry, State
from factory_core.errors import NewerRecord, RecordTooLarge, StoreUnavailable, UnreadableRecord, VersionConflict
from factory_core.ports import StateStore
from factory_core.run_queue import RunQueue

from .forgetting import check_forgetting
from .state_store_model import check_against_model

NOW = datetime(2026, 11, 20, 10, 30, 0, 123_456, tzinfo=UTC)
TICK = timedelta(microseconds=1)

HOSTILE = (
    "ACME-1'; DROP TABLE in_flight; --", 'a "quoted" id', "a/b\\c#d?e=%41&f", "..", "émoji 🏭 שלום", "é", "e\u0301",
    "a\nb\tc", "%", "_", "A" * 200, "a" * 200, " ", "{}", "tenant|item",
)  # fmt: skip


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class World(Protocol):
    """One place where stores of several tenants live. The fixture that makes it also takes it down."""

    clock: HandClock

    async def open(self, tenant: str) -> StateStore:
        """A store of the tenant: each one sees what the others of the same tenant have saved."""
        ...

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        """Store this text as the record's body, as another release would have done."""
        ...

    async def open_queue(self, tenant: str) -> RunQueue:
        """The line of runs that is stored beside it."""
        ...

    def everything(self) -> str:
        """All that is stored here of all tenants, readable, a line a row; without what the store itself drops soon."""
        ...

    def cut(self) -> None:
        """From now on nothing behind the open stores can be reached."""
        ...


def a_record(work_item_id: str = "ACME-1", **changes: Any) -> InFlightRecord:
    return InFlightRecord(work_item_id=work_item_id, born="b1", since=NOW, **changes)


def a_thread(thread_id: str = "C1/17", **changes: Any) -> ClarificationRecord:
    values = {"work_item_id": "ACME-1", "question": 1, "deadline": NOW + timedelta(hours=1), **changes}
    return ClarificationRecord(thread_id=thread_id, **values)


def a_batch(version: int = 0, **changes: Any) -> Batch:
    slot = Slot(repository="acme/api", state="running", since=NOW)
    return Batch(version=version, slots={"ACME-1": slot}, **changes)


async def loses(putting: Awaitable[object]) -> None:
    with pytest.raises(VersionConflict):
        await putting


async def listed(store: StateStore) -> list[InFlightRecord]:
    return [record async for record in store.list_in_flight()]


def law(check: Callable[[Any, World], Coroutine[Any, Any, None]]) -> Callable[[Any, World], None]:
    """Run the coroutine in a loop of its own."""

    def test(self: object, world: World) -> None:
        asyncio.run(check(self, world))

    test.__doc__ = check.__doc__
    return test


class StateStoreLaws:
    """Subclass it as Test…, with a fixture `world`."""

    examples = 40  # of the model

    @law
    async def test_what_was_put_is_what_is_got(self, world: World) -> None:
        """A put answers the record with the next version, and a get answers the very same."""
        store = await world.open("acme")
        assert await store.get_in_flight("ACME-1") is None
        first = await store.put_in_flight(a_record(wake_at=NOW))
        assert first == a_record(wake_at=NOW, version=1)
        second = await store.put_in_flight(first.note(NOW, "factory", "a line").but(state=State.QUEUED, wake_at=None))
        assert (second.version, second.state, len(second.log)) == (2, State.QUEUED, 1)
        assert await (await world.open("acme")).get_in_flight("ACME-1") == second

    @law
    async def test_every_alias_leads_to_its_record(self, world: World) -> None:
        """From the very put on that stored it; the record that a put gives back has no new ones."""
        store = await world.open("acme")
        assert await store.get_in_flight("ACME-1") is None
        first = await store.put_in_flight(a_record("linear:u1", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        assert first == a_record("linear:u1", aliases=("ACME-1",), version=1)
        more = {"aliases": ("ACME-1", *HOSTILE), "new_aliases": HOSTILE}
        second = await store.put_in_flight(first.but(**more))
        for name in ("linear:u1", "ACME-1", *HOSTILE):
            assert await store.get_in_flight(name) == second
        assert await (await world.open("another")).get_in_flight("ACME-1") is None

    @law
    async def test_an_alias_leads_to_who_was_given_it_last(self, world: World) -> None:
        """A key is given anew; an id that is also an alias leads to the record of that id."""
        store = await world.open("acme")
        old = await store.put_in_flight(a_record("linear:u1", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        new = await store.put_in_flight(a_record("linear:u2", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        assert await store.get_in_flight("ACME-1") == new
        await store.delete_in_flight("linear:u1", old.version)
        assert await store.get_in_flight("ACME-1") == new
        own = await store.put_in_flight(a_record("ACME-1"))
        assert await store.get_in_flight("ACME-1") == own

    @law
    async def test_a_forgotten_record_takes_its_aliases_along(self, world: World) -> None:
        """Nothing leads to what is gone, and a record of the same id that comes later begins without them."""
        store = await world.open("acme")
        saved = await store.put_in_flight(a_record("linear:u1", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        await store.delete_in_flight("linear:u1", saved.version)
        assert await store.get_in_flight("ACME-1") is None
        await store.put_in_flight(a_record("linear:u1"))
        assert await store.get_in_flight("ACME-1") is None

    @law
    async def test_what_a_forgotten_record_leaves_is_all_that_stays(self, world: World) -> None:
        """It is found by its id alone, listed, due and saved again; one that changed meanwhile stays as it is."""
        store = await world.open("acme")
        old = await store.put_in_flight(a_record("linear:u1", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        saved = await store.put_in_flight(old.but(state=State.DONE))
        left = a_record("linear:u1", state=State.NEW, wake_at=NOW)
        await loses(store.delete_in_flight("linear:u1", old.version, left))
        assert await store.get_in_flight("ACME-1") == saved
        await store.delete_in_flight("linear:u1", saved.version, left)
        found = await store.get_in_flight("linear:u1")
        assert found == left.but(version=found.version if found else 0) and await listed(store) == [found]
        assert await store.get_in_flight("ACME-1") is None and await store.due(NOW, 10) == ["linear:u1"]
        assert list(await store.in_state(State.DONE, "", 9)) == []
        await loses(store.put_in_flight(saved))
        await store.put_in_flight(found)

    @law
    async def test_a_put_that_loses_harms_no_alias(self, world: World) -> None:
        """Who saved first is still found by every name of his."""
        store = await world.open("acme")
        saved = await store.put_in_flight(a_record("linear:u1", aliases=("ACME-1",), new_aliases=("ACME-1",)))
        await loses(store.put_in_flight(a_record("linear:u1", aliases=("PLAT-7",), new_aliases=("PLAT-7",))))
        assert await store.get_in_flight("ACME-1") == saved

    @law
    async def test_a_stale_record_loses_and_stores_nothing(self, world: World) -> None:
        """Only the stored version wins: not 0, not an older, not a newer one."""
        store = await world.open("acme")
        await loses(store.put_in_flight(a_record(version=1)))
        saved = await store.put_in_flight(await store.put_in_flight(a_record()))
        for version in (0, 1, 3):
            await loses(store.put_in_flight(saved.but(version=version, attempt=99, wake_at=NOW)))
        assert await store.get_in_flight("ACME-1") == saved
        assert await store.due(NOW, 10) == []

    @law
    async def test_a_stale_thread_loses(self, world: World) -> None:
        """Clarifications are compared and swapped as records are."""
        store = await world.open("acme")
        assert await store.get_waiting_clarification("C1/17") is None
        await loses(store.put_waiting_clarification(a_thread(version=1)))
        saved = await store.put_waiting_clarification(a_thread())
        assert saved == a_thread(version=1) == await store.get_waiting_clarification("C1/17")
        for version in (0, 2):
            await loses(store.put_waiting_clarification(a_thread(version=version)))
        assert (await store.put_waiting_clarification(saved)).version == 2

    @law
    async def test_a_stale_batch_loses(self, world: World) -> None:
        """The batch is there from the start, empty and of version 0, and compared and swapped like the rest."""
        store = await world.open("acme")
        assert await store.get_batch() == Batch()
        await loses(store.put_batch(a_batch(version=1)))
        saved = await store.put_batch(a_batch())
        assert saved == a_batch(version=1) == await store.get_batch()
        for version in (0, 2):
            await loses(store.put_batch(Batch(version=version)))
        entry = QueueEntry(work_item_id="ACME-2", repository="acme/api", since=NOW)
        paused = Circuit(
            engine="claude", host="a-1", why="429", fix="factory doctor", since=NOW, retry_at=NOW, probe="A"
        )
        more = a_batch(version=1, queue=(entry,), circuits={"claude on a-1": paused})
        longer = await store.put_batch(more)
        assert longer == await store.get_batch() == more.model_copy(update={"version": 2})

    @law
    async def test_companions_are_stored_with_their_record(self, world: World) -> None:
        """One put stores the record, the batch and the thread, each with its next version."""
        store = await world.open("acme")
        await store.put_in_flight(a_record(), batch=a_batch(), clarification=a_thread())
        assert await store.get_in_flight("ACME-1") == a_record(version=1)
        assert await store.get_batch() == a_batch(version=1)
        assert await store.get_waiting_clarification("C1/17") == a_thread(version=1)

    @law
    async def test_a_record_is_never_stored_without_its_companions(self, world: World) -> None:
        """Whichever of the three is stale: the record is not stored, and what was stale overwrites nothing."""
        store = await world.open("acme")
        record = await store.put_in_flight(a_record(), batch=a_batch(), clarification=a_thread())
        for stale in ("record", "batch", "thread"):
            batch, thread = await store.get_batch(), await store.get_waiting_clarification("C1/17")
            assert thread is not None
            await loses(
                store.put_in_flight(
                    record.but(attempt=9, version=5 if stale == "record" else record.version),
                    batch=Batch(version=77) if stale == "batch" else batch,
                    clarification=a_thread(version=77, question=9) if stale == "thread" else thread,
                )
            )
            assert await store.get_in_flight("ACME-1") == record
            assert stale != "batch" or (await store.get_batch()) == batch
            assert stale != "thread" or (await store.get_waiting_clarification("C1/17")) == thread

    @law
    async def test_deleting_twice_is_deleting_once(self, world: World) -> None:
        """What is deleted is absent everywhere, can be made anew from version 0, and its neighbours stay."""
        store = await world.open("acme")
        gone, stays = await store.put_in_flight(a_record(wake_at=NOW)), await store.put_in_flight(a_record("ACME-2"))
        await store.put_waiting_clarification(a_thread())
        for _ in range(2):
            await store.delete_in_flight("ACME-1")
            await store.delete_waiting_clarification("C1/17")
        assert await store.get_in_flight("ACME-1") is None
        assert await store.get_waiting_clarification("C1/17") is None
        assert await listed(store) == [stays]
        assert await store.due(NOW, 10) == []
        await loses(store.put_in_flight(gone))
        assert (await store.put_in_flight(a_record())).version == 1
        assert (await store.put_waiting_clarification(a_thread())).version == 1

    @law
    async def test_what_changed_meanwhile_is_not_deleted(self, world: World) -> None:
        """Deleting a version that is no longer stored loses and deletes nothing; deleting the stored one wins."""
        store = await world.open("acme")
        old = await store.put_in_flight(a_record(wake_at=NOW))
        new = await store.put_in_flight(old)
        await loses(store.delete_in_flight("ACME-1", old.version))
        assert await store.get_in_flight("ACME-1") == new and await store.due(NOW, 10) == ["ACME-1"]
        await store.delete_in_flight("ACME-1", new.version)
        assert await store.get_in_flight("ACME-1") is None
        await loses(store.delete_in_flight("ACME-1", new.version))

    @law
    async def test_the_list_pages_through_everything(self, world: World) -> None:
        """1,500 records are all listed, each once."""
        store = await world.open("acme")
        ids = [f"ACME-{n}" for n in range(1_500)]
        assert await listed(store) == []
        for start in range(0, len(ids), 100):
            await asyncio.gather(*(store.put_in_flight(a_record(one)) for one in ids[start : start + 100]))
        assert sorted(record.work_item_id for record in await listed(store)) == sorted(ids)

    @law
    async def test_due_is_exact_and_the_longest_overdue_come_first(self, world: World) -> None:
        """At its moment an item is due, a microsecond before it is not; the limit cuts off the youngest."""
        store = await world.open("acme")
        for n in (3, 1, 4, 2, 0):
            await store.put_in_flight(a_record(f"ACME-{n}", wake_at=NOW + n * TICK))
        await store.put_in_flight(a_record("ACME-9"))
        assert await store.due(NOW - TICK, 10) == []
        assert await store.due(NOW, 10) == ["ACME-0"]
        assert await store.due(NOW + 3 * TICK, 10) == ["ACME-0", "ACME-1", "ACME-2", "ACME-3"]
        assert await store.due(NOW + timedelta(days=9), 2) == ["ACME-0", "ACME-1"]

    @law
    async def test_an_item_is_listed_by_the_state_in_which_it_is_now(self, world: World) -> None:
        """In the order of their ids, page by page, and only those of this tenant."""
        store, other = await world.open("acme"), await world.open("globex")
        for n in (3, 1, 2):
            await store.put_in_flight(a_record(f"ACME-{n}", state=State.IN_REVIEW))
        moves = await store.put_in_flight(a_record("ACME-4", state=State.IN_REVIEW))
        await store.put_in_flight(moves.but(state=State.DONE))
        await other.put_in_flight(a_record("ACME-0", state=State.IN_REVIEW))
        assert list(await store.in_state(State.IN_REVIEW, "", 2)) == ["ACME-1", "ACME-2"]
        assert list(await store.in_state(State.IN_REVIEW, "ACME-2", 2)) == ["ACME-3"]
        assert list(await store.in_state(State.DONE, "", 9)) == ["ACME-4"]
        assert list(await store.in_state(State.WAITING, "", 9)) == []
        await store.delete_in_flight("ACME-3")
        assert list(await store.in_state(State.IN_REVIEW, "ACME-2", 9)) == []

    @law
    async def test_a_record_is_due_by_its_newest_moment(self, world: World) -> None:
        """Moving `wake_at` later, to None and back again moves the item, without a trace of the old moment."""
        store = await world.open("acme")
        record = await store.put_in_flight(a_record(wake_at=NOW))
        record = await store.put_in_flight(record.but(wake_at=NOW + TICK))
        assert (await store.due(NOW, 10), await store.due(NOW + TICK, 10)) == ([], ["ACME-1"])
        record = await store.put_in_flight(record.but(wake_at=None))
        assert await store.due(NOW + timedelta(days=9), 10) == []
        await store.put_in_flight(record.but(wake_at=NOW - TICK))
        assert await store.due(NOW - TICK, 10) == ["ACME-1"]

    @law
    async def test_a_thread_past_its_deadline_is_absent(self, world: World) -> None:
        """It is there at its deadline; past it, it is None and may be opened anew, but not be written on."""
        store = await world.open("acme")
        old = await store.put_waiting_clarification(a_thread(deadline=NOW))
        assert await store.get_waiting_clarification("C1/17") == old
        world.clock.now = NOW + TICK
        assert await store.get_waiting_clarification("C1/17") is None
        later = NOW + timedelta(days=1)
        await loses(store.put_waiting_clarification(old.model_copy(update={"deadline": later})))
        assert await store.put_waiting_clarification(a_thread(deadline=later)) == a_thread(deadline=later, version=1)
        assert await store.get_waiting_clarification("C1/17") == a_thread(deadline=later, version=1)

    @law
    async def test_tenants_do_not_see_each_other(self, world: World) -> None:
        """With equal ids two tenants have two records, threads, batches, lists and due items."""
        acme, other = await world.open("acme"), await world.open("acme2")
        await acme.put_in_flight(a_record(wake_at=NOW), batch=a_batch(), clarification=a_thread())
        assert await other.get_in_flight("ACME-1") is None
        assert await other.get_waiting_clarification("C1/17") is None
        assert await other.get_batch() == Batch()
        assert (await listed(other), await other.due(NOW, 10)) == ([], [])
        await other.put_in_flight(a_record(attempt=2), batch=Batch(), clarification=a_thread(question=5))
        await other.delete_in_flight("ACME-1")
        await other.delete_waiting_clarification("C1/17")
        assert await listed(acme) == [a_record(wake_at=NOW, version=1)]
        assert await acme.due(NOW, 10) == ["ACME-1"]
        assert await acme.get_waiting_clarification("C1/17") == a_thread(version=1)
        assert await acme.get_batch() == a_batch(version=1)

    @law
    async def test_no_update_is_lost_among_many_writers(self, world: World) -> None:
        """50 writers that each add one, and try again when they lose, add 50."""
        stores = [await world.open("acme") for _ in range(2)]
        await stores[0].put_in_flight(a_record())

        async def add_one(store: StateStore) -> None:
            while True:
                record = await store.get_in_flight("ACME-1")
                assert record is not None
                with suppress(VersionConflict):
                    await store.put_in_flight(record.but(attempt=record.attempt + 1))
                    return

        await asyncio.gather(*(add_one(stores[n % 2]) for n in range(50)))
        record = await stores[0].get_in_flight("ACME-1")
        assert record is not None
        assert (record.attempt, record.version) == (50, 51)

    @law
    async def test_of_many_creators_one_wins(self, world: World) -> None:
        """50 writers create the same item at once: one is told so, and its record is the stored one."""
        stores = [await world.open("acme") for _ in range(2)]
        puts = (stores[n % 2].put_in_flight(a_record(attempt=n)) for n in range(50))
        answers = await asyncio.gather(*puts, return_exceptions=True)
        winners = [answer for answer in answers if isinstance(answer, InFlightRecord)]
        assert [type(answer) for answer in answers if answer not in winners] == [VersionConflict] * 49
        assert await stores[0].get_in_flight("ACME-1") == winners[0]

    @law
    async def test_a_large_record_is_stored_whole(self, world: World) -> None:
        """300 kB of every kind of text come back unchanged."""
        store = await world.open("acme")
        text = "".join(chr(code) for code in (*range(1, 0x300), 0x2028, 0xFEFF, 0x1F3ED, 0x10FFFF))
        lines = tuple(LogEntry(at=NOW, by="agent", text=(text * 9)[:2_000]) for _ in range(120))
        saved = await store.put_in_flight(a_record(log=lines))
        assert len(saved.model_dump_json().encode()) > 300_000
        assert await store.get_in_flight("ACME-1") == saved

    @law
    async def test_what_a_store_can_never_hold_is_refused_as_that(self, world: World) -> None:
        """3 MB that cannot be packed are stored whole, or refused for ever with nothing stored; the next put wins."""
        store, noise = await world.open("acme"), Random(1)
        large = a_record(branch=f"{noise.getrandbits(12_000_000):x}")
        try:
            kept = await store.put_in_flight(large)
        except RecordTooLarge:
            assert await store.get_in_flight("ACME-1") is None
            kept = await store.put_in_flight(a_record())
        assert await store.get_in_flight("ACME-1") == kept
        assert (await store.put_in_flight(a_record("ACME-2"))).version == 1

    @law
    async def test_text_of_any_kind_comes_back(self, world: World) -> None:
        """NUL, separators and characters beyond the first plane do; half a character, which is none, is lost alone."""
        store = await world.open("acme")
        words = ("nul \0", "line\u2028sep", "bidi \u202e", "pair 😀", "back\\slash \\ud83d", "half \ud83d")
        put = await store.put_in_flight(a_record(feedback=words))
        got = await store.get_in_flight("ACME-1")
        assert got is not None and (got.version, got.feedback) == (put.version, (*words[:-1], "half �"))
        await store.put_in_flight(got)

    @law
    async def test_an_id_is_only_an_id(self, world: World) -> None:
        """Quotes, slashes, letters of any script and length: ids stay apart and mean nothing to the store."""
        store = await world.open("o'acme/ß")
        for one in HOSTILE:
            await store.put_in_flight(a_record(one, wake_at=NOW), clarification=a_thread(one))
        assert sorted(record.work_item_id for record in await listed(store)) == sorted(HOSTILE)
        assert sorted(await store.due(NOW, 100)) == sorted(HOSTILE)
        for one in HOSTILE:
            assert await store.get_in_flight(one) == a_record(one, wake_at=NOW, version=1)
            assert await store.get_waiting_clarification(one) == a_thread(one, version=1)
            await store.delete_in_flight(one)
        assert await listed(store) == []

    @law
    async def test_a_record_of_another_release_is_readable(self, world: World) -> None:
        """Fields that we do not know are passed over, fields that were not yet written take their defaults."""
        body = {
            "work_item_id": "ACME-7", "version": 3, "state": "running", "since": "2026-01-02T03:04:05Z",
            "item": {"key": "ACME-7", "title": "Old", "mood": "good"}, "sprint": {"of": ["another", "release"]},
            "outbox": [{"key": "ACME-7::1", "effect": {"kind": "stop_agent", "run_id": "r1", "gently": True}}],
        }  # fmt: skip
        store = await world.open("acme")
        await world.plant("acme", "ACME-7", 3, json.dumps(body))
        record = await store.get_in_flight("ACME-7")
        assert record == InFlightRecord.model_validate(body)
        assert (record.format, record.generation, record.attempt, record.lease.epoch) == (1, 1, 0, 0)
        assert (await store.put_in_flight(record)).version == 4

    @law
    async def test_an_unreadable_record_is_not_an_absent_one(self, world: World) -> None:
        """A body that makes no sense raises StoreUnavailable, which names the fix and quotes nothing of it."""
        store = await world.open("acme")
        await world.plant("acme", "ACME-7", 3, '{"work_item_id": "ACME-7", "state": 7, "since": "s3cret"}')
        with pytest.raises(StoreUnavailable) as caught:
            await store.get_in_flight("ACME-7")
        assert "s3cret" not in f"{caught.value} {caught.value.why} {caught.value.fix}"

    @law
    async def test_what_a_newer_release_adds_is_written_back(self, world: World) -> None:
        """Two releases share the store while one takes the other's place: neither loses the other's fields."""
        store = await world.open("acme")
        added = {"risk": {"level": "high", "seen": [1, None]}}
        effect = {"kind": "post_comment", "body": "Done.", **added}
        body = {"work_item_id": "ACME-7", "version": 3, "outbox": [{"key": "k", "effect": effect, **added}], **added}
        await world.plant("acme", "ACME-7", 3, json.dumps(body))
        record = await store.get_in_flight("ACME-7")
        assert record is not None
        await store.put_in_flight(record.but(state=State.BLOCKED))
        saved = await store.get_in_flight("ACME-7")
        assert saved == record.but(state=State.BLOCKED, version=4)
        kept = (saved, saved.outbox[0], saved.outbox[0].effect)
        assert [one.model_extra for one in kept] == [added] * 3

    @law
    async def test_threads_and_the_batch_keep_what_a_newer_release_adds(self, world: World) -> None:
        """At every depth, when an older one saves them with a change of its own, alone or with a record."""
        store, added = await world.open("acme"), {"risk": {"level": "high", "seen": [1, None]}}
        slots = {"ACME-1": {"repository": "acme/api", "state": "running", "since": NOW, **added}}
        batch = await store.put_batch(Batch.model_validate({"slots": slots, "lost": {}, **added}))
        thread = ClarificationRecord.model_validate({**a_thread().model_dump(), **added})
        saved = await store.put_waiting_clarification(thread)
        sweep = batch.sweep.model_copy(update={"at": NOW})
        await store.put_in_flight(
            a_record(),
            batch=(await store.get_batch()).model_copy(update={"sweep": sweep}),
            clarification=saved.model_copy(update={"question": 2}),
        )
        last, again = await store.get_batch(), await store.get_waiting_clarification("C1/17")
        assert (last.sweep.at, last.model_extra, last.slots["ACME-1"].model_extra) == (NOW, added, added)
        assert again and (again.question, again.model_extra) == (2, added)

    @law
    async def test_what_only_a_newer_release_can_read_is_left_to_it(self, world: World) -> None:
        """A state, an effect, a format that this one does not know: it says who wrote it, and others go on."""
        store = await world.open("acme")
        await store.put_in_flight(a_record("ACME-1"))
        effect = {"kind": "run_tournament", "entrants": 3}
        newer = ({"state": "tournament"}, {"format": 2}, {"outbox": [{"key": "k", "effect": effect}]})
        for n, fields in enumerate(newer):
            await world.plant("acme", f"NEW-{n}", 3, json.dumps({"work_item_id": f"NEW-{n}", **fields}))
            with pytest.raises(NewerRecord, match="written by a newer release"):
                await store.get_in_flight(f"NEW-{n}")
        found = list[str]()
        with pytest.raises(NewerRecord, match="and left as they are: NEW-0, NEW-1, NEW-2"):
            async for record in store.list_in_flight():
                found.append(record.work_item_id)
        assert found == ["ACME-1"]

    @law
    async def test_an_unreadable_record_hides_no_other_from_a_list(self, world: World) -> None:
        """Those that can be read are listed, and then it is said which cannot."""
        store = await world.open("acme")
        for item in ("ACME-1", "ACME-9"):
            await store.put_in_flight(a_record(item))
        await world.plant("acme", "ACME-7", 3, '{"work_item_id": "ACME-7", "state": 7, "since": "s3cret"}')
        found = list[str]()
        with pytest.raises(UnreadableRecord) as caught:
            async for record in store.list_in_flight():
                found.append(record.work_item_id)
        assert sorted(found) == ["ACME-1", "ACME-9"]
        assert "ACME-7" in caught.value.what and "s3cret" not in f"{caught.value.what} {caught.value.why}"

    @law
    async def test_nothing_of_what_is_forgotten_stays(self, world: World) -> None:
        """Whatever the core has stored of a ticket, words of people and agents among it; others keep theirs."""
        await check_forgetting(world)

    @law
    async def test_a_store_that_cannot_be_reached_says_so(self, world: World) -> None:
        """Every call raises StoreUnavailable; none answers as if nothing were stored."""
        store = await world.open("acme")
        await store.put_in_flight(a_record())
        world.cut()
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: store.get_in_flight("ACME-1"),
            lambda: store.put_in_flight(a_record("ACME-2")),
            lambda: store.delete_in_flight("ACME-1"),
            lambda: listed(store),
            lambda: store.get_waiting_clarification("C1/17"),
            lambda: store.put_waiting_clarification(a_thread()),
            lambda: store.delete_waiting_clarification("C1/17"),
            lambda: store.due(NOW, 10),
            lambda: store.get_batch(),
            lambda: store.put_batch(Batch()),
        )
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call()

    def test_any_sequence_of_calls_behaves_like_a_dict(self, world: World) -> None:
        """Whatever is put, deleted and waited for, in any order: the store and a model of dicts agree."""
        check_against_model(world, self.examples)
