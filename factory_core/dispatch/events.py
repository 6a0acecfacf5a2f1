"""② What can happen to a work item, in the past tense. Events are hints: before anything is spent, we read afresh."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ..runs.run import HeldChanges, Run, RunReport
from ..runs.run_checks import CheckResult
from ..work_item import Frozen, StoredModel, WorkItem
from .effects import Planned
from .pull_request import PullRequest
from .refusal import Refusal
from .routing import Route, Undecided
from .triage import Verdict


class Event(Frozen):
    """`id` names the happening, not the delivery, where the sender lets us: the same happening twice is one event.

    A webhook knows no records, so it names the item by what its payload holds, and the record is found by that:
    `identity` is the vendor's own id of the item, `aliases` are what else leads to it (a pull request, a branch, a
    session), the surest first. `work_item_id` is then only what people call it.
    """

    id: str
    work_item_id: str
    at: datetime
    identity: str = ""
    aliases: tuple[str, ...] = ()


class ItemChanged(Event):
    """The tracker says that the item changed. `item` is what the event showed, None for a bare pointer."""

    item: WorkItem | None = None
    session_id: str = ""  # the tracker's agent session, where one was opened for us


class ItemStranded(Event):
    """The item is in progress by the factory's own move, for longer than any run lives, and has no record."""

    item: WorkItem


class ItemRead(Event):
    """The item as it stands now; None: it is gone. `merged`: it is done, and this pull request of its branch, which the
    record may not know, is merged."""

    item: WorkItem | None
    merged: PullRequest | None = None


class Triaged(Event):
    """What the rules found, and where the item belongs; who judges it has no say in the latter."""

    item: WorkItem
    verdict: Verdict
    route: Route | Undecided
    asks: str = ""  # the digest of what a model is asked about it; empty: none is


class OpinionGranted(Event):
    """A model may be asked about the item."""

    digest: str
    usd: Decimal  # that it may cost


class OpinionDenied(Event):
    digest: str
    reason: str


class Reply(StoredModel):
    """What a person wrote in a thread or a comment. `id` is the message's own."""

    id: str
    author: str
    text: str
    at: datetime
    attachments: tuple[str, ...] = ()  # names of the files that came with it
    to_agent: bool = False  # it answers an agent's question about its work, not what triage asked
    outsider: bool = False  # the author may not write where this was written, as the vendor says


class QuestionAsked(Event):
    """The question stands in a thread; `early` are replies that came before we knew the thread."""

    thread_id: str
    url: str = ""
    session_id: str = ""  # the tracker's agent session, where the thread is one
    early: tuple[Reply, ...] = ()


class ReplyReceived(Event):
    """Somebody wrote in a thread. `work_item_id` is empty until the thread is looked up."""

    work_item_id: str = ""
    thread_id: str
    session_id: str = ""  # the tracker's agent session, where the thread is one: words in it are meant for the agent
    elsewhere: bool = False  # not where questions are asked: it counts only in a thread that is known to be ours
    reply: Reply


class ThreadMoved(Event):
    """The place that threads are in has a new name: ids that began with `old:` begin with `new:` from now on."""

    work_item_id: str = ""
    old: str
    new: str


class CommentAdded(Event):
    """A person commented on the ticket itself. What is written on its pull request comes with reading that."""

    reply: Reply


class SlotGranted(Event):
    repository: str
    usd: Decimal  # that the run may cost
    probe: bool = False  # its engine is paused, and this start tries whether it works again


class SlotDenied(Event):
    reason: str
    until: datetime | None = None  # when today's budget is what is in the way: when the next one begins


class SlotOffered(Event):
    """A slot was set aside for the item while it stood in line. Only the batch itself can say whether it still is."""


class AgentStarted(Event):
    """The fleet accepted the run. `begun`: its first heartbeat came with that; else RunSeen brings it."""

    run: Run
    begun: bool = False


class RunSeen(Event):
    """A run that has not ended, as its first heartbeat or a look at it shows it."""

    report: RunReport
    overdue: str = ""  # why it is to be stopped, where it has had longer than it may


class AgentFinished(Event):
    report: RunReport


class StartRefused(Event):
    """The fresh read before the start found that a person had taken the item back. `report` is what the fleet knows of
    the run all the same, None when it knows nothing."""

    item: WorkItem | None
    merged: PullRequest | None = None  # as of ItemRead
    run_id: str = ""
    report: RunReport | None = None


class StartFailed(Event):
    """The fleet could not start the run, by a fault of the machine's; the report says which."""

    report: RunReport


class PullRequestOpened(Event):
    pull_request: PullRequest
    summary: str = ""  # the agent's own: what it did, and how that was checked
    checks: tuple[CheckResult, ...] = ()  # the factory's own
    weakened: tuple[str, ...] = ()  # what is taken from the tests, in sentences


class PublishHeld(Event):
    """The pushed branch changes protected files, and nobody allowed that; no pull request was opened."""

    held: HeldChanges


class PullRequestChanged(Event):
    """Anything about the pull request: opened, pushed, checked, reviewed, merged, closed."""

    what: str = ""


class PullRequestRead(Event):
    """The pull request as it stands now; None: it is gone."""

    pull_request: PullRequest | None


class MergeRefused(Event):
    """The code host would not merge, update the branch, or take it into its merge queue."""

    refusal: Refusal


class EffectFailed(Event):
    """An effect will not be tried again."""

    effect: str  # its kind
    why: str
    fix: str
    run_id: str = ""  # of a start: the run that may have begun all the same
    provider: str = ""  # the vendor that did not answer for so long; empty: that was not the cause
    planned: Planned | None = None  # the order itself, where a vendor did not answer


class CheckedIn(Event):
    """The state's deadline passed."""


class RecheckRequested(Event):
    """Something may have happened to the item of which no event will ever come: `cause` says why that may be."""

    cause: str


class StopRequested(Event):
    """A person pressed stop in the tracker."""

    by: str = ""
    session_id: str = ""  # the agent session in which it was pressed


class RetryRequested(Event):
    by: str = ""
    reason: str = ""
    not_before: datetime | None = None  # of many that are taken up at once, each begins at its own moment


class AbortRequested(Event):
    by: str = ""
    reason: str = ""


class ForgetRequested(Event):
    """A person wants nothing to be kept of an item that is over."""

    by: str = ""


class BudgetRaised(Event):
    """A person wants the item to be allowed `usd` in all, and more runs today."""

    by: str = ""
    usd: Decimal
    allowed: bool = True  # False: nobody gave that person the right to


EVENTS: tuple[type[Event], ...] = (
    ItemChanged,
    ItemStranded,
    ItemRead,
    Triaged,
    OpinionGranted,
    OpinionDenied,
    QuestionAsked,
    ReplyReceived,
    ThreadMoved,
    CommentAdded,
    SlotGranted,
    SlotDenied,
    SlotOffered,
    AgentStarted,
    RunSeen,
    AgentFinished,
    StartRefused,
    StartFailed,
    PullRequestOpened,
    PublishHeld,
    PullRequestChanged,
    PullRequestRead,
    MergeRefused,
    EffectFailed,
    CheckedIn,
    RecheckRequested,
    StopRequested,
    RetryRequested,
    AbortRequested,
    ForgetRequested,
    BudgetRaised,
)
