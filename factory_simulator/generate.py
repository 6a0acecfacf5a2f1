"""Draws a schedule from a number: how often what happens, and how long it takes."""

from __future__ import annotations

import math
from random import Random
from typing import get_args

from .schedule import (
    DAY,
    HOUR,
    Act,
    ActKind,
    Answer,
    Before,
    Ci,
    Fault,
    FaultKind,
    Forgotten,
    Kind,
    OpinionPlan,
    Refused,
    Rules,
    RunPlan,
    Schedule,
    Ticket,
)

CALLS = (
    "post_activity", "read_item", "set_state", "post_comment", "link_pull_request", "ask", "reply",
    "start", "look", "stop", "publish", "forget", "open_pull_request", "read_pull_request", "merge",
    "enable_auto_merge", "disable_auto_merge", "find_pull_request", "ready_items", "replies", "redeliver_failed",
)  # fmt: skip
CHECKED: tuple[RunPlan, ...] = ("check-fails", "check-fails", "setup-fails")
UNDONE = ("stop", "disable_auto_merge")
"""Calls that leave something behind outside when they are given up, which no law could forbid."""
HOPELESS = tuple(call for call in CALLS if call not in UNDONE)
LARGE = 0.05
CLOCKS = 0.15
"""Of the schedules with faults, so many have a clock that is put, or a machine that sleeps."""
RESTORES = 0.06
FORGETTINGS = 0.08
STORE_CALLS = ("get_in_flight", "put_in_flight", "delete_in_flight", "get_batch", "put_batch")


def draw(seed: int, store: str = "memory") -> Schedule:
    """The schedule of this number; one in eight has no faults."""
    chance = Random(seed)  # noqa: S311 (the same seed, the same schedule)
    tenants = chance.choice((1, 1, 2))
    processes = chance.choice((1, 2, 2, 3))
    tickets = tuple(_ticket(chance, n, tenants) for n in range(chance.randint(1, 5)))
    faults = () if chance.random() < 0.12 else tuple(_fault(chance, processes) for _ in range(chance.randint(1, 9)))
    drawn = Schedule(
        seed=seed,
        order=chance.randrange(2**31),
        store=store,
        rules=Rules(
            agents=chance.choice((1, 2, 2, 3)),
            per_repository=chance.choice((1, 1, 2)),
            reviews=chance.choice((1, 2, 10)),
            policy=chance.choice(("on-green", "on-green", "on-green-with-review", "never")),
            auto=chance.random() < 0.2,
        ),
        skew=tuple(round(chance.uniform(-3, 3), 3) if chance.random() < 0.5 else 0.0 for _ in range(processes)),
        knows_dead=chance.random() < 0.5,
        tickets=tickets,
        faults=faults,
    )
    sharp = _sharpened(_widened(drawn, Random(-seed - 1)), Random(f"sharp {seed}"))  # noqa: S311
    hopeless = _hopeless(_columned(sharp, Random(f"column {seed}")), Random(f"hopeless {seed}"))  # noqa: S311
    moving = _moving(hopeless, Random(f"moving {seed}"))  # noqa: S311
    bordering = _bordering(moving, Random(f"border {seed}"))  # noqa: S311
    untaken = _without_workers(bordering, Random(f"workers {seed}"))  # noqa: S311
    checked = _checking(untaken, Random(f"checks {seed}"))  # noqa: S311
    talked = _talking(checked, Random(f"talk {seed}"))  # noqa: S311
    interrupted = _interrupted(talked, Random(f"engine {seed}"))  # noqa: S311
    protecting = _protecting(interrupted, Random(f"protected {seed}"))  # noqa: S311
    thrifty = _thrifty(protecting, Random(f"budget {seed}"))  # noqa: S311
    consulting = _consulting(thrifty, Random(f"model {seed}"))  # noqa: S311
    growing = _growing(consulting, Random(f"large {seed}"))  # noqa: S311
    wrong = _with_wrong_clocks(growing, Random(f"clock {seed}"))  # noqa: S311
    restored = _restored(wrong, Random(f"restore {seed}"))  # noqa: S311
    return _forgotten(restored, Random(f"forget {seed}"))  # noqa: S311


def _forgotten(drawn: Schedule, chance: Random) -> Schedule:
    """With a ticket that an operator has forgotten, or that is deleted at its tracker, now and then."""
    if chance.random() >= FORGETTINGS:
        return drawn
    n, how = chance.randrange(len(drawn.tickets)), chance.choice(get_args(Forgotten)[1:])
    after = _span(chance, 0.1, chance.choice((HOUR, 5 * DAY)))
    changed = drawn.tickets[n].model_copy(update={"forgotten": how, "forgotten_after": after})
    return drawn.model_copy(update={"tickets": (*drawn.tickets[:n], changed, *drawn.tickets[n + 1 :])})


def _restored(drawn: Schedule, chance: Random) -> Schedule:
    """With a store that is put back to a backup, now and then."""
    if not drawn.faults or chance.random() >= RESTORES:
        return drawn
    fault = Fault(kind="restore", nth=int(_span(chance, 1, 120)), seconds=_span(chance, 60, 3 * DAY))
    return drawn.model_copy(update={"faults": (*drawn.faults, fault)})


def _growing(drawn: Schedule, chance: Random) -> Schedule:
    """With a record that becomes too large for the store, now and then."""
    if not drawn.faults or chance.random() >= LARGE:
        return drawn
    return drawn.model_copy(update={"faults": (*drawn.faults, Fault(kind="large", nth=int(_span(chance, 1, 60))))})


def _with_wrong_clocks(drawn: Schedule, chance: Random) -> Schedule:
    """With clocks that are put and are right again, and machines that sleep, now and then."""
    if not drawn.faults or chance.random() >= CLOCKS:
        return drawn
    wrong = tuple(_wrong_clock(chance, len(drawn.skew)) for _ in range(chance.choice((1, 1, 2))))
    return drawn.model_copy(update={"faults": (*drawn.faults, *wrong)})


def _wrong_clock(chance: Random, processes: int) -> Fault:
    nth, process = int(_span(chance, 1, 300)), chance.randrange(-1, processes)
    if chance.random() < 0.3:
        return Fault(kind="sleep", nth=nth, process=max(process, 0), seconds=_span(chance, 60, 3 * DAY))
    ahead = chance.random() < 0.7
    by = _span(chance, 60, 40 * DAY) if ahead else -_span(chance, 60, 3 * DAY)
    lasts = _span(chance, 2, 120) if chance.random() < 0.7 else _span(chance, 120, 6 * HOUR)
    return Fault(kind="clock", nth=nth, process=process, seconds=by, lasts=lasts)


def _consulting(drawn: Schedule, chance: Random) -> Schedule:
    """With a model that is asked about some tickets, now and then, and says whatever it says."""
    if chance.random() >= 0.2:
        return drawn
    plans: tuple[OpinionPlan, ...] = get_args(OpinionPlan)
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        if ticket.kind in ("clear", "vague") and chance.random() < 0.5:
            opinions = tuple(chance.choice(plans) for _ in range(chance.choice((1, 1, 2, 3))))
            tickets[n] = ticket.model_copy(update={"kind": "unsure", "opinions": opinions})
    rules = drawn.rules.model_copy(update={"model": True, "opinions": chance.choice((1, 3, 50, 50))})
    return drawn.model_copy(update={"tickets": tuple(tickets), "rules": rules})


def _thrifty(drawn: Schedule, chance: Random) -> Schedule:
    """With budgets that end before the work does, now and then."""
    if chance.random() >= 0.15:
        return drawn
    limits = {
        "item": chance.choice((6.0, 12.0, 25.0, 100_000.0)), "daily": chance.choice((8.0, 15.0, 30.0, 1_000_000.0)),
        "runs": chance.choice((2, 4, 1_000)), "starts": chance.choice((2, 4, 10_000)),
    }  # fmt: skip
    return drawn.model_copy(update={"rules": drawn.rules.model_copy(update=limits)})


def _widened(drawn: Schedule, chance: Random) -> Schedule:
    """With the rarer things, which have a chance of their own: a number keeps the rest of its schedule."""
    rules = drawn.rules.model_copy(update={
        "sweeps": chance.choice((600.0, 6 * HOUR, 6 * HOUR, 8 * HOUR)),
        "calls": chance.choice((2, 3, 20)),
        "relay": chance.random() < 0.3,
        "auto": drawn.rules.auto or chance.random() < 0.15,
    })  # fmt: skip
    tickets = tuple(_rare(ticket, chance, crowded=rules.reviews < 10) for ticket in drawn.tickets)
    faults = tuple(_stretched(fault, chance) for fault in drawn.faults)
    return drawn.model_copy(update={"rules": rules, "tickets": tickets, "faults": faults})


def _sharpened(drawn: Schedule, chance: Random) -> Schedule:
    """With faults of one call, clocks that are far apart, hosts that end what takes long, and edits that matter."""
    some = bool(drawn.faults) and chance.random() < 0.5
    faults = tuple(_aimed(chance, len(drawn.skew)) for _ in range(chance.randint(1, 3))) if some else ()
    far = drawn.faults and chance.random() < 0.15
    skew = tuple(round(chance.uniform(-90, 90), 3) if far else off for off in drawn.skew)
    rules = drawn.rules.model_copy(update={"invocation": chance.choice((0.0, 0.0, 0.0, 31.0, 60.0))})
    tickets = tuple(_edited(ticket, chance) if chance.random() < 0.12 else ticket for ticket in drawn.tickets)
    return drawn.model_copy(
        update={"faults": (*drawn.faults, *faults), "skew": skew, "rules": rules, "tickets": tickets}
    )


def _columned(drawn: Schedule, chance: Random) -> Schedule:
    """With a limit of its own for the running column, now and then."""
    running = chance.choice((0, 0, 0, 0, 0, 1, 1, 2))
    return drawn.model_copy(update={"rules": drawn.rules.model_copy(update={"running": running})})


def _hopeless(drawn: Schedule, chance: Random) -> Schedule:
    """With what never works: refusals, calls that kill, vendors that nobody waits for so long; and checks that fail."""
    stubborn = tuple(_stubborn(ticket, chance) if chance.random() < 0.05 else ticket for ticket in drawn.tickets)
    some = bool(drawn.faults) and chance.random() < 0.25
    faults = (*drawn.faults, *(_for_good(chance) for _ in range(chance.randint(1, 3) if some else 0)))
    undone = any(fault.kind == "away" and fault.call in UNDONE for fault in faults)
    gives_up = HOUR if chance.random() < 0.1 and not undone else drawn.rules.gives_up
    rules = drawn.rules.model_copy(update={"gives_up": gives_up})
    return drawn.model_copy(update={"faults": faults, "tickets": stubborn, "rules": rules})


def _moving(drawn: Schedule, chance: Random) -> Schedule:
    """With tickets that move to another team, and an organisation beside ours whose tickets have the same keys."""
    kinds: tuple[ActKind, ...] = ("move", "namesake")
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        acts = tuple(Act(kind=kind, after=_span(chance, 0.1, 2 * DAY)) for kind in kinds if chance.random() < 0.12)
        tickets[n] = ticket.model_copy(update={"acts": (*ticket.acts, *acts)})
    return drawn.model_copy(update={"tickets": tuple(tickets)})


def _bordering(drawn: Schedule, chance: Random) -> Schedule:
    """With checks that come late or twice, rules that keep the base from a merge, and tokens that expire."""
    required = chance.random() < 0.5
    tickets = tuple(_checked_and_refused(ticket, chance, required=required) for ticket in drawn.tickets)
    some = bool(drawn.faults) and chance.random() < 0.08
    faults = (*drawn.faults, *([_expired(chance)] if some else []))
    rules = drawn.rules.model_copy(update={"required": required})
    return drawn.model_copy(update={"tickets": tickets, "rules": rules, "faults": faults})


def _talking(drawn: Schedule, chance: Random) -> Schedule:
    """With refusals and words that are no answer, with tickets that say nothing, and such as hide an order."""
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        last: Before = "" if ticket.kind == "unroutable" else "refusal"
        before: tuple[Before, ...] = ("", "", "", "shrug", "promise", last)
        answers = tuple(
            answer.model_copy(update={"before": chance.choice(before), "refuses": chance.random() < 0.1})
            for answer in ticket.answers
        )
        kind: Kind = ticket.kind
        if kind == "vague" and chance.random() < 0.1:
            kind = "empty"
        if kind == "ineligible" and chance.random() < 0.4:
            kind = "held"
        tickets[n] = ticket.model_copy(update={"answers": answers, "kind": kind})
    return drawn.model_copy(update={"tickets": tuple(tickets)})


def _without_workers(drawn: Schedule, chance: Random) -> Schedule:
    """With runs that no worker takes for hours, and words of their beginning that are lost, late or repeated."""
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        if chance.random() < 0.08:
            place = chance.randint(0, len(ticket.runs))
            runs: tuple[RunPlan, ...] = (*ticket.runs[:place], "untaken", *ticket.runs[place:])
            tickets[n] = ticket.model_copy(update={"runs": runs})
    kinds: tuple[FaultKind, ...] = ("drop", "drop", "delay", "duplicate")
    some = bool(drawn.faults) and chance.random() < 0.1
    lost = Fault(kind=chance.choice(kinds), nth=1, call="begun", seconds=_span(chance, 60, DAY))
    return drawn.model_copy(update={"tickets": tuple(tickets), "faults": (*drawn.faults, *([lost] if some else []))})


def _checking(drawn: Schedule, chance: Random) -> Schedule:
    """With work whose check fails when the factory runs it, and now and then is published all the same."""
    rules = drawn.rules.model_copy(update={"flags": chance.random() < 0.5})
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        if chance.random() < 0.16:
            at, plan = chance.randint(0, len(ticket.runs)), chance.choice(CHECKED)
            runs = (*ticket.runs[:at], plan, *ticket.runs[at:])
            tickets[n] = ticket.model_copy(update={"runs": runs})
    return drawn.model_copy(update={"tickets": tuple(tickets), "rules": rules})


def _protecting(drawn: Schedule, chance: Random) -> Schedule:
    """With work that changes a protected file, now and then."""
    tickets = list(drawn.tickets)
    for n, ticket in enumerate(tickets):
        if chance.random() < 0.1:
            at = chance.randint(0, len(ticket.runs))
            tickets[n] = ticket.model_copy(update={"runs": (*ticket.runs[:at], "protected", *ticket.runs[at:])})
    return drawn.model_copy(update={"tickets": tuple(tickets)})


def _interrupted(drawn: Schedule, chance: Random) -> Schedule:
    """With an engine that is out for some hours, now and then: by itself, or amid everything else."""
    if chance.random() >= 0.15:
        return drawn
    outages = tuple(
        Fault(kind="out", nth=int(_span(chance, 1, 12)), seconds=_span(chance, 30, DAY / 2))
        for _ in range(chance.choice((1, 1, 2)))
    )
    return drawn.model_copy(update={"faults": (*drawn.faults, *outages)})


def _checked_and_refused(ticket: Ticket, chance: Random, *, required: bool) -> Ticket:
    """A reviewer who asks for changes while the code host refuses would be a second plan."""
    late: tuple[Ci, ...] = ("job", "rule", "app", "cancelled", "failed", "rerun", *(("unseen",) if required else ()))
    refused: tuple[Refused, ...] = ("behind", "outrun", "queue", "dequeued", "clogged", "owners", "method")
    if chance.random() < 0.2:
        ticket = ticket.model_copy(update={"ci": chance.choice(late)})
    if chance.random() < 0.12:
        ticket = ticket.model_copy(update={"refused": chance.choice(refused), "requested": 0})
    return ticket


def _expired(chance: Random) -> Fault:
    call = chance.choice(("linear", "slack", "github"))
    return Fault(kind="expired", nth=int(_span(chance, 1, 40)), call=call, seconds=_span(chance, 60, DAY))


def _stubborn(ticket: Ticket, chance: Random) -> Ticket:
    """Its checks fail, or its branch conflicts, once or more often than it is mended."""
    return ticket.model_copy(update={chance.choice(("red", "clashes")): chance.choice((1, 4))})


def _for_good(chance: Random) -> Fault:
    """One call is refused, or kills whoever makes it; or a delivery, a report or a thread meets what is rare."""
    kinds: tuple[tuple[FaultKind, tuple[str, ...], float], ...] = (
        ("refused", HOPELESS, 0.0), ("refused", HOPELESS, 0.0), ("refused", HOPELESS, 0.0), ("deadly", HOPELESS, HOUR),
        ("gone", ("read_pull_request",), 0.0), ("unwilling", ("merge",), HOUR), ("again", ("",), DAY),
        ("delay", ("report",), DAY), ("duplicate", ("report",), DAY), ("drop", ("report",), 0.0),
        ("torn", ("thread",), 0.0),
    )  # fmt: skip
    kind, calls, longest = chance.choice(kinds)
    return Fault(
        kind=kind,
        nth=int(_span(chance, 1, 60)) if kind == "again" else chance.choice((1, 1, 2, 3)),
        call=chance.choice(calls),
        seconds=_span(chance, 60, longest) if longest else 0.0,
    )


def _aimed(chance: Random, processes: int) -> Fault:
    """One of the first calls of its name goes wrong, or all of them for some hours."""
    kinds: tuple[FaultKind, ...] = ("error", "error", "hang", "busy", "away", "pause", "crash", "down", "torn", "stall")
    kind = chance.choice(kinds)
    longest = {"hang": 90.0, "busy": HOUR, "away": 6 * HOUR, "pause": 600.0, "down": HOUR, "stall": 600.0}
    its_own = kind in ("pause", "crash", "stall")
    named = {"down": STORE_CALLS, "torn": ("",)} | dict.fromkeys(("pause", "crash", "stall"), (*CALLS, *STORE_CALLS))
    return Fault(
        kind=kind,
        nth=chance.choice((1, 1, 2, 3)),
        process=chance.randrange(processes) if its_own else 0,
        call=chance.choice(named.get(kind, CALLS)),
        seconds=_span(chance, 1, longest[kind]) if kind in longest else 0.0,
        done=chance.random() < 0.5,
    )


def _edited(ticket: Ticket, chance: Random) -> Ticket:
    """A person makes it unclear, or says that a person must do it."""
    kind: ActKind = chance.choice(("blur", "forbid"))
    return ticket.model_copy(update={"acts": (*ticket.acts, Act(kind=kind, after=_span(chance, 0.1, DAY)))})


def _rare(ticket: Ticket, chance: Random, *, crowded: bool) -> Ticket:
    """One ticket in eight takes four times as long: longer than any deadline. One in six comes in a session."""
    times = 4 if chance.random() < 0.12 else 1
    acts = tuple(act.model_copy(update={"after": act.after * times}) for act in ticket.acts)
    answers = tuple(answer.model_copy(update={"after": answer.after * times}) for answer in ticket.answers)
    if chance.random() < 0.1:
        acts = (*acts, Act(kind="delegate", after=_span(chance, 0.1, DAY)))
    return ticket.model_copy(update={
        "acts": acts, "answers": answers, "session": chance.random() < 0.16,
        "ignored": chance.random() < 0.08 and not crowded,
        "again": _span(chance, 1, 12 * DAY) if chance.random() < 0.12 else 0.0,
    })  # fmt: skip


def _stretched(fault: Fault, chance: Random) -> Fault:
    """A delivery may come after its record was forgotten."""
    long = fault.kind in ("delay", "duplicate") and chance.random() < 0.15
    return fault.model_copy(update={"seconds": fault.seconds * 5}) if long else fault


def _ticket(chance: Random, n: int, tenants: int) -> Ticket:
    kinds: tuple[Kind, ...] = ("clear", "clear", "clear", "vague", "vague", "unroutable", "ineligible")
    plans: tuple[RunPlan, ...] = (
        "succeeds",
        "succeeds",
        "slow",
        "twice",
        "fails",
        "fails",
        "asks",
        "no-change",
        "limited",
        "capped",
        "never-starts",
        "dies",
        "late",
    )
    runs = tuple(chance.choice(plans) for _ in range(chance.choice((0, 0, 1, 1, 2, 4))))
    answers = tuple(_answer(chance) for _ in range(chance.choice((0, 1, 1, 2, 4))))
    return Ticket(
        tenant=n % tenants,
        key=f"ACME-{n // tenants + 1}",
        kind=chance.choice(kinds),
        project=chance.choice(("Shop", "Shop", "API")),
        priority=chance.randrange(5),
        begins=round(chance.choice((0.0, chance.uniform(0, 5), chance.uniform(0, 4 * HOUR))), 3),
        runs=runs,
        answers=answers,
        red=chance.choice((0, 0, 0, 1, 2)),
        requested=chance.choice((0, 0, 0, 1, 3)),
        acts=tuple(_act(chance) for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 3)))),
    )


def _answer(chance: Random) -> Answer:
    return Answer(after=_span(chance, 1, 8 * DAY), useful=chance.random() < 0.7, twice=chance.random() < 0.2)


def _act(chance: Random) -> Act:
    kinds: tuple[ActKind, ...] = (
        "edit",
        "note",
        "cancel",
        "cancel",
        "park",
        "done",
        "ready",
        "ready",
        "comment",
        "comment",
        "stop",
        "abort",
        "retry",
        "retry",
        "close",
        "merge",
        "push",
        "push",
    )
    return Act(kind=chance.choice(kinds), after=_span(chance, 0.1, 9 * DAY))


def _fault(chance: Random, processes: int) -> Fault:
    kinds: tuple[FaultKind, ...] = (
        "duplicate",
        "delay",
        "drop",
        "crash",
        "crash",
        "crash",
        "pause",
        "pause",
        "conflict",
        "down",
        "busy",
        "error",
        "hang",
        "stale",
    )
    kind = chance.choice(kinds)
    longest = {"delay": 3 * DAY, "duplicate": 3 * DAY, "pause": 10 * 60, "down": HOUR, "busy": 600, "hang": 90}
    return Fault(
        kind=kind,
        nth=int(_span(chance, 1, 400)),
        process=chance.randrange(processes),
        seconds=_span(chance, 0.1, longest[kind]) if kind in longest else 0.0,
        done=chance.random() < 0.5,
    )


def _span(chance: Random, least: float, most: float) -> float:
    """Short spans are as likely as long ones."""
    return round(least * math.exp(chance.random() * math.log(most / least)), 2)
