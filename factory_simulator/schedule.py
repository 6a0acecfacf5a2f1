"""A schedule is data: what happens outside (tickets, people, agents) and what goes wrong, drawn from one number.

Times are seconds since the schedule began. A schedule read back from its JSON plays the same history.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from factory_core.config import FactoryConfig
from factory_core.work_item import Frozen

HOUR, DAY = 3_600.0, 86_400.0

Kind = Literal["clear", "vague", "unroutable", "ineligible", "held", "empty", "unsure"]
"""held: its description hides an order. empty: it has nothing but a title, so that no answer alone clears it. unsure:
it says where and not what, so that a model may be asked."""
OpinionPlan = Literal["starts", "lies", "asks", "person", "garbles", "fails", "limited", "silent", "slow", "dies"]
"""What a model that is asked about a ticket says. starts: by a quotation; lies: by one that is not in the ticket.
silent: nothing, until it is stopped. slow: `start`, when nobody waits for that any more. dies: nobody is told."""
Before = Literal["", "shrug", "promise", "refusal"]
RunPlan = Literal[
    "succeeds", "slow", "twice", "fails", "asks", "no-change", "limited", "capped", "never-starts", "dies", "late",
    "untaken", "check-fails", "setup-fails", "protected",
]  # fmt: skip
"""untaken: no worker takes it for hours; then one does, and it succeeds. check-fails: the factory's own check of what
it made. protected: it changes a file that is pushed only at a person's word, which comes an hour later."""
ActKind = Literal[
    "edit", "note", "cancel", "park", "done", "ready", "comment", "stop", "abort", "retry", "close", "merge", "push",
    "delegate", "blur", "forbid", "move", "namesake",
]  # fmt: skip
Ci = Literal["", "job", "rule", "app", "unseen", "cancelled", "failed", "rerun"]
"""How the check that counts comes to a head: at once; or long after a quick one is green.

job: its workflow is under way, and the job waits for others. rule: a rule of the branch asks for it. app: an app has a
suite and no run. unseen: nothing tells of it but the configuration. cancelled, failed: a first run ended so after a
newer one had begun. rerun: it failed, and what failed is run again at the same head.
"""
Refused = Literal["", "behind", "outrun", "queue", "dequeued", "clogged", "owners", "method"]
"""What a rule of the base says when a green head is to be merged.

behind: its branch is behind, once for each push; outrun: the base moves faster than its checks run. queue: it goes
through the merge queue, is taken out of it once (dequeued), or each time (clogged). owners: a code owner must approve,
and does so hours later. method: the repository does not allow that way to merge.
"""
Forgotten = Literal["", "order", "deleted"]
"""By an operator's order, who ends it first where it is not over; or because it was deleted at its tracker."""
FINAL: frozenset[Refused] = frozenset({"outrun", "clogged", "method"})
"""Where no waiting and no order helps: a person is needed."""
FaultKind = Literal[
    "duplicate", "delay", "drop", "crash", "pause", "conflict", "down", "busy", "error", "hang", "stale", "away",
    "torn", "stall", "again", "refused", "gone", "unwilling", "deadly", "expired", "out", "clock", "sleep",
    "large", "restore",
]  # fmt: skip


class Answer(Frozen):
    """What a person says to a question, how long after it. `twice`: and one more thing at the same moment.

    `before`: what somebody says a minute earlier; after a refusal the answer is a late correction. `refuses`: what is
    said is that it is not to be done; `takes_back`: that comes half a minute after the answer.
    """

    after: float
    useful: bool = True
    twice: bool = False
    before: Before = ""
    refuses: bool = False
    takes_back: bool = False


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
    clashes: int = 0  # heads of the factory's that conflict with the base, before those whose check fails
    opinions: tuple[OpinionPlan, ...] = ()  # of a model, each time it is asked; beyond them it asks
    requested: int = 0  # green heads for which a reviewer asks for changes
    acts: tuple[Act, ...] = ()
    ignored: bool = False  # nobody ever reviews its pull request
    again: float = 0.0  # so long after its merge a person puts it back to ready, once
    session: bool = False  # it is given to the factory in an agent session of the tracker
    ci: Ci = ""
    refused: Refused = ""
    forgotten: Forgotten = ""
    forgotten_after: float = 0.0  # seconds after its beginning


class Fault(Frozen):
    """The `nth` thing of its sort goes wrong. Crashes and pauses count the calls of one process.

    `done`: a crash comes after the call had its effect; an error, a hang, an outage of the store is of one that had it.
    A process that is paused has not made its call yet; one that stalls has, and its answer waits.
    `seconds`: of a delay, a pause, a hang, an outage, or of the vendor's Retry-After.
    `call`: only calls of this name are counted, of all vendors' calls. A delivery's may be "report": a fleet's word
    of a run's end, or "begun": of its beginning. Of what is torn it may be "thread": the record is lost after its
    thread was kept, not after its batch. From then on nobody answers the call when it is away, each worker dies
    over it when it is deadly, and the code host would not when it is unwilling, all of them for `seconds`; the
    vendor that is the `call` of what expired accepts the factory's token no more for so long. What is out is the
    engine, from the `nth` start on: each run ends by a fault. What is gone is not there at one look at it; one that
    comes again comes under another delivery's id. A clock is put forward or back (`seconds` below 0) and is right again
    when that has lasted, that of each machine where `process` is -1. All machines sleep for `seconds`.
    A restore puts the store back, `seconds` later, to what it was at its `nth` write.
    What is large is a record that the store does not take: the `nth` that has something to lose, and is at work.
    """

    kind: FaultKind
    nth: int
    process: int = 0
    seconds: float = 0.0
    done: bool = False
    call: str = ""
    lasts: float = 0.0  # seconds for which a clock is wrong

    @property
    def is_over_after(self) -> float:
        """Seconds."""
        return self.lasts if self.kind == "clock" else self.seconds


class Rules(Frozen):
    """The little of the configuration that differs between schedules."""

    agents: int = 2
    per_repository: int = 1
    reviews: int = 10
    running: int = 0  # the limit of the running column; 0: it has none of its own
    policy: Literal["never", "on-green", "on-green-with-review"] = "on-green"
    required: bool = True  # the configuration names the check that counts
    settles: float = 60.0  # so old is a head that is merged
    flags: bool = False  # work whose check fails is published all the same
    unanswered: float = 0.0  # after which a review that nobody gives is given up; 0: as by default
    auto: bool = False
    sweeps: float = HOUR  # between two looks for missed events
    calls: int = 20  # to each source in one of them
    looks: int = 60  # a minute, after a gap in which events may have been lost
    gives_up: float = DAY  # after which nobody asks a vendor again that does not answer
    relay: bool = False  # what was missed is read from a relay, and not from lists of the vendors
    item: float = 100_000.0  # dollars that one ticket may cost
    daily: float = 1_000_000.0  # that all may in a day
    runs: int = 1_000  # that one ticket may have in a day
    starts: int = 10_000  # of all in an hour
    model: bool = False  # is one asked where the rules are unsure?
    opinions: int = 50  # of it in a day
    invocation: float = 0.0  # so long may a performance take before the host ends it; 0: for ever

    @property
    def is_thrifty(self) -> bool:
        """Do its limits of spending matter?"""
        return self.item < 100_000 or self.daily < 1_000_000 or self.runs < 1_000 or self.starts < 10_000


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
    def clocks(self) -> float:
        """Seconds by which what two processes call the same moment may differ."""
        return max(self.skew) - min(self.skew) + 10.0

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
            "repositories": {"acme/shop": {"verify": "make test"}, "acme/api": {"verify": "make test"}},
            "routing": {"byProject": {"Shop": "acme/shop", "API": "acme/api"}},
            "agents": {"engine": "console", "exhausted": "publish-flagged" if rules.flags else "block"},
            "clarification": {"escalateTo": "<@U9>"},
            "capacity": {
                "agents": rules.agents,
                "perRepository": rules.per_repository,
                "perState": {"in-review": rules.reviews} | ({"running": rules.running} if rules.running else {}),
            },
            "merge": {
                "policy": rules.policy,
                "auto": rules.auto and rules.policy != "on-green-with-review",
                "requiredChecks": ["ci"] if rules.required else [],
                "trustAnyCheck": not rules.required,
                "settleFor": rules.settles,
            }
            | ({"remindAfter": rules.unanswered / 2, "giveUpAfter": rules.unanswered} if rules.unanswered else {}),
            "runner": {
                "reviewCheckEvery": "30m" if rules.policy == "on-green" else "6h",
                "giveUpAfter": rules.gives_up,
            },
            "budget": {
                "item": rules.item,
                "daily": rules.daily,
                "runsPerDay": rules.runs,
                "startsPerHour": rules.starts,
            },
            "sweep": {"every": rules.sweeps, "calls": rules.calls, "looksPerMinute": rules.looks},
        }
        if rules.model:
            document["triage"] = {"model": "claude", "maxPerDay": rules.opinions}
        return FactoryConfig.model_validate(document)
