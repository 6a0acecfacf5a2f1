"""④ What must follow from a decision, as orders. Stored with the record, performed at least once under its key."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from ..runs.reported import StoredMoment
from ..runs.run import Fault
from ..runs.run_checks import CheckResult
from ..work_item import ItemState, StoredModel
from .activity import Activity


class AcknowledgeSession(StoredModel):
    """Answer a person who opened a session or wrote in one; within 10 s, or the agent is shown as unresponsive."""

    kind: Literal["acknowledge_session"] = "acknowledge_session"
    session_id: str
    activity: Activity = Activity(text="On it: reading the ticket.")


class PostActivity(StoredModel):
    """Show in the item's session what is going on; a newer one takes its place as long as it is not posted."""

    kind: Literal["post_activity"] = "post_activity"
    session_id: str
    activity: Activity


class ConcludeSession(StoredModel):
    """Say in the session how it ended, after everything that the end demands has been done."""

    kind: Literal["conclude_session"] = "conclude_session"
    session_id: str
    activity: Activity


class UpdateSession(StoredModel):
    """Show the item's plan and links in its session, as they are when this is performed."""

    kind: Literal["update_session"] = "update_session"
    session_id: str


class ClaimItem(StoredModel):
    """Show on the ticket that the factory works on it, where trackers have a place for that and nobody is in it."""

    kind: Literal["claim_item"] = "claim_item"


class TriageItem(StoredModel):
    """Read the item and triage it, with the answers so far → Triaged, or ItemRead when it is not ready any more."""

    kind: Literal["triage_item"] = "triage_item"


class ReserveOpinion(StoredModel):
    """Ask for money, and for room, to ask a model about the ticket → OpinionGranted | OpinionDenied"""

    kind: Literal["reserve_opinion"] = "reserve_opinion"
    digest: str  # of what is to be asked


class AskModel(StoredModel):
    """Start the read-only run in which a model answers; its end comes as AgentFinished → StartRefused | StartFailed"""

    kind: Literal["ask_model"] = "ask_model"
    run_id: str
    digest: str
    max_usd: Decimal


class ReadItem(StoredModel):
    """→ ItemRead"""

    kind: Literal["read_item"] = "read_item"


class AskQuestion(StoredModel):
    """Ask the reporter in a new thread, or in the one that is open → QuestionAsked"""

    kind: Literal["ask_question"] = "ask_question"
    text: str
    thread_id: str = ""


class PostReply(StoredModel):
    """Post in the thread: a notice, or the open question once more (a reminder, an escalation)."""

    kind: Literal["post_reply"] = "post_reply"
    thread_id: str
    text: str
    asks: bool = False  # an answer is still wanted
    person: str = ""  # who is addressed, as the tracker or the configuration names them


class CloseThread(StoredModel):
    """Forget the thread: later replies in it are nobody's answer."""

    kind: Literal["close_thread"] = "close_thread"
    thread_id: str


class MoveThread(StoredModel):
    """Wait for replies under the thread's new id; those that came under it already count → QuestionAsked"""

    kind: Literal["move_thread"] = "move_thread"
    thread_id: str


class TakeSlot(StoredModel):
    """Ask for room to run, or stand in line → SlotGranted | SlotDenied"""

    kind: Literal["take_slot"] = "take_slot"


class MoveSlotToReview(StoredModel):
    """The agent is done, the pull request waits for people."""

    kind: Literal["move_slot_to_review"] = "move_slot_to_review"


class ReleaseSlot(StoredModel):
    kind: Literal["release_slot"] = "release_slot"


class SettleSpending(StoredModel):
    """Count in the tenant's day what a run has cost that ended when its item had no slot any more."""

    kind: Literal["settle_spending"] = "settle_spending"


class PauseEngine(StoredModel):
    """A run ended by a fault: give the slot back, stand in line again, and open the circuit of the engine there."""

    kind: Literal["pause_engine"] = "pause_engine"
    engine: str
    host: str = ""
    fault: Fault = "vendor"
    why: str
    fix: str = ""
    retry_at: StoredMoment = None  # the vendor's own reset


class RememberRoute(StoredModel):
    """Keep what a person chose for the item's project; tickets that no rule routes go there from now on."""

    kind: Literal["remember_route"] = "remember_route"
    project: str
    repository: str


class ResumeEngine(StoredModel):
    """The run of a probe shows that the engine works there: close its circuit, and serve the line."""

    kind: Literal["resume_engine"] = "resume_engine"
    engine: str
    host: str = ""


class StartAgent(StoredModel):
    """Start a run under the planned key → AgentStarted | StartRefused | StartFailed"""

    kind: Literal["start_agent"] = "start_agent"
    not_before: datetime | None = None  # after a failed try: when the cool-down ends
    told: tuple[str, ...] = ()  # marks of the words that it is told: the same ones, however often it is tried
    max_usd: Decimal | None = None  # that it may cost; None in records of an older release: agents.maxUsd
    publishes: bool = False  # no agent: the work of the run before is published


class StopAgent(StoredModel):
    kind: Literal["stop_agent"] = "stop_agent"
    run_id: str


class LookAtRun(StoredModel):
    """Ask the fleet what became of the run → RunSeen | AgentFinished when it ended or is lost"""

    kind: Literal["look_at_run"] = "look_at_run"
    run_id: str


class OpenPullRequest(StoredModel):
    """Push the branch and open its pull request, or find the one that is there → PullRequestOpened | PublishHeld"""

    kind: Literal["open_pull_request"] = "open_pull_request"
    run_id: str
    summary: str = ""
    checks: tuple[CheckResult, ...] = ()  # that the factory ran; one that failed is shown


class LinkPullRequest(StoredModel):
    """Show the pull request on the ticket."""

    kind: Literal["link_pull_request"] = "link_pull_request"
    url: str


class ReadPullRequest(StoredModel):
    """→ PullRequestRead"""

    kind: Literal["read_pull_request"] = "read_pull_request"


class RequestReview(StoredModel):
    """Ask an app for its review of the head; one that reviews by itself needs no asking."""

    kind: Literal["request_review"] = "request_review"
    app: str


class EnableAutoMerge(StoredModel):
    """Let the code host merge when its own rules are met, pinned to the head."""

    kind: Literal["enable_auto_merge"] = "enable_auto_merge"
    sha: str


class DisableAutoMerge(StoredModel):
    """The work is not to be merged as it stands after all. It outlives the item, so it names the pull request."""

    kind: Literal["disable_auto_merge"] = "disable_auto_merge"
    repository: str = ""  # both empty in records of an older release: the item's own pull request
    number: int = 0


class MergePullRequest(StoredModel):
    """Merge exactly this head → PullRequestRead (merged) | MergeRefused"""

    kind: Literal["merge_pull_request"] = "merge_pull_request"
    sha: str


class UpdateBranch(StoredModel):
    """Merge the base into the branch on the code host, if this is its head still → MergeRefused when it would not"""

    kind: Literal["update_branch"] = "update_branch"
    sha: str


class EnqueuePullRequest(StoredModel):
    """Put exactly this head into the merge queue of its base → MergeRefused when the code host would not"""

    kind: Literal["enqueue_pull_request"] = "enqueue_pull_request"
    sha: str


class SetItemState(StoredModel):
    """Move the ticket, unless a person moved it elsewhere meanwhile → ItemRead in that case"""

    kind: Literal["set_item_state"] = "set_item_state"
    to: ItemState
    expect: tuple[ItemState, ...]


class PostComment(StoredModel):
    """One comment on the ticket; it carries a hidden marker and never counts as input."""

    kind: Literal["post_comment"] = "post_comment"
    body: str


class ForgetItem(StoredModel):
    """Delete the record: nothing about the item is worth keeping any more, but what it has spent, unless `wholly`."""

    kind: Literal["forget_item"] = "forget_item"
    wholly: bool = False


Effect = Annotated[
    AcknowledgeSession
    | PostActivity
    | ConcludeSession
    | UpdateSession
    | ClaimItem
    | TriageItem
    | ReserveOpinion
    | AskModel
    | ReadItem
    | AskQuestion
    | PostReply
    | CloseThread
    | MoveThread
    | TakeSlot
    | MoveSlotToReview
    | ReleaseSlot
    | SettleSpending
    | PauseEngine
    | ResumeEngine
    | RememberRoute
    | StartAgent
    | StopAgent
    | LookAtRun
    | OpenPullRequest
    | LinkPullRequest
    | ReadPullRequest
    | RequestReview
    | EnableAutoMerge
    | DisableAutoMerge
    | MergePullRequest
    | UpdateBranch
    | EnqueuePullRequest
    | SetItemState
    | PostComment
    | ForgetItem,
    Field(discriminator="kind"),
]

SPEAKING = frozenset(
    {
        "acknowledge_session",
        "post_activity",
        "conclude_session",
        "update_session",
        "claim_item",
        "read_item",  # a hint that cannot be followed now is followed by the next one
        "post_reply",
        "close_thread",
        "post_comment",
        "set_item_state",
        "link_pull_request",
        "request_review",
        "enable_auto_merge",
        "disable_auto_merge",
    }
)
"""Effects whose failure is noted and passed over: the work itself does not depend on them."""

LASTING = frozenset(
    {
        "acknowledge_session",
        "conclude_session",
        "post_comment",
        "close_thread",
        "release_slot",
        "settle_spending",
        "pause_engine",
        "resume_engine",
        "stop_agent",
        "move_slot_to_review",
        "disable_auto_merge",
    }
)
"""Effects that stay planned when the item is cancelled; all others lose their point then."""

NEVER_GIVEN_UP = frozenset({"disable_auto_merge"})
"""Effects that are tried for as long as a vendor is away: what they undo would act by itself meanwhile."""

LANE = {
    "acknowledge_session": "session",
    "post_activity": "session",
    "conclude_session": "session",
    "update_session": "session",
    "claim_item": "ticket",
    "triage_item": "ticket",
    "read_item": "ticket",
    "set_item_state": "ticket",
    "post_comment": "comments",
    "link_pull_request": "comments",
    "ask_question": "thread",
    "post_reply": "thread",
    "close_thread": "thread",
    "move_thread": "thread",
    "reserve_opinion": "work",
    "ask_model": "work",
    "take_slot": "work",
    "move_slot_to_review": "work",
    "release_slot": "work",
    "settle_spending": "work",
    "pause_engine": "work",
    "resume_engine": "work",
    "remember_route": "work",
    "start_agent": "work",
    "stop_agent": "work",
    "look_at_run": "work",
    "open_pull_request": "work",
    "read_pull_request": "pull request",
    "request_review": "pull request",
    "enable_auto_merge": "pull request",
    "disable_auto_merge": "pull request",
    "merge_pull_request": "pull request",
    "update_branch": "pull request",
    "enqueue_pull_request": "pull request",
}
"""Effects of one lane are performed in their order: an agent is stopped before its slot is given back. No lane waits
for another one, so that a chat that is down holds up no slot. To forget the item waits for all of them.
"""

AFTER = {"conclude_session": frozenset({"work", "pull request"})}
"""Effects that also wait for what was planned before them in other lanes: nobody reads that the agent was stopped
before it is.
"""

URGENT = frozenset({"acknowledge_session"})
"""Effects that somebody waits for within seconds: they come first."""

COMPANION = {
    "reserve_opinion": "batch",
    "take_slot": "batch",
    "move_slot_to_review": "batch",
    "release_slot": "batch",
    "settle_spending": "batch",
    "pause_engine": "batch",
    "resume_engine": "batch",
    "remember_route": "batch",
    "close_thread": "clarification",
    "move_thread": "clarification",
}
"""Effects that touch nothing but the store: they are done in the very write that decides them, one per companion."""


class Planned(StoredModel):
    """One order in the outbox. The same key, the same outcome."""

    key: str
    effect: Effect
    attempts: int = 0  # that did not work; the pause grows with them
    faults: int = 0  # in a row that were nobody's but ours: a fault of the code, a worker that died over it
    failing_since: datetime | None = None
    silent_since: datetime | None = None  # the vendor has given no answer at all since then
    not_before: datetime | None = None
    why: str = ""  # why the last attempt did not work
    vendor: str = ""  # that it failed at
    lost: str = ""  # the vendor that refuses our credential: while it waits for that, neither of the above counts
    lost_since: datetime | None = None

    def waits(self, now: datetime) -> bool:
        """Is it too early for this one?"""
        return self.not_before is not None and self.not_before > now

    @property
    def run_id(self) -> str:
        """The run that a StartAgent under this key starts, or that an AskModel names; safe as a file name."""
        return self.effect.run_id if isinstance(self.effect, AskModel) else self.key.replace(":", ".")
