"""The shortest schedule that still breaks the same law: leave things out, halve numbers, keep what still fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from factory_core.work_item import Frozen

from .schedule import Fault, Rules, Schedule, Ticket
from .simulation import Simulation

MOST_PLAYS = 600


def shrunk(schedule: Schedule, law: str) -> Schedule:
    """Greedy, from big steps to small ones, until nothing more can go."""
    plays, smaller = 0, True
    while smaller and plays < MOST_PLAYS:
        smaller = False
        for candidate in _smaller(schedule):
            plays += 1
            if _breaks(candidate, law):
                schedule, smaller = candidate, True
                break
            if plays >= MOST_PLAYS:
                break
    return schedule


def _breaks(schedule: Schedule, law: str) -> bool:
    found = Simulation(schedule).play().violation
    return found is not None and found.law == law


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    for n in range(len(schedule.tickets)):
        if len(schedule.tickets) > 1:
            yield _but(schedule, tickets=_without(schedule.tickets, n))
    for n in range(len(schedule.faults)):
        yield _but(schedule, faults=_without(schedule.faults, n))
    for n, ticket in enumerate(schedule.tickets):
        for simpler in _simpler(ticket):
            yield _but(schedule, tickets=_replaced(schedule.tickets, n, simpler))
    for name, plain in Rules().model_dump().items():
        if getattr(schedule.rules, name) != plain:
            yield _but(schedule, rules=schedule.rules.model_copy(update={name: plain}))
    if schedule.rules != Rules():
        yield _but(schedule, rules=Rules())
    if any(schedule.skew):
        yield _but(schedule, skew=tuple(0.0 for _ in schedule.skew))
    most = max((fault.process for fault in schedule.faults), default=0) + 1
    if most < len(schedule.skew):
        yield _but(schedule, skew=schedule.skew[:most])
    for n, fault in enumerate(schedule.faults):
        if fault.seconds > 2:
            half: Fault = fault.model_copy(update={"seconds": round(fault.seconds / 2, 1)})
            yield _but(schedule, faults=_replaced(schedule.faults, n, half))


def _simpler(ticket: Ticket) -> Iterator[Ticket]:
    for name in ("acts", "runs", "answers", "opinions"):
        listed = getattr(ticket, name)
        for n in range(len(listed)):
            yield ticket.model_copy(update={name: _without(listed, n)})
    for name, plain in (("red", 0), ("clashes", 0), ("requested", 0), ("begins", 0.0), ("priority", 0),
                        ("kind", "clear"), ("ignored", False), ("again", 0.0), ("session", False), ("ci", ""),
                        ("refused", "")):  # fmt: skip
        if getattr(ticket, name) != plain:
            yield ticket.model_copy(update={name: plain})


def _but(schedule: Schedule, **changes: Any) -> Schedule:
    return schedule.model_copy(update=changes)


def _without(listed: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    return listed[:n] + listed[n + 1 :]


def _replaced(listed: tuple[Any, ...], n: int, by: Frozen) -> tuple[Any, ...]:
    return (*listed[:n], by, *listed[n + 1 :])
