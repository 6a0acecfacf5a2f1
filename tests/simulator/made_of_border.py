"""Schedules that are made for a mistake at the border: which check counts, what a refusal means, a token's end."""

from __future__ import annotations

from factory_simulator.schedule import DAY, HOUR, Answer, Ci, Fault, Refused, Rules, Schedule, Ticket


def _checked(n: int, ci: Ci, *, required: bool = False, red: int = 0) -> Schedule:
    ticket = Ticket(key="ACME-1", begins=float(n), ci=ci, red=red)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(required=required, unanswered=DAY))


def late_job(n: int) -> Schedule:
    """A quick check is green while the job that counts waits for its turn."""
    return _checked(n, "job", red=n % 2)


def late_by_rule(n: int) -> Schedule:
    """A quick check is green, and a rule of the branch asks for one of which nothing is seen for half an hour."""
    return _checked(n, "rule", red=n % 2)


def late_app(n: int) -> Schedule:
    """A quick check is green, and another app takes five minutes to begin."""
    return _checked(n, "app", red=n % 2)


def unseen(n: int) -> Schedule:
    """A quick check is green, and only the configuration knows that there is another one."""
    return _checked(n, "unseen", required=True, red=n % 2)


def superseded(n: int) -> Schedule:
    """A first run was cancelled, or failed, after a newer one of the same check had begun."""
    return _checked(n, ("cancelled", "failed")[n % 2])


def rerun(n: int) -> Schedule:
    """A check fails, and is run again at the same head."""
    return _checked(n, "rerun")


def _refused(n: int, refused: Refused) -> Schedule:
    ticket = Ticket(key="ACME-1", begins=float(n), refused=refused)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(unanswered=DAY))


def owned(n: int) -> Schedule:
    """A code owner must approve, and does so hours later."""
    return _refused(n, "owners")


def behind(n: int) -> Schedule:
    """Each push is behind the base until the host has updated the branch."""
    return _refused(n, "behind")


def outrun(n: int) -> Schedule:
    """The base moves faster than the checks run."""
    return _refused(n, "outrun")


def queued(n: int) -> Schedule:
    """The base takes what went through its merge queue, which it may leave again once, or each time."""
    queues: tuple[Refused, ...] = ("queue", "dequeued", "clogged")
    return _refused(n, queues[n % 3])


def forbidden(n: int) -> Schedule:
    """The repository does not allow that way to merge."""
    return _refused(n, "method")


def expired(n: int) -> Schedule:
    """A vendor refuses the token for hours, for longer than one that does not answer is given."""
    vendor = ("github", "linear", "slack")[n % 3]
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=600.0 + n),))
    fault = Fault(kind="expired", nth=1 + n // 3 % 4, call=vendor, seconds=1.5 * HOUR)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(gives_up=HOUR), faults=(fault,))


def expired_in_review(n: int) -> Schedule:
    """The code host refuses the token for hours while a pull request waits for people, who are given three."""
    ticket = Ticket(key="ACME-1", refused="owners")
    fault = Fault(kind="expired", nth=6 + n % 4, call="github", seconds=2 * HOUR)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(unanswered=3 * HOUR), faults=(fault,))


def protected(n: int) -> Schedule:
    """An agent changes a protected file, a person allows that to be pushed, and another person looks at it."""
    ticket = Ticket(key="ACME-1", begins=float(n), runs=("protected",))
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=Rules(auto=n % 2 == 1))


def unchecked(n: int) -> Schedule:
    """A check of the factory's own fails, and the work is kept back, or published for people to decide."""
    ticket = Ticket(key="ACME-1", begins=float(n), runs=("check-fails",))
    rules = Rules(unanswered=DAY, flags=n % 2 == 1, auto=n % 4 == 3)
    return Schedule(seed=n, order=n, tickets=(ticket,), rules=rules)
