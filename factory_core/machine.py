"""row(), table(): the typed shape that the state machines share. One cell, one step; every empty cell has a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

S = TypeVar("S")
R = TypeVar("R")
E = TypeVar("E")
C = TypeVar("C")
T = TypeVar("T", covariant=True)


class Row(NamedTuple, Generic[S, R, C, T]):
    state: S
    event: type[Any]
    step: Callable[[R, Any, C], T]


def row(state: S, event: type[E], step: Callable[[R, E, C], T]) -> Row[S, R, C, T]:
    """One line of the table; the step must accept exactly this event."""
    return Row(state, event, step)


def rows(states: Iterable[S], event: type[E], step: Callable[[R, E, C], T]) -> Iterator[Row[S, R, C, T]]:
    """The same line for several states."""
    return (Row(state, event, step) for state in states)


def table(*lines: Row[S, R, C, T]) -> Mapping[tuple[S, type[Any]], Callable[[R, Any, C], T]]:
    """Refuse two rows for one cell."""
    cells = {(line.state, line.event): line.step for line in lines}
    if len(cells) != len(lines):
        raise ValueError("two rows for one cell")
    return cells


def ignored(*reasons: tuple[Iterable[S], Iterable[type[Any]], str]) -> Mapping[tuple[S, type[Any]], str]:
    """The cells that change nothing, each with a word why; refuse two reasons for one cell."""
    cells: dict[tuple[S, type[Any]], str] = {}
    for states, events, why in reasons:
        seen = list(events)
        for state in states:
            for event in seen:
                if (state, event) in cells:
                    raise ValueError(f"two reasons for {state} × {event.__name__}")
                cells[state, event] = why
    return cells
