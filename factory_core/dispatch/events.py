"""② What can happen to a work item, in the past tense. Events are hints: before anything is spent, we read afresh."""

from __future__ import annotations

from datetime import datetime

from ..work_item import Frozen, WorkItem
from .pull_request import PullRequest
from .refusal import Refusal
from .run import Run, RunReport
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


class ItemRead(Event):
    """The item as it stands now; None: it is gone."""

    item: WorkItem | None


class Triaged(Event):
    item: WorkItem
    verdict: Verdict


class Reply(Frozen):
    """What a person wrote in a thread or a comment. `id` is the message's own."""

    id: str
    author: str
    text: str
    at: datetime
    attachments: tuple[str, ...] = ()  # names of the files that came with it
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


class SlotDenied(Event):
    reason: str


class SlotOffered(Event):
    """A slot was set aside for the item while it stood in line. Only the batch itself can say whether it still is."""


class AgentStarted(Event):
    run: Run


class AgentFinished(Event):
    report: RunReport


class StartRefused(Event):
    """The fresh read before the start found that a person had taken the item back."""

    item: WorkItem | None


class PullRequestOpened(Event):
    pull_request: PullRequest
    summary: str = ""  # the agent's own: what it did, and how that was checked


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


class CheckedIn(Event):
    """The state's deadline passed."""


class StopRequested(Event):
    """A person pressed stop in the tracker."""

    by: str = ""
    session_id: str = ""  # the agent session in which it was pressed


class RetryRequested(Event):
    by: str = ""
    reason: str = ""


class AbortRequested(Event):
    by: str = ""
    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    ItemChanged,
    ItemRead,
    Triaged,
    QuestionAsked,
    ReplyReceived,
    ThreadMoved,
    CommentAdded,
    SlotGranted,
    SlotDenied,
    SlotOffered,
    AgentStarted,
    AgentFinished,
    StartRefused,
    PullRequestOpened,
    PullRequestChanged,
    PullRequestRead,
    MergeRefused,
    EffectFailed,
    CheckedIn,
    StopRequested,
    RetryRequested,
    AbortRequested,
)
