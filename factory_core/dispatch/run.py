"""A run: one agent at work on one item, what it was told, and what is known of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from ..work_item import Frozen


class RunStatus(StrEnum):
    WAITING = "waiting"  # in line for a worker; nothing is spent
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # there are commits on the branch
    NO_CHANGE = "no-change"  # it ended well and changed nothing
    ASKED = "asked"  # it ended with a question for a person
    FAILED = "failed"  # it may be tried again
    LIMITED = "limited"  # the engine's own usage limit; costs no attempt
    CAPPED = "capped"  # turns, time or money ran out
    STOPPED = "stopped"  # we or a person stopped it
    LOST = "lost"  # no process, no result


ENDED = frozenset(RunStatus) - {RunStatus.WAITING, RunStatus.STARTING, RunStatus.RUNNING}


MOST_COUNTED, MOST_USD = 10**15, Decimal(10**9)

Count = Annotated[int, AfterValidator(lambda value: min(max(value, 0), MOST_COUNTED))]
Money = Annotated[Decimal, AfterValidator(lambda value: min(max(value, Decimal(0)), MOST_USD))]


class Usage(Frozen):
    """What one run, or all runs of an item, have used. Money in US dollars at list price.

    Engines and workers count it, so each number is kept within bounds that can be added up and shown.
    """

    turns: Count = 0
    input_tokens: Count = 0
    cached_tokens: Count = 0
    output_tokens: Count = 0
    usd: Money = Decimal(0)

    def plus(self, other: Usage) -> Usage:
        return Usage(
            turns=self.turns + other.turns,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=self.usd + other.usd,
        )


class RunOrder(Frozen):
    """Everything that a fleet needs to start one run. `run_id` is ours: the same id twice is the same run."""

    run_id: str
    work_item_id: str
    key: str = ""  # what people call the item
    title: str
    repository: str
    clone_url: str
    base: str
    branch: str
    engine: str
    model: str = ""
    task: str  # the whole prompt; untrusted text is in it
    resume: str = ""  # the engine's session to go on with
    previous_run: str = ""  # the run whose work tree is used again
    max_turns: int
    max_duration: timedelta
    max_usd: Decimal

    @property
    def name(self) -> str:
        """What people call the item; its id in an order of an older release."""
        return self.key or self.work_item_id


class Run(Frozen):
    """What the record keeps of the newest run."""

    run_id: str
    engine: str
    started_at: datetime
    session: str = ""  # the engine's own session id, to resume in
    told: tuple[str, ...] = ()  # marks of the words that it was told


class RunReport(Frozen):
    """What a fleet knows of a run now. Two clocks: a heartbeat (`alive_at`) is not progress (`progress_at`)."""

    run_id: str
    work_item_id: str
    status: RunStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    alive_at: datetime | None = None
    progress_at: datetime | None = None
    progress: str = ""  # what the last progress was, in a few words
    session: str = ""
    usage: Usage = Usage()  # of this run alone
    words: str = ""  # the agent's last words: a summary, or the question when ASKED
    why: str = ""  # why it ended, when not well
    retry_at: datetime | None = None  # when LIMITED and known
    lost: str = ""  # the vendor that refuses the credential where the run is: it waits, or FAILED for that alone
