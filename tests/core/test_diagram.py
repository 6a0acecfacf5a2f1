"""What the documentation takes from the code is current, and the drawing of the machine is exactly what it does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from factory_core.dispatch.records import State
from factory_core.dispatch.transitions import ACTIVE, TABLE, transition

from .machine_samples import CONFIG, events_of, records_in

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import generate  # noqa: E402


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_the_generated_parts_of_a_page_are_current(page: Path) -> None:
    text = page.read_text()
    assert generate.renewed(text) == text, f"{page.name} is stale: make docs"


def test_every_generated_part_stands_on_a_page() -> None:
    marked = {
        name for page in generate.pages() for name in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text())
    }
    assert marked == set(generate.SECTIONS)


@pytest.mark.parametrize(("state", "event"), TABLE, ids=str)
def test_a_row_leads_exactly_where_the_drawing_says(state: State, event: type) -> None:
    decided = [transition(record, sample, CONFIG) for record in records_in(state) for sample in events_of(event)]
    seen = {decision.record.state for decision in decided if decision}
    drawn = generate.targets(TABLE[state, event])
    assert seen - {state} == drawn - {state}


def test_every_move_is_in_the_drawing_once() -> None:
    arrows = [line.split(" : ") for line in generate.diagram().splitlines() if " : " in line]
    drawn = [(arrow.strip(), event) for arrow, events in arrows for event in events.split(", ")]
    assert len(drawn) == len(set(drawn))
    for (state, event), step in TABLE.items():
        for to in generate.targets(step) - {state}:
            ways = {f"{state.name.lower()} --> {to.name.lower()}"}
            ways |= {f"active --> {to.name.lower()}"} if state in ACTIVE else set()
            assert any((way, event.__name__) in drawn for way in ways), f"{state} → {to} by {event.__name__}"
