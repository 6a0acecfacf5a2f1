"""Every webhook three times, shuffled, from 50 connections at once: everything happens once for each item."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory_core.dispatch.records import InFlightRecord, Lease, State

from .bad_postman import COPIES, BadPostman
from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import world
from .server_process import factory, until


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_a_storm_of_repeats(tmp_path: Path, seed: int) -> None:
    """One run, question, pull request, merge and summary an item; and the whole past once more changes nothing."""
    postman = BadPostman(seed)
    with world(transport=postman) as w, factory(w, tmp_path) as (home, _):
        clear = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(4)]
        vague = [w.ticket(f"The cart is confusing, part {n}", VAGUE) for n in range(4)]
        for key in vague:
            w.reply(home.asked(key), ANSWER)
        rested = home.rests(*clear, *vague)
        assert {record.state for record in rested.values()} == {State.DONE}
        until(lambda: len(postman.answers) == COPIES * len(postman.letters))

        before = {key: told(record) for key, record in home.records().items()}
        reads = w.state()["requests"]
        w.run(postman.bring([letter for letter in postman.letters for _ in range(COPIES)]))
        home.rests(*clear, *vague)
        assert set(postman.answers) == {200}
        assert {key: told(record) for key, record in home.records().items()} == before
        assert without_reads(w.state()["requests"]) == without_reads(reads)
        assert [counted(w, home, key) for key in (*clear, *vague)] == [DONE_CLEAR] * 4 + [DONE_VAGUE] * 4
        assert (home.batch().slots, home.batch().queue) == ({}, ())


def told(record: InFlightRecord) -> InFlightRecord:
    """All but the bookkeeping: what an item ignored while it was merged is a hint to look once more afterwards."""
    return record.but(version=0, planned=0, applied=(), lease=Lease(), tracker=None)


def without_reads(requests: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    linear = {name: count for name, count in requests["linear"].items() if name != "issue"}
    return {**requests, "linear": linear}
