"""Schedules that are made for a mistake in what ends spending."""

from __future__ import annotations

from factory_simulator.schedule import DAY, HOUR, Act, Rules, Schedule, Ticket

WIDE = {"agents": 9, "per_repository": 9, "reviews": 100, "sweeps": 0.0}


def _schedule(n: int, *tickets: Ticket, **limits: float) -> Schedule:
    return Schedule(seed=n, order=n, skew=(0.0,), tickets=tickets, rules=Rules.model_validate({**WIDE, **limits}))


def dear(n: int) -> Schedule:
    """A ticket whose work takes more runs than its budget pays."""
    return _schedule(n, Ticket(key="ACME-1", red=3, clashes=2, runs=("fails",)), item=8.0 + n % 5)


def taken_back(n: int) -> Schedule:
    """A person takes a ticket back while its agent works, and puts it back to ready."""
    acts = (Act(kind="cancel", after=300.0 + n), Act(kind="ready", after=900.0))
    return _schedule(n, Ticket(key="ACME-1", acts=acts, runs=("slow", "slow")), item=4.0)


def crowd(n: int) -> Schedule:
    """More tickets at once than the day pays."""
    tickets = (Ticket(key=f"ACME-{one}", begins=float(one), runs=("slow",)) for one in range(1, 7))
    return _schedule(n, *tickets, daily=12.0 + n % 3)


def busy_day(n: int) -> Schedule:
    """Tickets one after the other, for a day that does not pay them all."""
    tickets = (Ticket(key=f"ACME-{one}", begins=one * HOUR / 2) for one in range(1, 8))
    return _schedule(n, *tickets, daily=10.0)


def many(n: int) -> Schedule:
    """More tickets at once than may start in an hour."""
    tickets = (Ticket(key=f"ACME-{one}", begins=float(one)) for one in range(1, 12))
    return _schedule(n, *tickets, starts=2)


def late(n: int) -> Schedule:
    """The day's money is used up early, and nothing happens until the next one."""
    capped = Ticket(key="ACME-1", runs=("capped",))
    return _schedule(n, capped, Ticket(key="ACME-2", begins=2 * HOUR + n), Ticket(key="ACME-3", begins=DAY), daily=10.0)
