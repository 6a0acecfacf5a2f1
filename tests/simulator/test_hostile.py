"""An engine that does its worst, over real git and the real supervisor: no law is broken, and each law can be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from factory_simulator.hostile import agent
from factory_simulator.hostile.draw import (
    DESTROY,
    ENDINGS,
    GIT,
    OUTPUT,
    PROCESSES,
    REACH,
    TREE,
    WORK,
    HostileDraw,
    draw_hostile,
)
from factory_simulator.hostile.fast_start import FastStart
from factory_simulator.hostile.laws import LAWS
from factory_simulator.hostile.many import CLOSES_WITHIN, HostilePlayed, drawn_from, play_all
from tests.simulator.mutation import mutated

from .mutations_of_hostile import HOSTILE_MUTATIONS, HostileMutation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
MANY, HALVES = 400, 2
OF_EACH_LAW = {one.law: one for one in HOSTILE_MUTATIONS}
KINDS = frozenset({*WORK, *TREE, *GIT, *DESTROY, *REACH, *PROCESSES, *OUTPUT})
FOUND = [
    (kept["found"], HostileDraw.model_validate(kept["draw"]))
    for kept in map(json.loads, (Path(__file__).parent / "found_hostile.jsonl").read_text().splitlines())
]


@pytest.fixture(scope="module")
def fast() -> Iterator[FastStart]:
    started = FastStart(CLOSES_WITHIN)
    yield started
    started.close()


@pytest.mark.parametrize("half", range(HALVES))
def test_no_law_is_broken_by_drawn_plays(half: int, fast: FastStart) -> None:
    """Those in which every act and every ending is seen. `make soak` draws thousands of others."""
    numbers = sorted(_covering(range(MANY)))
    played = play_all(drawn_from(numbers[half::HALVES]), fast)
    assert not played.failures, _told(played)


def test_no_law_is_broken_by_what_broke_one_before(fast: FastStart) -> None:
    """Each kept draw, whole, so that it plays the same when other ones are drawn."""
    played = play_all([drawn for _, drawn in FOUND], fast)
    assert not played.failures, _told(played)
    assert all(found for found, _ in FOUND)


def test_a_supervisor_that_is_started_as_the_product_does_it_keeps_the_laws() -> None:
    """The fast start is a convenience of the tests alone."""
    played = play_all(drawn_from([0]), None)
    assert played.draws == 1 and not played.failures, _told(played)


def test_a_number_is_a_draw_and_a_draw_can_be_kept() -> None:
    assert draw_hostile(7) == draw_hostile(7) != draw_hostile(8)
    assert HostileDraw.model_validate_json(draw_hostile(7).model_dump_json()) == draw_hostile(7)


def test_the_agent_knows_every_act_and_the_draws_name_every_one() -> None:
    """An act that is passed over because nobody wrote it would find nothing."""
    assert not {kind for kind in KINDS if not callable(getattr(agent, kind, None))}
    assert set().union(*map(_seen_in, _covering(range(MANY)))) == KINDS | set(ENDINGS)


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(one, id=one.name, marks=() if one is OF_EACH_LAW[one.law] else pytest.mark.soak)
        for one in HOSTILE_MUTATIONS
    ],
)
def test_a_mistake_in_the_code_is_found(mutation: HostileMutation) -> None:
    """Supervisors are forked from this process, mistake and all. One for each law here, all of them in `make soak`."""
    with ExitStack() as mistakes:
        for one in mutation.mutations:
            mistakes.enter_context(mutated(one))
        wrong = FastStart(CLOSES_WITHIN)
        mistakes.callback(wrong.close)
        played = play_all([mutation.draw], wrong)
    assert [failure.law for failure in played.failures] == [mutation.law], _told(played)


@pytest.mark.parametrize(
    "mistakes",
    [
        pytest.param(OF_EACH_LAW.values(), id="of-each-law"),
        pytest.param(HOSTILE_MUTATIONS, id="all", marks=pytest.mark.soak),
    ],
)
def test_the_draws_that_find_a_mistake_find_nothing_in_sound_code(
    mistakes: Iterable[HostileMutation], fast: FastStart
) -> None:
    played = play_all([mutation.draw for mutation in mistakes], fast)
    assert not played.failures, _told(played)


def test_each_mistake_breaks_a_law_that_is_known() -> None:
    assert set(OF_EACH_LAW) <= set(LAWS)


def _covering(numbers: Iterable[int]) -> list[int]:
    """Few of these draws that show what all of them show."""
    seen = {number: _seen_in(number) for number in numbers}
    missing, chosen = set().union(*seen.values()), list[int]()
    while missing:
        chosen.append(max(seen, key=lambda number: len(seen[number] & missing)))
        missing -= seen[chosen[-1]]
    return chosen


def _seen_in(number: int) -> set[str]:
    """The acts and the endings of a draw."""
    runs = [run for item in draw_hostile(number).items for run in item.runs]
    return {act.kind for run in runs for act in run.acts} | {run.ending for run in runs}


def _told(played: HostilePlayed) -> str:
    return "\n\n".join(
        "\n".join([
            f"factory simulate --hostile --schedules 1 --seed {one.drawn.seed}", f"{one.law}: {one.why}", *one.story,
            one.drawn.model_dump_json(exclude_defaults=True),
        ])
        for one in played.failures
    )  # fmt: skip
