"""The status as data: status.json (`factory.status/1`) and the item page's document (`factory.item/1`).

Times are RFC 3339 in UTC, durations whole seconds, money a decimal string; what is not known is null. The page and
`factory status` are drawn from these values alone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field

from ..dispatch.records import Actor, State
from ..work_item import Frozen
from . import formatting
from .formatting import InFull, Title

Level = Literal["intake-down", "needs-auth", "engine-paused", "needs-person", "budget", "moving", "idle"]
LineStatus = Literal["ok", "quiet", "down", "needs-auth", "paused", "unknown"]
Checks = Literal["green", "running", "failed"]
Review = Literal["approved", "changes requested"]
Outcome = Literal["merged", "done", "cancelled", "given up"]
STATIONS = ("Triage", "Build", "Self-review", "Verify", "PR review", "Merge")


class Line(Frozen):
    """What the host knows of one line in or out: a provider by its name in the configuration, `store`, `check-in`, an
    engine that is paused.

    `note` is a few words (`3 ms, SQLite`) or, when the status is not ok, why. `fix` follows the rule of Problem.fix.
    `since` when it needs auth, or is paused.
    """

    name: str
    status: LineStatus = "unknown"
    since: datetime | None = None
    last_event_at: datetime | None = None
    note: formatting.Line = ""
    fix: str = ""


class LineReport(Frozen):
    """One line as shown. The gaps and the hours wait for data."""

    name: str
    title: str
    status: LineStatus
    since: datetime | None = Field(
        default=None, exclude_if=lambda moment: moment is None
    )  # when it needs auth, or is paused
    last_event_at: datetime | None = None
    usual_gap_s: int | None = None
    per_hour: tuple[int, ...] | None = None
    note: formatting.Line = ""
    fix: tuple[str, ...] = ()
    fix_in_words: str = ""


class Link(Frozen):
    """Somewhere a person can act."""

    words: str
    url: str


class Longest(Frozen):
    key: str
    seconds: int


class Verdict(Frozen):
    """The first thing to read: one sentence, then its detail. `count` is how many items need a person."""

    level: Level
    count: int
    sentence: str
    detail: str = ""
    longest: Longest | None = None
    fix: tuple[str, ...] = ()
    fix_in_words: str = ""


class PullRequestReport(Frozen):
    number: int
    url: str | None
    draft: bool | None
    checks: Checks | None
    review: Review | None


class ItemSummary(Frozen):
    """What every list says of an item. `title` is empty where titles are hidden."""

    key: formatting.Line
    title: Title
    url: str | None
    repo: str | None
    state: State
    since: datetime | None
    since_s: int | None
    spent_usd: Decimal
    cost_known: bool = True  # False: an engine did not say what a part of it cost
    pr: PullRequestReport | None


class Item(ItemSummary):
    """One item in flight. `reason` is set when it needs a person, and then `why` and `then` say the rest."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)

    reason: str | None = None
    why: InFull = ""
    quote: InFull = ""  # the open question
    then: formatting.Line = ""
    waiting_on: formatting.Line | None = None
    escalates_at: datetime | None = None
    stage: str
    stage_index: int = Field(ge=1, le=6)
    stage_note: str | None = None
    stage_since: datetime | None
    usual_s: int | None = None
    p90_s: int | None = None
    samples: int | None = None
    engine: str | None = None
    try_: int = Field(serialization_alias="try")
    max_tries: int
    turns: int | None = None
    max_turns: int
    cap_usd: Decimal
    budget_usd: Decimal  # of this ticket, over its whole life
    left_usd: Decimal
    runs_today: int
    most_runs_today: int
    alive_at: datetime | None = None
    progress_at: datetime | None = None
    progress: formatting.Line | None = None
    link: Link | None = None
    fix: tuple[str, ...] = ()
    fix_in_words: str = ""

    @property
    def where(self) -> str:
        """The stage in words: `PR review, checks green`."""
        return f"{self.stage}, {self.stage_note}" if self.stage_note else self.stage


class Queued(ItemSummary):
    """One item in line, and what it waits for."""

    why: formatting.Line


class Finished(ItemSummary):
    """One item that came to its end. `took_s` is from its first event, None where that is forgotten."""

    outcome: Outcome
    took_s: int | None


class Today(Frozen):
    """What all tickets spent in this UTC day, and what the runs of now may still spend. `reached`: too little is left
    for another run."""

    spent_usd: Decimal
    reserved_usd: Decimal
    left_usd: Decimal
    reached: bool
    resumes_at: datetime  # when the next day begins


class Vitals(Frozen):
    """`spent_usd` is what the items in this report have used, in all their days; `today` is what ends spending."""

    in_flight: int
    agents_busy: int
    agents_max: int
    queue: int
    queue_oldest_s: int | None
    spent_usd: Decimal
    cost_known: bool = True
    budget_usd: Decimal  # of a day
    today: Today
    merged_24h: int
    hands_off_24h: int | None = None
    lead_time_p50_s: int | None = None


class Step(Frozen):
    """Something to do next: words, a command, or both."""

    words: str
    command: str = ""


class Document(Frozen):
    """What both documents say of themselves."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)

    schema_: str = Field(serialization_alias="schema")
    generated_at: datetime
    data_at: datetime
    tenant: str
    environment: str
    version: str


class StatusReport(Document):
    """status.json. `items` holds those that need a person (oldest first), then those that move (slowest first)."""

    schema_: str = Field(default="factory.status/1", serialization_alias="schema")
    verdict: Verdict
    lines: tuple[LineReport, ...]
    vitals: Vitals
    items: tuple[Item, ...]
    queue: tuple[Queued, ...]
    finished: tuple[Finished, ...]
    start: tuple[Step, ...] = ()  # ways to a first ticket, when there is nothing to do

    @property
    def needs(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.reason)

    @property
    def moving(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if not item.reason)


class LogLine(Frozen):
    at: datetime
    by: Actor
    text: formatting.Line
    quote: InFull = ""


class Fact(Frozen):
    name: str
    value: formatting.Line
    url: str | None = None


class ItemReport(Document):
    """One item, whole: where it stands, what happens next and when, what happened (newest first), the facts."""

    schema_: str = Field(default="factory.item/1", serialization_alias="schema")
    item: Item
    sentence: InFull
    next: formatting.Line
    commands: tuple[str, ...]
    log: tuple[LogLine, ...]
    output: tuple[formatting.Line, ...] = ()  # what the newest run did last, oldest first
    facts: tuple[Fact, ...]
