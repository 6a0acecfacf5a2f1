"""A run: one agent at work on one item, what it was told, and what is known of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ..config import Branch, Exhausted, Untracked
from ..errors import EngineUnavailable
from ..work_item import StoredModel
from .reported import Count, Fix, Id, Moment, Money, SessionId, Short, Span, Why, Words, cut
from .run_checks import MOST_CHECKS, CheckResult, Name, RunCheck, Times, unmet


class RunStatus(StrEnum):
    WAITING = "waiting"  # in line for a worker; nothing is spent
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # there are commits on the branch
    NO_CHANGE = "no-change"  # it ended well and changed nothing
    ASKED = "asked"  # it ended with a question for a person
    FAILED = "failed"  # it may be tried again
    UNPREPARED = "unprepared"  # the repository's setup failed, and no agent was started; costs no attempt
    HELD = "held"  # it changed protected files: the work is kept, and not pushed without a person's word
    REJECTED = "rejected"  # its work is not published: a check still fails, or its tree is not fit; a person decides
    LIMITED = "limited"  # engine, machine or vendor could not work, by no fault of the ticket's; costs no attempt
    CAPPED = "capped"  # turns, time or money ran out
    STOPPED = "stopped"  # we or a person stopped it
    LOST = "lost"  # no process, no result


ENDED = frozenset(RunStatus) - {RunStatus.WAITING, RunStatus.STARTING, RunStatus.RUNNING}


Fault = Literal["", "machine", "vendor"]
"""Whose failure it is that a run ended; empty: its own."""

Results = Annotated[tuple[CheckResult, ...], cut(MOST_CHECKS)]
Names = Annotated[tuple[Name, ...], cut(MOST_CHECKS)]


MOST_OVER = 10


class Usage(StoredModel):
    """What one run, or all runs of an item, have used. Money in US dollars at list price.

    Engines and workers count it, so each number is kept within bounds that can be added up and shown. Not every engine
    says what it cost: `usd` is then only the part that is known.
    """

    turns: Count = 0
    input_tokens: Count = 0
    cached_tokens: Count = 0
    output_tokens: Count = 0
    usd: Money = Decimal(0)
    cost_known: bool = Field(default=True, exclude_if=bool)

    @property
    def cost(self) -> str:
        """In words, for a sentence: `$3.02`, `at least $3.02`, `cost not measured`."""
        if not self.cost_known and not self.usd:
            return "cost not measured"
        return f"${self.usd:.2f}" if self.cost_known else f"at least ${self.usd:.2f}"

    def plus(self, other: Usage) -> Usage:
        total = {
            "turns": self.turns + other.turns,
            "input_tokens": self.input_tokens + other.input_tokens,
            "cached_tokens": self.cached_tokens + other.cached_tokens,
            "output_tokens": self.output_tokens + other.output_tokens,
            "usd": self.usd + other.usd,
            "cost_known": self.cost_known and other.cost_known,
        }
        return Usage.model_validate({**(self.model_extra or {}), **total})

    def within(self, cap: Decimal) -> Usage:
        """As far as a run that may cost `cap` can be believed: far beyond it is no measurement, and counts as the cap.

        An engine that is ended at its cap passes it by the turn that it is in; no turn costs MOST_OVER caps.
        """
        believed = self.usd <= MOST_OVER * cap
        return self if believed else self.model_copy(update={"usd": cap, "cost_known": False})


MOST_HELD, MOST_PATH, MOST_PATCH = 50, 300, 3_500  # changes; characters


MOST_FOUND = 20
Paths = Annotated[tuple[Annotated[str, cut(MOST_PATH)], ...], cut(MOST_FOUND)]


class HeldChange(StoredModel):
    """A protected file that is not as the code host has it. `mark` names this very content of it."""

    path: Annotated[str, cut(MOST_PATH)]
    mark: Annotated[str, cut(16)]


class HeldChanges(StoredModel):
    """What is not pushed without a person's word. Workers report it, so it is kept within bounds."""

    changes: Annotated[tuple[HeldChange, ...], cut(MOST_HELD)]
    more: Count = 0  # beyond those
    patch: Annotated[str, cut(MOST_PATCH)] = ""  # how it begins; untrusted


class PublishRules(StoredModel):
    """What of the tree may be published; see config.Publish and config.ProtectedPaths."""

    untracked: Untracked = "auto"
    include: tuple[str, ...] = ()
    max_file_size: int = 10_000_000
    submodules: bool = False
    protected: tuple[str, ...] = ()  # patterns and sets of what is pushed only when it is allowed
    allowed: tuple[str, ...] = ()  # marks of the changes that a person allowed


class RunOrder(StoredModel):
    """Everything that a fleet needs to start one run. `run_id` is ours: the same id twice is the same run."""

    run_id: Id
    work_item_id: Id
    key: str = ""  # what people call the item
    title: str
    repository: str
    clone_url: str
    base: Branch
    branch: Branch
    engine: str
    model: str = ""
    task: str  # the whole prompt; untrusted text is in it. Empty: no agent, the tree is published as it was left
    resume: SessionId = ""  # the engine's session to go on with
    previous_run: str = ""  # the run whose work tree is used again
    max_turns: int
    max_duration: timedelta
    max_usd: Decimal
    idle_after: timedelta | None = None  # without progress for so long it is ended; None: as its machine thinks best
    setup: tuple[str, ...] = ()  # command lines that make a fresh work tree ready, before the agent
    setup_within: timedelta = timedelta(minutes=15)  # all of them
    checks: tuple[RunCheck, ...] = ()  # that the factory runs after the agent
    fix_rounds: int = 2  # so often the agent is given what is wrong with its work, within the run
    exhausted: Exhausted = "block"
    domains: tuple[str, ...] = ()  # where the agent's commands may connect to, beside its model
    publish: PublishRules = PublishRules()
    answer_schema: str = ""  # JSON Schema: it only reads, publishes nothing, and its last words are of this shape

    @property
    def name(self) -> str:
        """What people call the item; its id in an order of an older release."""
        return self.key or self.work_item_id


class Run(StoredModel):
    """What the record keeps of the newest run."""

    run_id: str
    engine: str
    started_at: datetime
    session: SessionId = ""  # the engine's own session id, to resume in
    told: tuple[str, ...] = ()  # marks of the words that it was told
    host: str = ""  # as in its report
    stopped_because: str = ""  # why the factory itself has ordered its stop while its item goes on


class RunReport(StoredModel):
    """What a fleet knows of a run now. Two clocks: a heartbeat (`alive_at`) is not progress (`progress_at`).

    Workers send it, so every field has bounds of its own; see reported.
    """

    run_id: Id
    work_item_id: Id
    status: RunStatus
    started_at: Moment | None = None
    ended_at: Moment | None = None
    alive_at: Moment | None = None
    awake_for: Span | None = None  # from its start to alive_at, without the time for which its machine slept
    progress_at: Moment | None = None
    progress: Short = ""  # what the last progress was, in a few words
    session: SessionId = ""
    usage: Usage = Usage()  # of this run alone
    held: HeldChanges | None = None  # when HELD
    checks: Results = ()  # of the last round, all of them; one that failed is published flagged
    fix_rounds: Times = 0  # that were needed
    first_failed: Names = ()  # of the checks that failed in the first round
    words: Words = ""  # the agent's last words: a summary, or the question when ASKED
    why: Why = ""  # why it ended, when not well
    fault: Fault = ""
    fix: Fix = ""  # of a fault
    retry_at: Moment | None = None  # when LIMITED and known
    host: Short = ""  # the worker that has it; empty: where the factory itself starts agents
    lost: Short = ""  # the vendor that refuses the credential where the run is: it waits, or FAILED for that alone
    found: Paths = ()  # of an answer: the paths in it that are in the tree

    @property
    def has_begun(self) -> bool:
        """Has somebody taken it, as its first heartbeat shows? What waits in line, or was only accepted, has not."""
        return self.status is RunStatus.RUNNING or (self.status is RunStatus.STARTING and self.alive_at is not None)


def unstarted(order: RunOrder, problem: EngineUnavailable) -> RunReport:
    """The report of a run that its machine cannot start."""
    return RunReport(
        run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.LIMITED, fault="machine",
        why=f"{problem.what}: {problem.why}", fix=problem.fix,
    )  # fmt: skip


def unchecked(order: RunOrder, report: RunReport) -> RunReport:
    """A success without the order's checks is none: whoever held the work tree did not run them, or let them fail."""
    flagged = order.exhausted == "publish-flagged"
    ran = {result.name for result in report.checks}
    missing = [name for name in unmet(order.checks, report.checks) if not flagged or name not in ran]
    if report.status is not RunStatus.SUCCEEDED or not missing:
        return report
    why = f"it ended well without its checks: {', '.join(missing)}"
    return report.model_copy(update={"status": RunStatus.FAILED, "why": why})
