"""The benchmark's floors are durable and deduplicate, its document has its shape, and a restless round is dropped."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from bench.document import document, text
from bench.floors.ledger import BODY, Ledger
from bench.floors.rates import at_once, one_by_one
from bench.measure import QUICK, Absent, Figure, Measure, Sizes
from bench.measures import FIGURES, MEASURES
from bench.page import PAGE, generated
from bench.reach import GOALS, Goal
from bench.rounds import Round, kept, median, play, ratio
from bench.workload import posted, webhook
from tests.architecture.tree import ROOT

COUNTED = ("commits", "lifecycle", "ticket", "resume", "floor-lifecycle", "parse", "store")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "floor.db")
    yield made
    made.close()


def seen_by_another(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a process that knows nothing of ours finds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_the_floors_event_is_on_the_disk_when_it_is_over(ledger: Ledger, tmp_path: Path) -> None:
    with ledger:
        assert ledger.event("e-1", "A-1")
    assert seen_by_another(tmp_path / "floor.db", "SELECT id, version, body FROM record") == [("A-1", 1, BODY)]
    assert seen_by_another(tmp_path / "floor.db", "SELECT id FROM outbox") == [("A-1",)]
    assert ledger.sql.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert ledger.sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_floors_event_counts_once(ledger: Ledger) -> None:
    with ledger:
        assert [ledger.event("e-1", "A-1"), ledger.event("e-1", "A-1"), ledger.event("e-2", "A-1")] == [
            True,
            False,
            True,
        ]
    assert (ledger.count("heard"), ledger.count("outbox")) == (2, 2)
    assert ledger.sql.execute("SELECT version FROM record").fetchall() == [(2,)]


def test_what_fails_in_the_floor_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger:
        ledger.event("e-1", "A-1")
        raise ZeroDivisionError
    assert (ledger.count("heard"), ledger.count("record"), ledger.count("outbox")) == (0, 0, 0)


def test_the_floors_lifecycle_ends_done_in_four_commits(ledger: Ledger) -> None:
    one_by_one(ledger, [f"A-{n}" for n in range(8)])
    assert ledger.commits == 32
    assert ledger.sql.execute("SELECT DISTINCT state, waits_on, version FROM record").fetchall() == [("done", None, 4)]
    assert (ledger.count("record"), ledger.count("heard"), ledger.count("outbox")) == (8, 16, 0)


def test_the_floors_lifecycles_that_are_under_way_together_share_their_commits(ledger: Ledger) -> None:
    asyncio.run(at_once(ledger, iter([f"A-{n}" for n in range(64)])))
    assert ledger.commits == 8
    assert ledger.sql.execute("SELECT DISTINCT state, version FROM record").fetchall() == [("done", 4)]


def test_everybody_is_given_bodies_of_the_same_size() -> None:
    assert {len(webhook(number)) for number in (0, 7, 65_432)} == {4096}
    assert len(BODY) == 1000
    assert posted(1).endswith(b"}") and b"Linear-Signature" in posted(1)


def test_every_goal_compares_figures_that_some_measure_gives() -> None:
    wanted = {name for goal in GOALS for name in (goal.name, goal.of) if name}
    based = {figure.of for figure in FIGURES.values() if figure.of}
    assert (wanted | based) - set(FIGURES) == set()
    assert {goal.number.split()[0] for goal in GOALS} == {str(number) for number in range(1, 11)}


def test_a_quick_run_gives_one_document_and_counts_what_is_promised() -> None:
    """As a program, without servers and peers: the other parts are the same code with other numbers."""
    command = [
        sys.executable,
        "-m",
        "bench",
        "--quick",
        "--rounds=1",
        "--format=json",
        f"--only=^({'|'.join(COUNTED)})$",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["schema"] == "factory.bench/2"
    figures = {one["name"]: one["median"] for one in said["figures"]}
    assert set(figures) == {name for one in MEASURES if one.name in COUNTED for name in one.figures}
    assert (figures["factory.commits.webhook"], figures["factory.commits.redelivery"]) == (1, 0)
    assert figures["floor.lifecycle.commits"] == 4
    assert all(value > 0 for name, value in figures.items() if name != "factory.commits.redelivery")
    assert said["absent"] == {}
    assert "round 1" in done.stderr and said["rounds"]["asked"] == 1


def steps(*rates: float) -> Measure:
    """A measure that gives these rates, one a round."""
    left = iter(rates)

    def take(path: Path, sizes: Sizes) -> Mapping[str, float]:
        return {"fast": next(left), "slow": 2.0}

    return Measure("m", {"fast": Figure("fast, {few} waiting", "/s", "slow"), "slow": Figure("slow", "/s")}, take)


def test_a_round_on_restless_ground_is_dropped_and_that_is_said() -> None:
    rounds = [Round({"fast": 2, "slow": 1}, [10, 11]), Round({"fast": 90, "slow": 1}, [10, 16])]
    assert kept(rounds) == rounds[:1]
    said = document([steps()], rounds, 1, QUICK)
    assert said["rounds"] == {"asked": 1, "kept": 1, "dropped": [1.6], "restless": False}
    assert "dropped 1" in text(said) and "50 waiting" in text(said)


def test_a_ratio_is_taken_within_each_round() -> None:
    rounds = [Round({"a": a, "b": b}, [1]) for a, b in ((1, 1), (20, 10), (300, 100))]
    assert (ratio(rounds, "a", "b"), median(rounds, "a")) == (2, 20)


def test_a_goal_without_its_figures_is_neither_met_nor_missed() -> None:
    rounds = [Round({"a": 10, "b": 5}, [1])]
    goal, missed, unknown = (
        Goal("9", "", "a", "≥", 2, "b"),
        Goal("9", "", "a", "<", 10),
        Goal("9", "", "a", "≥", 2, "x"),
    )
    assert (goal.met(rounds), missed.met(rounds), unknown.met(rounds)) == (True, False, None)


def test_what_cannot_be_taken_is_named() -> None:
    def fails(path: Path, sizes: Sizes) -> Mapping[str, float]:
        raise Absent("it is not here")

    measures = [Measure("far", {}, fails), Measure("peer", {}, fails, absent="it is not installed")]
    said = document(measures, play(measures, 1, QUICK), 1, QUICK)
    assert said["absent"] == {"far": "it is not here", "peer": "it is not installed"}
    assert "peer: absent: it is not installed" in text(said)


def test_the_page_shows_every_goal_and_every_measure() -> None:
    shown = PAGE.read_text()
    assert not {goal.words for goal in GOALS if f"| {goal.words} |" not in shown}
    assert not {figure.words for figure in FIGURES.values() if figure.words.split("{")[0] not in shown}


def test_the_generated_part_has_a_row_for_each_figure() -> None:
    said = document([steps()], [Round({"fast": 2, "slow": 1}, [10, 11])], 1, QUICK)
    assert "| fast, 50 waiting | 2 /s | 2 … 2 | 2 × slow |" in generated(said)
