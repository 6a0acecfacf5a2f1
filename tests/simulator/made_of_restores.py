"""Schedules in which the store is put back to a backup, at each step of a ticket's work."""

from __future__ import annotations

from factory_simulator.schedule import HOUR, Answer, Fault, Rules, Schedule, Ticket


def _restored(n: int, *tickets: Ticket, nth: int, seconds: float, rules: Rules) -> Schedule:
    fault = Fault(kind="restore", nth=nth, seconds=seconds)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=(fault,))


def put_back_asked(n: int) -> Schedule:
    """Questions are asked until somebody answers, and an agent begins; all that is lost."""
    answers = (Answer(after=60.0, useful=False), Answer(after=60.0, useful=False), Answer(after=60.0))
    ticket = Ticket(key="ACME-1", kind="vague", answers=answers)
    return _restored(n, ticket, nth=3 + n % 9, seconds=150.0 + n / 10, rules=Rules())


def put_back_merged(n: int) -> Schedule:
    """It is merged after the backup."""
    return _restored(n, Ticket(key="ACME-1", runs=("slow",)), nth=3 + n, seconds=4 * HOUR, rules=Rules())


def put_back_begun(n: int) -> Schedule:
    """Its run begins after the backup, beside which there is room for no other."""
    tickets = (Ticket(key="ACME-1", begins=60.0), Ticket(key="ACME-2", begins=66.0, priority=1))
    return _restored(n, Ticket(key="ACME-3"), *tickets, nth=4 + n, seconds=63.0 + n / 10, rules=Rules())


def put_back_answered(n: int) -> Schedule:
    """Somebody answers, and the ticket is put in progress, after the backup."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0),))
    return _restored(n, ticket, nth=3 + n % 3, seconds=100.0 + n, rules=Rules())
