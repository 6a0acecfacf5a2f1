"""Which of a team's workflow states stands for which of ours: by the configured name, else by its type.

A team need not have the usual states, and each has its own. https://linear.app/docs/configuring-workflows
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from factory_core.errors import Terminal
from factory_core.work_item import ItemState

from .pages import Node
from .settings import LinearSettings


class WorkflowState(Node):
    """`type` is triage, backlog, unstarted, started, completed, canceled or duplicate."""

    id: str
    name: str
    type: str = ""
    position: float = 0.0


_TYPE = {ItemState.DISPATCHED: "started", ItemState.IN_REVIEW: "started", ItemState.DONE: "completed"}
"""Where a team lacks the configured name, the first state of this type will do; nothing is guessed to be ready."""


def name_of(state: ItemState, linear: LinearSettings) -> str:
    """The configured name."""
    return next((name for mapped, name in linear.states.items() if mapped == state.value), "")


def mapped(name: str, linear: LinearSettings) -> ItemState | None:
    """What a state of this name stands for."""
    return next((ItemState(to) for to, known in linear.states.items() if same(known, name)), None)


def same(one: str, other: str) -> bool:
    return bool(one.strip()) and one.strip().casefold() == other.strip().casefold()


def chosen(states: Iterable[WorkflowState], wanted: ItemState, linear: LinearSettings) -> WorkflowState | None:
    """The team's state for `wanted`; None: it has none."""
    in_order = sorted(states, key=lambda state: state.position)
    named = next((state for state in in_order if same(name_of(wanted, linear), state.name)), None)
    fitting = [state for state in in_order if state.type == _TYPE.get(wanted)]
    unnamed = (state for state in fitting if mapped(state.name, linear) is None)
    return named or next(unnamed, fitting[0] if fitting else None)


def missing(team: str, states: Sequence[WorkflowState], wanted: ItemState, linear: LinearSettings) -> Terminal:
    """The team has no such state."""
    known = ", ".join(sorted(state.name for state in states)) or "none"
    return Terminal(
        f"Linear: team {team} has no state {name_of(wanted, linear)!r} for {wanted}",
        why=f"its states are: {known}",
        fix=f"In factory.config.yaml: set linear.states.{wanted} to one of them",
    )
