"""The table of the dispatch machine, cell by cell."""

from __future__ import annotations

import inspect
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.dispatch.events import EVENTS, Event
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.transitions import ACTIVE, IGNORED, OVER, TABLE, transition

from .machine_samples import CONFIG, FIELDS, events_of, records_in

pytestmark = pytest.mark.pure

PLAIN = {"abort", "read_while_merging", "stop"}
"""Steps whose name says everything."""

RECORDS = {state: list(records_in(state)) for state in State}
SAMPLES = {kind: list(events_of(kind)) for kind in EVENTS}


@pytest.mark.parametrize("state", State)
def test_every_cell_is_a_row_or_has_a_reason_and_never_both(state: State) -> None:
    for event in EVENTS:
        assert ((state, event) in TABLE) is not ((state, event) in IGNORED), f"{state} × {event.__name__}"


def test_the_table_names_no_state_or_event_that_does_not_exist() -> None:
    grid = set(product(State, EVENTS))
    assert TABLE.keys() | IGNORED.keys() == grid


def test_every_event_of_the_module_is_known_to_the_table() -> None:
    assert set(EVENTS) == set(Event.__subclasses__()) == set(FIELDS)


def test_every_state_is_in_exactly_one_group() -> None:
    assert sorted([State.NEW, State.BLOCKED, *ACTIVE, *OVER]) == sorted(State)


@pytest.mark.parametrize("why", sorted(set(IGNORED.values())))
def test_a_reason_is_a_phrase(why: str) -> None:
    assert len(why.split()) >= 3


def test_every_step_says_what_it_does_unless_its_name_does() -> None:
    silent = {step.__name__ for step in TABLE.values() if not inspect.getdoc(step)}
    assert silent == PLAIN


@st.composite
def happenings(draw: st.DrawFn) -> tuple[InFlightRecord, Event]:
    """A record and an event that has a row there."""
    state, kind = draw(st.sampled_from(sorted(TABLE, key=str)))
    record: InFlightRecord = draw(st.sampled_from(RECORDS[state]))
    changed = {"attempt": draw(st.integers(0, 5)), "round": draw(st.integers(0, 5)), "planned": draw(st.integers(0, 9))}
    return record.but(**changed), draw(st.sampled_from(SAMPLES[kind]))


@given(happenings())
def test_an_event_that_comes_twice_has_the_outcome_of_once(happening: tuple[InFlightRecord, Event]) -> None:
    record, event = happening
    decided = transition(record, event, CONFIG)
    after = decided.record if decided else record
    assert transition(after, event, CONFIG) is None if decided else after == record


@given(happenings())
def test_a_decision_depends_on_record_event_and_configuration_alone(happening: tuple[InFlightRecord, Event]) -> None:
    record, event = happening
    before = record.model_dump_json()
    assert transition(record, event, CONFIG) == transition(record, event, CONFIG)
    assert record.model_dump_json() == before


@given(happenings())
def test_a_decision_can_be_stored_and_read_back(happening: tuple[InFlightRecord, Event]) -> None:
    decided = transition(*happening, CONFIG)
    if decided:
        planned = decided.record.plan(decided.effects)
        assert InFlightRecord.model_validate_json(planned.model_dump_json()) == planned


@pytest.mark.parametrize(("state", "event"), IGNORED, ids=str)
def test_an_ignored_event_costs_no_write(state: State, event: type[Event]) -> None:
    """But what a run has cost counts in every state."""
    settled = [record for record in RECORDS[state] if not record.spending.open]
    assert all(transition(record, SAMPLES[event][0], CONFIG) is None for record in settled)
