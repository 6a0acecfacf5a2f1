"""Vendors that answer 429 or 500, hang, or drop the connection: retried, nothing doubled, and nobody else waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest

from factory_core.dispatch.records import InFlightRecord, State

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import PATIENCE, World, world
from .server_process import Home, factory, now, until
from .test_kill import CALLS

Stage = tuple[World, Home]
MODES = ("429", "500", "drop-before", "drop-after")
FETCH = ("git", "fetch")
HUNG = timedelta(seconds=20)  # no call ends by itself before; a slow machine may need longer for the others
HANG = 1.2  # seconds, beyond which the factory has turned away; the vendor then acts all the same


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with world() as w, factory(w, tmp_path_factory.mktemp("faults")) as (home, _):
        yield w, home


def play(w: World, home: Home) -> tuple[str, str]:
    """A clear and a vague ticket to their ends."""
    clear, vague = w.ticket("Rename total to amount", CLEAR), w.ticket("The cart is confusing", VAGUE)
    w.reply(home.asked(vague), ANSWER)
    rested = home.rests(clear, vague)
    assert {record.state for record in rested.values()} == {State.DONE}, rested
    return clear, vague


@pytest.mark.parametrize(
    "modes", [MODES, *(pytest.param((mode,), marks=pytest.mark.soak) for mode in MODES)], ids=",".join
)
def test_every_call_goes_wrong_once(tmp_path: Path, modes: tuple[str, ...]) -> None:
    """Each operation fails at its first request, in these ways by turns; all ends as if nothing had been."""
    with world() as w, factory(w, tmp_path) as (home, _):
        for (vendor, operation), mode in zip(sorted(CALLS), cycle(modes), strict=False):
            w.fault(vendor, mode, operation)
        clear, vague = play(w, home)
        assert [fault for fault in w.sandbox.faults.coming if fault.times] == []
        assert (counted(w, home, clear), counted(w, home, vague)) == (DONE_CLEAR, DONE_VAGUE)


def test_every_call_hangs_once(tmp_path: Path) -> None:
    """The factory turns away after its own time; what the vendor does later is found before anything is repeated."""
    runner = {"effectTimeout": "1s", "firstDelay": "0.6s"}
    with world() as w, factory(w, tmp_path, runner=runner) as (home, _):
        for vendor, operation in sorted(CALLS - {("git", "push")}):
            w.fault(vendor, "hang", operation, seconds=HANG)
        clear, vague = play(w, home)
        assert [fault for fault in w.sandbox.faults.coming if fault.times] == []
        assert (counted(w, home, clear), counted(w, home, vague)) == (DONE_CLEAR, DONE_VAGUE)


@pytest.mark.parametrize("mode", ["500", pytest.param("drop-after", marks=pytest.mark.soak)])
def test_git_goes_wrong_for_the_agent(stage: Stage, mode: str) -> None:
    """A fetch that fails is tried again in the same run."""
    w, home = stage
    w.fault(*FETCH[:1], mode, FETCH[1])
    key = w.ticket("Rename total to amount", CLEAR)
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_CLEAR


def test_a_rate_limit_is_the_accounts(tmp_path: Path) -> None:
    """After one refusal nobody asks that vendor again before the time that it named; a call that is not made counts as
    no attempt. The others, who would be refused as well, wait with it, and the page says until when."""
    with world() as w, factory(w, tmp_path) as (home, _):
        began = now()
        first = refused_once(w, home, timedelta(hours=1))
        asked = sum(w.state()["requests"]["linear"].values())
        later = [w.ticket(f"Rename amount to sum, part {n}", CLEAR) for n in range(4)]
        held_up = [until(lambda key=key: held_up_record(home, key)) for key in later]  # type: ignore[misc]
        assert sum(w.state()["requests"]["linear"].values()) == asked
        record = home.record(first)
        assert record is not None and record.outbox[0].attempts == 1
        for one in (record, *held_up):
            again = one.outbox[0].not_before
            assert one.state is State.TRIAGING and again is not None and again >= began + timedelta(hours=1)
        assert {one.outbox[0].attempts for one in held_up} == {0}
        assert len({one.outbox[0].not_before for one in held_up}) == len(held_up)
        assert all("asked for a pause until" in one.outbox[0].why for one in held_up)


def test_when_the_vendors_own_delay_is_over_it_goes_on(stage: Stage) -> None:
    w, home = stage
    began = now()
    late = refused_once(w, home, timedelta(seconds=2))
    assert home.rests(late)[late].state is State.DONE
    assert now() >= began + timedelta(seconds=2)


def held_up_record(home: Home, key: str) -> InFlightRecord | None:
    """Its record, once its first order has met the limit."""
    record = home.record(key)
    return record if record and record.outbox and record.outbox[0].not_before else None


def refused_once(w: World, home: Home, delay: timedelta) -> str:
    """A ticket whose first reading was refused for so long."""
    w.fault("linear", "429", "issue", seconds=delay.total_seconds())
    key = w.ticket("Rename total to amount", CLEAR)
    until(lambda: [fault.times for fault in w.sandbox.faults.coming if fault.mode == "429"][-1] == 0)
    until(lambda: (record := home.record(key)) and (record.state is not State.TRIAGING or record.outbox[0].attempts))
    return key


@pytest.mark.parametrize(
    ("vendor", "call"),
    [("linear", "issue"), ("github", "pulls.create"), pytest.param("linear", "issueUpdate", marks=pytest.mark.soak)],
)
def test_one_sick_item_delays_nobody(stage: Stage, vendor: str, call: str) -> None:
    """A call hangs for one item for as long as it likes: five others are done meanwhile."""
    w, home = stage
    with w.gate(lambda asked, operation: (asked, operation) == (vendor, call), acted=True) as gate:
        sick = w.ticket("The sick one", CLEAR)
        assert gate.reached.wait(PATIENCE)
        began = now()
        others = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(5)]
        rested = home.rests(*others)
        assert {record.state for record in rested.values()} == {State.DONE}
        record, took = home.record(sick), now() - began
        assert record is not None
        assert record.state is not State.DONE or took > HUNG, "the sick one was done before its call could have ended"
    assert home.rests(sick)[sick].state is State.DONE
    assert [counted(w, home, key) for key in (sick, *others)] == [DONE_CLEAR] * 6
