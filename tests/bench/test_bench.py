"""The benchmark's floors are durable and deduplicate, its document has its shape, and a restless round is dropped."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.document import document, text
from bench.floors.ledger import BODY, Ledger
from bench.floors.rates import at_once, one_by_one
from bench.measure import QUICK, Absent, Figure, Measure, Sizes
from bench.measures import FIGURES, MEASURES
from bench.ours.killed import killed
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


def looks(event: tuple[float, ...] = (10,), parse: tuple[float, ...] = (7,)) -> dict[str, list[float]]:
    return {"event": [*event], "parse": [*parse]}


@pytest.mark.parametrize("restless", [((10, 16), (7, 8)), ((10, 11), (5, 8))], ids=["disk", "processor"])
def test_a_round_on_restless_ground_is_dropped_and_that_is_said(restless: tuple[tuple[float, ...], ...]) -> None:
    rounds = [Round({"fast": 2, "slow": 1}, looks((10, 11))), Round({"fast": 90, "slow": 1}, looks(*restless))]
    assert kept(rounds) == rounds[:1]
    said = document([steps()], rounds, 1, QUICK)
    assert said["rounds"] == {"asked": 1, "kept": 1, "dropped": [1.6], "restless": False}
    assert "dropped 1" in text(said) and "50 waiting" in text(said)


def test_a_round_looks_at_the_disk_and_at_the_processor() -> None:
    (played,) = play([steps(1.0)], 1, QUICK)
    assert {name: len(each) for name, each in played.floors.items()} == {"event": 2, "parse": 2}


def test_what_is_compared_in_one_measure_is_first_in_turn() -> None:
    seen: list[int] = []

    def take(path: Path, sizes: Sizes) -> Mapping[str, float]:
        seen.append(sizes.turned((1, 2, 3))[0])
        return {}

    play([Measure("m", {}, take)], 3, replace(QUICK, replays=2))
    assert {*seen[:3]} == {1, 2, 3}
    assert sorted(QUICK.turned((1, 2, 3))) == sorted(replace(QUICK, turn=5).turned((1, 2, 3))) == [1, 2, 3]


def test_a_ratio_is_taken_within_each_round() -> None:
    rounds = [Round({"a": a, "b": b}, looks()) for a, b in ((1, 1), (20, 10), (300, 100))]
    assert (ratio(rounds, "a", "b"), median(rounds, "a")) == (2, 20)


def test_a_goal_without_its_figures_is_neither_met_nor_missed() -> None:
    rounds = [Round({"a": 10, "b": 5}, looks())]
    goal, missed, unknown = (
        Goal("9", "", "a", "≥", 2, "b"),
        Goal("9", "", "a", "<", 10),
        Goal("9", "", "a", "≥", 2, "x"),
    )
    assert (goal.met(rounds), missed.met(rounds), unknown.met(rounds)) == (True, False, None)


def test_a_goal_for_the_worst_round_looks_at_that_one() -> None:
    rounds = [Round({"a": a, "b": 10}, looks()) for a in (20, 21, 50)]
    usual, worst = (Goal("7", "", "a", "≤", 4.5, "b", worst=worst) for worst in (False, True))
    assert (usual.measured(rounds), worst.measured(rounds)) == (2.1, 5)
    assert (usual.met(rounds), worst.met(rounds)) == (True, False)


def test_each_peer_is_compared_within_each_round() -> None:
    """The medians of both, 200 and 100, would say 2."""
    figures = {name: Figure(name, "/s") for name in ("factory.lifecycle.c1", "restate.lifecycle.c1")}
    pairs = ((100, 100), (200, 50), (300, 200))
    rounds = [Round(dict(zip(figures, pair, strict=True)), looks()) for pair in pairs]
    said = document([Measure("m", figures, steps().take)], rounds, 3, QUICK)
    (row,) = said["beside"]
    assert (row["ratios"]["Restate"], row["ratios"]["DBOS"]) == (1.5, None)
    assert "| lifecycles as the peers', 1 at once |  |  | 1.5 × |" in generated(said)
    assert "1.5 ×" in text(said)


@pytest.mark.parametrize("less", [["--quick"], ["--rounds=4"], ["--only=parse"]], ids=str)
def test_only_a_whole_run_is_written_down(
    less: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*given: object) -> list[Round]:
        raise AssertionError("it ran")

    before = PAGE.read_text()
    monkeypatch.setattr("bench.__main__.play", never)
    monkeypatch.setattr(sys, "argv", ["bench", "--write", *less])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "--write keeps whole runs only" in capsys.readouterr().err
    assert PAGE.read_text() == before


def test_the_floor_of_a_cold_start_is_nothing_of_ours() -> None:
    """So that it stays where it is when our models grow."""
    program = (
        "import sys, bench.floors.models as made; from pydantic import BaseModel\n"
        "print(sum(isinstance(one, type) and BaseModel in one.__bases__ for one in vars(made).values()))\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('factory_core', 'adapters', 'factory_cli')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "15\n\n"


def test_a_server_that_dies_amid_its_effects_repeats_none(tmp_path: Path) -> None:
    """Half of them the vendor had performed; it has each once."""
    assert killed(tmp_path, QUICK) == {"factory.kill.amid": 4, "factory.kill.acted": 2, "factory.kill.twice": 0}


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
    said = document([steps()], [Round({"fast": 2, "slow": 1}, looks())], 1, QUICK)
    assert "| fast, 50 waiting | 2 /s | 2 … 2 | 2 × slow |" in generated(said)
