"""Schedules in which a ticket is forgotten by order, or deleted, while it is at work."""

from __future__ import annotations

from factory_simulator.schedule import Schedule, Ticket


def _forgotten(n: int, ticket: Ticket) -> Schedule:
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))


def forgotten_at_work(n: int) -> Schedule:
    """Its agent is at work when an operator ends it and has it forgotten; its ticket stays in progress."""
    ticket = Ticket(key="ACME-1", runs=("slow",), forgotten="order", forgotten_after=400.0 + n)
    return _forgotten(n, ticket)


def forgotten_while_asked(n: int) -> Schedule:
    """An operator ends it and has it forgotten while it is asked about, and so is ready still."""
    return _forgotten(n, Ticket(key="ACME-1", kind="vague", forgotten="order", forgotten_after=60.0 + n))
