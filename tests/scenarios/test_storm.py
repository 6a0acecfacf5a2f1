"""Every webhook three times, shuffled, from 50 connections at once: everything happens once for each item."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory_core.dispatch.records import State

from .bad_postman import COPIES, BadPostman
from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import world
from .server_process import factory, until


@pytest.mark.parametrize("seed", [1, 2])
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

        before, world_before = home.records(), [counted(w, home, key) for key in (*clear, *vague)]
        asked_before = w.state()["requests"]
        w.run(postman.bring([letter for letter in postman.letters for _ in range(COPIES)]))
        assert set(postman.answers) == {200}
        assert home.records() == before
        assert w.state()["requests"] == asked_before
        assert world_before == [DONE_CLEAR] * 4 + [DONE_VAGUE] * 4
        assert (home.batch().slots, home.batch().queue) == ({}, ())
