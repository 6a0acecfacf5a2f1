"""A server whose clock was weeks ahead for a while, by libfaketime, and is right again."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from factory_core.dispatch.records import State

from .counting import ANSWER, VAGUE
from .sandbox_thread import world
from .server_process import Home, Server, config_of, now, running, until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
AHEAD, NEAR = timedelta(days=40), timedelta(days=8)


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not here")
def test_what_a_clock_40_days_ahead_has_written_is_brought_back(tmp_path: Path) -> None:
    """The question is reminded of in the future, and its next look lies there; the next server looks at it in time,
    and an answer moves it."""
    with world() as w:
        home = Home(tmp_path, config_of(w, sweep={"every": "1s"}))
        home.give_tokens(w)
        right = Server(home)
        with running(right):
            right.subscribe(w)
            key = w.ticket("The cart is confusing", VAGUE)
            home.asked(key)

        def wakes_after(span: timedelta) -> bool:
            record = home.record(key)
            return bool(record and record.wake_at and record.wake_at > now() + span)

        ahead = Server(
            home, LD_PRELOAD=str(LIBRARY), FAKETIME=f"+{AHEAD.days}d", DONT_FAKE_MONOTONIC="1",
            PATH=os.environ["PATH"],
        )  # fmt: skip
        ahead.start()
        try:
            until(lambda: wakes_after(NEAR))
        finally:
            ahead.kill()
        with running(right):
            until(lambda: not wakes_after(NEAR))
            record = home.record(key)
            assert record and record.state is State.WAITING and record.since and record.since <= now()
            w.reply(home.asked(key), ANSWER)
            assert home.rests(key)[key].state is State.DONE
