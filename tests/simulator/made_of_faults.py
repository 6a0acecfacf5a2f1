"""Schedules that are made for a mistake in what becomes of a failure, of a start, and of an answer."""

from __future__ import annotations

from factory_simulator.schedule import DAY, HOUR, Act, Answer, Fault, Rules, Schedule, Ticket

WORKS = ("read_item", "start", "publish", "open_pull_request", "read_pull_request", "merge")


def refused(n: int) -> Schedule:
    """A vendor refuses a call on which the work depends."""
    fault = Fault(kind="refused", nth=1 + n // len(WORKS) % 2, call=WORKS[n % len(WORKS)])
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), skew=(0.0,), faults=(fault,))


def growing(n: int) -> Schedule:
    """A record becomes too large for the store, early or late, beside another one."""
    tickets = (Ticket(key="ACME-1"), Ticket(key="ACME-2", begins=30.0))
    fault = Fault(kind="large", nth=1 + n)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), faults=(fault,))


def silent(n: int) -> Schedule:
    """A vendor does not answer for longer than the factory asks."""
    fault = Fault(kind="away", nth=1, call=WORKS[n % len(WORKS)], seconds=4 * HOUR)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), rules=Rules(gives_up=HOUR), faults=(fault,))


def deadly(n: int) -> Schedule:
    """Whoever makes a call on which the work depends dies over it."""
    fault = Fault(kind="deadly", nth=1, call=WORKS[n % len(WORKS)], seconds=2 * HOUR)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), faults=(fault,))


def _unheard(n: int, kind: str) -> Schedule:
    faults = (Fault(kind="busy", nth=1, call="start", seconds=120.0 + n), Fault(kind="drop", nth=2))
    ticket = Ticket(key="ACME-1", acts=(Act.model_validate({"kind": kind, "after": 10.0 + n / 10}),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=0.0), faults=faults)


def taken_back_unheard(n: int) -> Schedule:
    """A person takes the ticket back while the fleet is busy, and nobody hears of it."""
    return _unheard(n, ("cancel", "park", "done")[n % 3])


def forbidden_unheard(n: int) -> Schedule:
    """A person puts a label on that forbids it while the fleet is busy, and nobody hears of it."""
    return _unheard(n, "forbid")


def without_a_store(n: int) -> Schedule:
    """The store is not there from the first call on, or when the answer comes."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0 + n),))
    fault = Fault(kind="down", nth=1 if n % 2 else 8 + n, seconds=90.0)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=(fault,))


def clashing(n: int) -> Schedule:
    """Each head conflicts with the base, once or more often than it is mended."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", clashes=(1, 4)[n % 2]),))


def unwilling(n: int) -> Schedule:
    """A rule of the code host keeps it from merging for days."""
    fault = Fault(kind="unwilling", nth=1 + n % 2, call="merge", seconds=10 * DAY)
    ticket = Ticket(key=f"ACME-{1 + n // 2 % 2}", red=n % 2)
    return Schedule(seed=n, order=n, tickets=(ticket,), faults=(fault,))


def armed_through_an_outage(n: int) -> Schedule:
    """A person takes back what the host would merge by itself, and it is away for longer than vendors are given."""
    ticket = Ticket(key="ACME-1", red=1, acts=(Act(kind="cancel", after=1_000.0 + 40 * n),))
    fault = Fault(kind="away", nth=1, call="disable_auto_merge", seconds=2 * DAY)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(auto=True), faults=(fault,))


def torn_thread(n: int) -> Schedule:
    """The worker dies when it has stored the question's thread, and not yet the record that waits in it."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=120.0 + n),))
    faults = (Fault(kind="torn", nth=1, call="thread"),)
    return Schedule(seed=n, order=n, store="apart", tickets=(ticket,), skew=(0.0,), faults=faults)


def torn_early(n: int) -> Schedule:
    """The same, and people have answered before anybody knew the thread."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=0.5 + n / 100, twice=True),))
    faults = (Fault(kind="error", nth=1, done=True, call="ask"), Fault(kind="torn", nth=1, call="thread"))
    rules = Rules(sweeps=0.0)
    return Schedule(seed=n, order=n, store="apart", tickets=(ticket,), skew=(0.0,), rules=rules, faults=faults)


def unmoved(n: int) -> Schedule:
    """The tracker refuses to move the ticket, each time."""
    faults = tuple(Fault(kind="refused", nth=nth, call="set_state") for nth in range(1, 6))
    return Schedule(
        seed=n, order=n, tickets=(Ticket(key="ACME-1", red=n % 2),), rules=Rules(sweeps=600.0), faults=faults
    )


def deadly_beside_another(n: int) -> Schedule:
    """Workers die over one call, while another one of the same item is waited for."""
    faults = (
        Fault(kind="away", nth=3, seconds=1800.0 + n, call="link_pull_request"),
        Fault(kind="deadly", nth=1, seconds=2 * HOUR, call="read_pull_request"),
    )
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), skew=(0.0,), knows_dead=True, faults=faults)


def out(n: int) -> Schedule:
    """The engine is out for hours, with tickets in line and at work."""
    tickets = tuple(
        Ticket(key=f"ACME-{item}", project=("Shop", "API")[item % 2], begins=90.0 * item) for item in range(4)
    )
    fault = Fault(kind="out", nth=1 + n % 3, seconds=HOUR + 1_000.0 * n)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), faults=(fault,))


def limited(n: int) -> Schedule:
    """A vendor's rate limit is used up when many tickets need it; each process is refused once."""
    call = ("read_item", "open_pull_request", "ask")[n % 3]
    tickets = tuple(Ticket(key=f"ACME-{item}", kind="vague" if call == "ask" else "clear") for item in range(8))
    rules, fault = Rules(agents=8, per_repository=8), Fault(kind="busy", nth=1, call=call, seconds=120.0 + n)
    return Schedule(seed=n, order=n, tickets=tickets, rules=rules, faults=(fault,))


def refused_by_people(n: int) -> Schedule:
    """No worker takes the run, somebody writes that it is not to be done, and then how it was last week."""
    answers = (Answer(after=4_300.0 + n, useful=False, before="refusal"), Answer(after=2.0, twice=True))
    acts = (Act(kind="comment", after=0.9),)
    ticket = Ticket(key="ACME-1", kind="vague", runs=("untaken",), answers=answers, acts=acts)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))
