"""Schedules that are made for a mistake in what a model may do for a ticket."""

from __future__ import annotations

from factory_simulator.schedule import HOUR, Act, Rules, Schedule, Ticket


def _schedule(n: int, *tickets: Ticket, **rules: float) -> Schedule:
    given = {"agents": 2, "per_repository": 9, "reviews": 100, "sweeps": 0.0, "model": True}
    return Schedule(seed=n, order=n, skew=(0.0,), tickets=tickets, rules=Rules.model_validate({**given, **rules}))


def liar(n: int) -> Schedule:
    """The model would start a ticket by words that are not in it."""
    return _schedule(n, Ticket(key="ACME-1", kind="unsure", opinions=("lies",)))


def silent(n: int) -> Schedule:
    """A person takes a ticket back, or says what is missing, while the model says nothing."""
    acts = (Act(kind="edit" if n % 2 else "cancel", after=60.0 + n),)
    return _schedule(n, Ticket(key="ACME-1", kind="unsure", opinions=("silent",), acts=acts))


def many(n: int) -> Schedule:
    """More tickets than a model may be asked about, on a day or at once."""
    tickets = (Ticket(key=f"ACME-{one}", kind="unsure", begins=one * HOUR / 10) for one in range(1, 5))
    return _schedule(n, *tickets, opinions=2)


def crowd(n: int) -> Schedule:
    """More tickets at once than a model may be asked about."""
    tickets = (Ticket(key=f"ACME-{one}", kind="unsure", begins=float(one), opinions=("starts",)) for one in range(1, 5))
    return _schedule(n, *tickets)
