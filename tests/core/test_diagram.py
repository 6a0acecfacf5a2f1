"""What the documentation takes from the code is current, and the drawing of the machine is exactly what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest

from docs import generate
from factory_core.dispatch.records import State
from factory_core.dispatch.transitions import ACTIVE, TABLE, transition

from .machine_samples import CLOSING, CONFIG, events_of, records_in

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
FEW = 30


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_the_generated_parts_of_a_page_are_current(page: Path) -> None:
    text = page.read_text()
    assert generate.renewed(text) == text, f"{page.name} is stale: make docs"


def test_every_generated_part_stands_on_a_page() -> None:
    marked = {
        name for page in generate.pages() for name in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text())
    }
    assert marked == set(generate.SECTIONS)


def moves(state: State, event: type) -> Iterator[State]:
    """Where every sample of a cell leads, one after the other, in an order that is drawn but always the same."""
    samples = [*product(records_in(state), events_of(event), (CONFIG, CLOSING))]
    Random(f"{state} {event.__name__}").shuffle(samples)
    return (decision.record.state for sample in samples if (decision := transition(*sample)))


@pytest.mark.parametrize(("state", "event"), TABLE, ids=str)
def test_a_row_leads_where_the_drawing_says(state: State, event: type) -> None:
    """Of all the samples a few: as many as show every arrow of the drawing, and so many more, which show no other."""
    drawn, seen = generate.targets(TABLE[state, event]) | {state}, {state}
    for number, to in enumerate(moves(state, event)):
        seen.add(to)
        assert to in drawn
        if number >= FEW and seen == drawn:
            break
    assert seen == drawn


@pytest.mark.soak
@pytest.mark.parametrize(("state", "event"), TABLE, ids=str)
def test_a_row_leads_nowhere_else(state: State, event: type) -> None:
    """All the samples."""
    assert {*moves(state, event), state} == generate.targets(TABLE[state, event]) | {state}


def arrows(drawing: str) -> set[tuple[str, str]]:
    """(from --> to, event)"""
    lines = [line.strip().split(" : ") for line in drawing.splitlines() if " : " in line]
    return {(arrow, event) for arrow, events in lines for event in events.split(", ")}


def test_every_move_is_in_exactly_one_drawing_and_no_other_is() -> None:
    way, sides = arrows(generate.way()), arrows(generate.sides())
    own, collapsed = set(), set()
    for (state, event), step in TABLE.items():
        for to in generate.targets(step) - {state}:
            exact = (f"{state.name.lower()} --> {to.name.lower()}", event.__name__)
            start, end = ("active" if one in ACTIVE else one.name.lower() for one in (state, to))
            (own if exact in way else collapsed).add(exact if exact in way else (f"{start} --> {end}", event.__name__))
    assert own == way
    assert collapsed == sides
