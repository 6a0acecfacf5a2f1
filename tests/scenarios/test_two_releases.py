"""An older and a newer release on one store: a rolling restart under load, and a step back.

The newer one is this tree with a field added to a record and to a line of its log, so no history of the repository is
needed. The older one is this tree as it is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from adapters.stores import record_sql
from factory_core.dispatch.records import State

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import world
from .server_process import ROOT, Home, Server, config_of, running

CHANGES = (
    ("    log: tuple[LogEntry, ...] = ()\n", '    log: tuple[LogEntry, ...] = ()\n    risk: str = ""\n'),
    ('    quote: str = ""\n', '    quote: str = ""\n    weight: int = 0\n'),
    ("self.but(wake_at=min(moments, default=None))", 'self.but(wake_at=min(moments, default=None), risk="high")'),
    ("LogEntry(at=at, by=by,", "LogEntry(at=at, weight=7, by=by,"),
)


def newer_release(path: Path) -> Path:
    """Where its code lies."""
    for package in ("factory_core", "adapters", "factory_cli"):
        shutil.copytree(ROOT / package, path / package, ignore=shutil.ignore_patterns("__pycache__"))
    records = path / "factory_core" / "dispatch" / "records.py"
    text = records.read_text()
    for old, new in CHANGES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    records.write_text(text)
    return path


def stored(home: Home, key: str) -> Any:
    """The record's own text in the store."""
    (row,) = home._rows(record_sql.select_by_alias(home.tenant, key))
    return json.loads(row[0])


def weights(home: Home, key: str) -> int:
    return sum(entry.get("weight") == 7 for entry in stored(home, key)["log"])


def test_two_releases_share_one_store(tmp_path: Path) -> None:
    """What the newer one wrote is there still after the older one has brought the ticket to its end; while each is
    restarted under load, every ticket is done, once."""
    with world() as w:
        home = Home(tmp_path / "home", config_of(w))
        home.give_tokens(w)
        older, newer = Server(home), Server(home, release=newer_release(tmp_path / "newer"))
        with running(newer):
            newer.subscribe(w)
            vague = w.ticket("The cart is confusing", VAGUE)
            home.asked(vague)
        written = weights(home, vague)
        assert stored(home, vague)["risk"] == "high" and written > 0

        with running(older):  # a step back
            older.subscribe(w)
            w.reply(home.thread(vague), ANSWER)
            assert home.rests(vague)[vague].state is State.DONE
            assert stored(home, vague)["risk"] == "high"
            assert weights(home, vague) == written < len(stored(home, vague)["log"])

            with running(newer):
                keys = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(4)]
                newer.stop()
                newer.start()
                older.stop()
                older.start()
                rested = home.rests(*keys)
                assert {record.state for record in rested.values()} == {State.DONE}
                assert [counted(w, home, key) for key in keys] == [DONE_CLEAR] * 4
                assert counted(w, home, vague) == DONE_VAGUE
