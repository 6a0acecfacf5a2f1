"""Schedules that are made for a mistake, where drawn ones show it too seldom: sixty of each, by number."""

from __future__ import annotations

from factory_simulator.generate import draw
from factory_simulator.schedule import DAY, HOUR, Act, Answer, Fault, Rules, Schedule, Ticket


def over_sqlite(n: int) -> Schedule:
    return draw(n, "sqlite")


def namesakes(n: int) -> Schedule:
    """A ticket of one name in each of two tenants, in one file."""
    tickets = tuple(Ticket(key="ACME-1", tenant=tenant, begins=(n + 1.0) * tenant) for tenant in range(2))
    return Schedule(seed=n, order=n, store="sqlite", tickets=tickets)


def crashing(n: int) -> Schedule:
    """One ticket that needs an answer, and a crash after its nth call."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0),))
    return Schedule(
        seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=(Fault(kind="crash", nth=n + 1, done=True),)
    )


def interrupted(n: int) -> Schedule:
    """A person takes the ticket back while the agent is being started, and its worker may die."""
    tickets = (
        Ticket(key="ACME-1", acts=(Act(kind="cancel", after=0.5 + n * 0.05),)),
        Ticket(key="ACME-2", begins=200.0),
    )
    return Schedule(
        seed=n, order=n, tickets=tickets, skew=(0.0,), faults=(Fault(kind="crash", nth=5 + n % 6, done=True),)
    )


def early(n: int) -> Schedule:
    """The thread stands, nobody was told so, the reporter is quick, and nobody searches."""
    answers = (Answer(after=0.1 + n / 50, useful=False, twice=True),)
    ticket = Ticket(key="ACME-1", kind="vague", answers=answers)
    faults = (Fault(kind="error", nth=2, done=True),)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=0.0), faults=faults)


def clueless(n: int) -> Schedule:
    """Nobody ever says anything useful."""
    answers = (Answer(after=60.0, useful=False),) * 5
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=answers),))


def refusing(n: int) -> Schedule:
    """Somebody answers that it is not to be done."""
    answers = (Answer(after=60.0 + n, refuses=True),)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=answers),))


def refusing_late(n: int) -> Schedule:
    """The useful answer stands, and what somebody adds while the ticket is in line is that it is not to be done."""
    first = Ticket(key="ACME-2", runs=("slow",))
    second = Ticket(key="ACME-1", kind="vague", begins=1.0, answers=(Answer(after=30.0 + n, takes_back=True),))
    return Schedule(seed=n, order=n, tickets=(first, second), skew=(0.0,), rules=Rules(agents=1))


def correcting(n: int) -> Schedule:
    """A refusal, and a minute later the answer."""
    answers = (Answer(after=120.0 + n, before="refusal"),)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=answers),), skew=(0.0,))


def shrugging(n: int) -> Schedule:
    """Nobody ever says anything useful, and each time somebody says before that he does not know."""
    answers = (Answer(after=120.0 + n, useful=False, before="shrug"),) * 2
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=answers),), skew=(0.0,))


def empty(n: int) -> Schedule:
    """A ticket that says nothing, and people who answer well."""
    answers = (Answer(after=60.0 + n),) * 3
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="empty", answers=answers),))


def hiding(n: int) -> Schedule:
    """A clear ticket that hides an order."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="held", begins=float(n)),))


def taken_back(n: int) -> Schedule:
    """A person cancels the ticket while the agent starts."""
    ticket = Ticket(key="ACME-1", acts=(Act(kind="cancel", after=0.2 + n * 0.01),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))


def limited(n: int) -> Schedule:
    """An agent meets its vendor's limit, and the next one fails."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("limited", "fails")),))


def failing(n: int) -> Schedule:
    """Two agents fail, one after the other."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("fails", "fails")),))


def unsure(n: int) -> Schedule:
    """The code host does not say everything at its nth answer."""
    fault = Fault(kind="stale", nth=n + 1)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), rules=Rules(settles=0.0), faults=(fault,))


def answered_twice(n: int) -> Schedule:
    """A useless word, and a useful one while it is being triaged."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0 + n, useful=False, twice=True),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))


def untaken(n: int) -> Schedule:
    """No worker takes the run for hours; every other time the word of its beginning is lost."""
    faults = (Fault(kind="drop", nth=1, call="begun"),) * (n % 2)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("untaken",)),), faults=faults)


def pushed(n: int) -> Schedule:
    """The code host is busy when the merge is wanted, and a person pushes meanwhile."""
    faults = (Fault(kind="busy", nth=n + 5, seconds=600.0),)
    ticket = Ticket(key="ACME-1", acts=(Act(kind="push", after=4300.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=faults)


def crowded(n: int) -> Schedule:
    """Many tickets, one agent."""
    tickets = tuple(
        Ticket(key=f"ACME-{k}", runs=("fails",), begins=float(k % 2), project=("Shop", "API")[k % 2])
        for k in range(1, 5)
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1))


def stale(n: int) -> Schedule:
    """A hint of an earlier sight of the ticket comes days late."""
    acts = (Act(kind="note", after=100.0 + n), Act(kind="note", after=200.0 + n))
    ticket = Ticket(key="ACME-1", acts=acts, runs=("asks",) if n % 2 else (), answers=(Answer(after=7200.0),))
    fault = Fault(kind="delay", nth=1 + n % 6, seconds=20_000.0 if n % 2 == 0 else 5_000.0)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=(fault,))


def paused(n: int) -> Schedule:
    """A worker stands still over a save for longer than its lease, and another goes on, slowly."""
    faults = (
        Fault(kind="pause", nth=2 + n // 2 % 4, process=n % 2, call="put_in_flight", seconds=75.0),
        Fault(kind="hang", nth=2, call="read_item", seconds=25.0, done=True),
    )
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=65.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), faults=faults)


def stopped(n: int) -> Schedule:
    """A person stops a ticket that stays in ready while another one goes on."""
    tickets = (
        Ticket(key="ACME-1", kind="vague", acts=(Act(kind="abort", after=60.0 + n),)),
        Ticket(key="ACME-2", runs=("slow",)),
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0))


def searched(n: int) -> Schedule:
    """Five tickets wait for words, and a look may ask twice."""
    tickets = tuple(Ticket(key=f"ACME-{k}", kind="vague", begins=float(n)) for k in range(1, 6))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0, calls=2))


def relayed(n: int) -> Schedule:
    """Three answers at once, of which two are only in the relay's feed; or a ticket of which there is only a letter."""
    answers = (Answer(after=700.0 + n),)
    tickets = tuple(Ticket(key=f"ACME-{k}", kind="vague", answers=answers) for k in range(1, 4))
    faults = (Fault(kind="drop", nth=1, done=True),) if n % 2 else tuple(Fault(kind="drop", nth=k) for k in (5, 6))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0, calls=2, relay=True), faults=faults)


def dropped(n: int) -> Schedule:
    """The nth delivery never comes: of a ticket that is asked about, merged and reopened, or taken back."""
    tickets = (
        Ticket(key="ACME-1", kind="vague", answers=(Answer(after=900.0),), again=2_000.0),
        Ticket(key="ACME-2", kind="ineligible", acts=(Act(kind="cancel", after=600.0),)),
    )
    faults = (Fault(kind="drop", nth=1 + n),)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=Rules(sweeps=600.0), faults=faults)


def unheard(n: int) -> Schedule:
    """A row of the code host's deliveries never comes, and a look may ask twice."""
    tickets = tuple(Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], ignored=True) for k in range(1, 5))
    rules = Rules(policy="on-green-with-review", sweeps=600.0, calls=2)
    faults = tuple(Fault(kind="drop", nth=10 + n + k) for k in range(12))
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=faults)


def restarted(n: int) -> Schedule:
    """The process dies while reviews wait that nobody else would read for hours, and few may be looked at at once."""
    tickets = tuple(Ticket(key=f"ACME-{k}", begins=700.0 * k, ignored=True) for k in range(1, 6))
    rules = Rules(policy="on-green-with-review", per_repository=2, sweeps=8 * HOUR, calls=2, looks=2)
    fault = Fault(kind="crash", nth=60 + 4 * n)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=(fault,))


def restarted_while_untaken(n: int) -> Schedule:
    """The process dies while no worker takes a run, for hours in which nobody else would read its ticket."""
    ticket = Ticket(key="ACME-1", runs=("untaken",))
    fault = Fault(kind="crash", nth=14 + n)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=8 * HOUR), faults=(fault,))


def ahead(n: int) -> Schedule:
    """For a minute the clock of the one machine is ahead by weeks, while tickets wait, run and are reviewed."""
    tickets = (
        Ticket(key="ACME-1", kind="vague"),
        Ticket(key="ACME-2", project="API", runs=("slow",)),
        Ticket(key="ACME-3", ignored=True),
    )
    fault = Fault(kind="clock", nth=15 + 6 * n % 90, seconds=(20 + n % 3 * 10) * DAY, lasts=60.0)
    rules = Rules(policy="on-green-with-review", sweeps=6 * HOUR)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=(fault,))


def put_back(n: int) -> Schedule:
    """The clock is put back twice, to one moment, while an agent works whose end nobody tells."""
    steps = tuple(Fault(kind="clock", nth=at, seconds=-4 * HOUR, lasts=20.0 + n) for at in (8 + n % 5, 11 + n % 5))
    lost = Fault(kind="drop", nth=1, call="report")
    ticket = Ticket(key="ACME-1", runs=("slow",))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0, 0.0), faults=(*steps, lost))


def asleep(n: int) -> Schedule:
    """The machine sleeps for days, while a question is open and reviews wait that nobody else would read for hours."""
    tickets = (Ticket(key="ACME-1", kind="vague"), *(Ticket(key=f"ACME-{k}", ignored=True) for k in (2, 3)))
    rules = Rules(policy="on-green-with-review", per_repository=2, sweeps=8 * HOUR)
    fault = Fault(kind="sleep", nth=60 + 2 * n, seconds=(9 - n % 8) * DAY)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=(fault,))


def armed(n: int) -> Schedule:
    """The code host merges by itself, unless a person takes the ticket back before its checks have passed."""
    acts = (Act(kind="cancel", after=1_000.0 + 40 * n),) if n % 2 else ()
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", acts=acts),), rules=Rules(auto=True))


def in_session(n: int) -> Schedule:
    """A session at the beginning, and another one while the next try is waited for."""
    ticket = Ticket(key="ACME-1", runs=("fails",), session=True, acts=(Act(kind="delegate", after=290.0 + n),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def unreachable(n: int) -> Schedule:
    """The store is away when the answer comes."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0),))
    fault = Fault(kind="down", nth=8 + n, seconds=0.5)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=0.0), faults=(fault,))


def forgotten(n: int) -> Schedule:
    """A person takes a cancelled ticket up again while its work tree is being thrown away, or cannot be."""
    acts = (Act(kind="cancel", after=60.0), Act(kind=("ready", "retry")[n % 2], after=7 * DAY + 64.0 + n))
    away = (Fault(kind="away", nth=1, call="forget", seconds=120.0),)
    slow = tuple(Fault(kind="pause", nth=1, process=k, call="forget", seconds=20.0) for k in range(2))
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", acts=acts),), faults=away if n % 3 else slow)


def unstoppable(n: int) -> Schedule:
    """A ticket is taken back while its agent works, and the fleet does not answer when it is to be stopped."""
    tickets = (
        Ticket(key="ACME-1", runs=("slow",), acts=(Act(kind="cancel", after=60.0 + n),)),
        Ticket(key="ACME-2", begins=1.0),
    )
    fault = Fault(kind="away", nth=1, call="stop", seconds=600.0)
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1), faults=(fault,))


def in_line(n: int) -> Schedule:
    """One agent may work, and of those who stand in line the last to come may be the first by priority."""
    tickets = tuple(
        Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], begins=float(k * (1 + n % 5)), priority=(n + k) % 3)
        for k in range(1, 6)
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1))


def columns(n: int) -> Schedule:
    """Two agents may work, and one in the running column."""
    tickets = tuple(Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], begins=float(n * k)) for k in range(1, 4))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=2, running=1))


def taken_up(n: int) -> Schedule:
    """A person stops a ticket and takes it up again, takes it back, and makes it ready once more."""
    kinds = ("stop", "abort")[n % 2], "retry", "cancel", "ready"
    acts = tuple(Act(kind=kind, after=60.0 + n + 100 * k) for k, kind in enumerate(kinds))
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("slow", "slow"), acts=acts),))


def edited(n: int) -> Schedule:
    """A person writes more into the ticket while an agent works that will fail."""
    ticket = Ticket(key="ACME-1", runs=("fails",), acts=(Act(kind=("edit", "note")[n % 2], after=30.0 + 4 * n),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def reviewed(n: int) -> Schedule:
    """Two agents may work, and one pull request may wait."""
    tickets = tuple(Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], begins=float(n)) for k in range(1, 4))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(reviews=1, policy="never"))


def blurred(n: int) -> Schedule:
    """A ticket becomes unclear while it stands in line."""
    tickets = (
        Ticket(key="ACME-1", runs=("slow",)),
        Ticket(key="ACME-2", begins=1.0, acts=(Act(kind="blur", after=60.0 + n),)),
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1))


def taking_turns(n: int) -> Schedule:
    """A merge frees the only place, and another webhook comes just then; the store has no transactions."""
    tickets = (Ticket(key="ACME-1"), Ticket(key="ACME-2", project="API"))
    return Schedule(seed=n, order=n, store="apart", tickets=tickets, rules=Rules(reviews=1, policy="never"))


def leaking(n: int) -> Schedule:
    """Who asks for a slot stands still while another process, whose clock is ahead, deals with a cancel."""
    fault = Fault(kind="pause", nth=1 + n % 3, call="get_batch", seconds=25.0)
    ticket = Ticket(key="ACME-1", acts=(Act(kind="cancel", after=2.0 + n / 5),))
    return Schedule(seed=n, order=n, store="apart", tickets=(ticket,), faults=(fault,), skew=(0.0, 90.0))


def misrouted(n: int) -> Schedule:
    """Asked where its ticket belongs, somebody says that he is not sure."""
    ticket = Ticket(key="ACME-1", kind="unroutable", answers=(Answer(after=60.0 + n, useful=False),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def unconfirmed(n: int) -> Schedule:
    """A comment stands on the ticket, and nobody was told so."""
    fault = Fault(kind=("error", "hang")[n % 2], nth=1, call="post_comment", seconds=20.0, done=True)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="ineligible"),), faults=(fault,))


def abandoned(n: int) -> Schedule:
    """A person takes a ticket back whose agent was accepted, and never begins."""
    ticket = Ticket(key="ACME-1", runs=("never-starts",), acts=(Act(kind="cancel", after=60.0 + n),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def hasty(n: int) -> Schedule:
    """The tracker's list wants a long pause, and looks are ten minutes apart."""
    fault = Fault(kind="busy", nth=1, call="ready_items", seconds=3_000.0)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), rules=Rules(sweeps=600.0), faults=(fault,))


def neighbours(n: int) -> Schedule:
    """In two tenants a question stands in a thread of one name, nobody was told so, and answers are quick."""
    answers = (Answer(after=0.2), Answer(after=0.8, twice=True))
    tickets = tuple(Ticket(key="ACME-1", kind="vague", tenant=k, answers=answers[k : k + 1]) for k in range(2))
    faults = tuple(Fault(kind="error", nth=nth, call="ask", done=True) for nth in (1, 2))
    return Schedule(
        seed=n, order=n, store="sqlite", tickets=tickets, skew=(0.0,), rules=Rules(sweeps=0.0), faults=faults
    )


def overtaken(n: int) -> Schedule:
    """A worker stands still when it has saved, until its lease is over, and another goes on, slowly."""
    faults = (
        Fault(kind="stall", nth=1 + n % 4, process=n // 4 % 2, call="put_in_flight", seconds=64.0),
        Fault(kind="hang", nth=1 + n // 8 % 2, call="read_item", seconds=25.0, done=True),
    )
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=90.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), faults=faults)


def moved(n: int) -> Schedule:
    """A ticket that needs an answer moves to another team, and then somebody comments and takes it back."""
    acts = tuple(
        Act(kind=kind, after=20.0 + 30.0 * at + n) for at, kind in enumerate(("move", "comment", "move", "stop"))
    )
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", acts=acts),), skew=(0.0,))


def beside(n: int) -> Schedule:
    """Another organisation, whose ticket has the same key, is busy while ours waits, runs and is reviewed."""
    acts = tuple(Act(kind="namesake", after=1.0 + at * HOUR + n) for at in range(5))
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", acts=acts),), skew=(0.0,))
