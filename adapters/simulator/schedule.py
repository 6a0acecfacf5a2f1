"""A schedule is data: what happens outside (tickets, people, agents) and what goes wrong, drawn from one number.

Times are seconds since the schedule began. A schedule read back from its JSON plays the same history.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any, Literal

from pydantic import Field

from factory_core.config import FactoryConfig
from factory_core.work_item import Frozen

HOUR, DAY = 3_600.0, 86_400.0

Kind = Literal["clear", "vague", "unroutable", "ineligible"]
RunPlan = Literal[
    "succeeds", "slow", "twice", "fails", "asks", "no-change", "limited", "capped", "never-starts", "dies", "late"
]
ActKind = Literal[
    "edit", "note", "cancel", "park", "done", "ready", "comment", "stop", "abort", "retry", "close", "merge", "push"
]
FaultKind = Literal[
    "duplicate", "delay", "drop", "crash", "pause", "conflict", "down", "busy", "error", "hang", "stale"
]


class Answer(Frozen):
    """What a person says to a question, how long after it. `twice`: and one more thing at the same moment."""

    after: float
    useful: bool = True
    twice: bool = False


class Act(Frozen):
    """What a person does to the ticket, its agent or its pull request, so long after the ticket's beginning."""

    kind: ActKind
    after: float


class Ticket(Frozen):
    """A ticket, and what people and agents will do about it. Runs beyond the plan succeed."""

    tenant: int = 0
    key: str
    kind: Kind = "clear"
    project: str = "Shop"
    priority: int = 0
    begins: float = 0.0
    runs: tuple[RunPlan, ...] = ()
    answers: tuple[Answer, ...] = ()
    red: int = 0  # heads whose check fails
    requested: int = 0  # green heads for which a reviewer asks for changes
    acts: tuple[Act, ...] = ()


class Fault(Frozen):
    """The `nth` thing of its sort goes wrong. Crashes and pauses count the calls of one process.

    `done`: a crash comes after the call had its effect; an error or a hang is of a call that had it.
    `seconds`: of a delay, a pause, a hang, an outage, or of the vendor's Retry-After.
    """

    kind: FaultKind
    nth: int
    process: int = 0
    seconds: float = 0.0
    done: bool = False


class Rules(Frozen):
    """The little of the configuration that differs between schedules."""

    agents: int = 2
    per_repository: int = 1
    reviews: int = 10
    policy: Literal["never", "on-green", "on-green-with-review"] = "on-green"
    auto: bool = False


class Schedule(Frozen):
    seed: int
    order: int = 0  # of what could go on at the same moment
    store: str = "memory"
    rules: Rules = Rules()
    skew: tuple[float, ...] = (0.0, 0.0)  # one process each: how far its clock is off
    knows_dead: bool = False  # can a process tell that another's holder died?
    tickets: tuple[Ticket, ...] = Field(min_length=1)
    faults: tuple[Fault, ...] = ()

    @property
    def tenants(self) -> tuple[int, ...]:
        return tuple(sorted({ticket.tenant for ticket in self.tickets}))

    def config(self, tenant: int) -> FactoryConfig:
        rules = self.rules
        document: dict[str, Any] = {
            "tenant": f"tenant-{tenant}",
            "intentProvider": "linear",
            "clarificationChannel": "slack",
            "outputTarget": "github",
            "repositories": {"acme/shop": {}, "acme/api": {}},
            "routing": {"byProject": {"Shop": "acme/shop", "API": "acme/api"}},
            "agents": {"engine": "console"},
            "clarification": {"escalateTo": "<@U9>"},
            "capacity": {
                "agents": rules.agents,
                "perRepository": rules.per_repository,
                "perState": {"in-review": rules.reviews},
            },
            "merge": {
                "policy": rules.policy,
                "auto": rules.auto and rules.policy != "on-green-with-review",
                "requiredChecks": ["ci"],
            },
            "runner": {"reviewCheckEvery": "6h" if rules.policy == "never" else "30m"},
        }
        return FactoryConfig.model_validate(document)


def draw(seed: int, store: str = "memory") -> Schedule:
    """The schedule of this number; one in eight has no faults."""
    chance = Random(seed)  # noqa: S311 (the same seed, the same schedule)
    tenants = chance.choice((1, 1, 2))
    processes = chance.choice((1, 2, 2, 3))
    tickets = tuple(_ticket(chance, n, tenants) for n in range(chance.randint(1, 5)))
    faults = () if chance.random() < 0.12 else tuple(_fault(chance, processes) for _ in range(chance.randint(1, 9)))
    return Schedule(
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
        nth=int(_span(chance, 1, 120)),
        process=chance.randrange(processes),
        seconds=_span(chance, 0.1, longest[kind]) if kind in longest else 0.0,
        done=chance.random() < 0.5,
    )


def _span(chance: Random, least: float, most: float) -> float:
    """Short spans are as likely as long ones."""
    return round(least * math.exp(chance.random() * math.log(most / least)), 2)
