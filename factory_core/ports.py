"""⑥ What the factory needs of the world, by role. Every call may raise Retryable (later) or Terminal (never).

A `key` names one intended outcome: the same key twice has the outcome of once. Implementations derive their vendor's
idempotency mark from it (a comment's id, a marker in a message, a branch name), and after an unknown outcome look for
that mark before they act again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from .connections import ProviderConnection
from .dispatch.activity import Activity, Link, PlanStep
from .dispatch.batch import Batch
from .dispatch.events import Event, ReplyReceived
from .dispatch.pull_request import FileChange, PullRequest
from .dispatch.records import ClarificationRecord, InFlightRecord, State, Summary
from .dispatch.refusal import Refusal
from .dispatch.triage import Verdict
from .errors import UnreadableRecord
from .http import HttpRequest, HttpResponse
from .runs.run import RunOrder, RunReport
from .work_item import Frozen, ItemState, WorkItem


class Pointer(Frozen):
    """An event that only says where to look (relayfile): it must be read before anybody knows what happened."""

    path: str
    event_id: str
    at: datetime


class Inbound(Frozen):
    """What one verified webhook holds. `what` is for the log: `Issue.update ACME-142`."""

    delivery_id: str
    what: str = ""
    organisation: str = ""  # the sender's organisation, where the vendor names it: one secret may serve many
    notice: str = ""  # what a person should know, said once in the log
    ignored: str = ""  # why nothing of it is taken, though it is signed
    events: tuple[Event, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    response: HttpResponse | None = None  # what the sender wants to hear instead of a plain 200
    lost: str = ""  # why our credential is no longer good there, as the vendor says; only a hint


class Webhook(Protocol):
    """Verify and parse one vendor's webhooks. No I/O, no clock: the request says when it came."""

    def events_in(self, request: HttpRequest) -> Inbound:
        """Raise BadSignature (401) or Refused (400); what is none of our business gives no events."""
        ...


class PointerReader(Protocol):
    """Turns pointers into events by reading what they point at."""

    async def read(self, pointer: Pointer) -> tuple[Event, ...]: ...


class Connected(Protocol):
    async def check_connection(self) -> ProviderConnection:
        """Ask the vendor who we are and what we may; never raises, errors are in the answer. At most 5 s."""
        ...


class WorkItemProvider(Connected, Protocol):
    """The tracker."""

    async def read_item(self, item_id: str) -> WorkItem | None:
        """The item as it stands now, by key or by id; None when it is gone."""
        ...

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        """Does the tracker say that this item is the factory's?"""
        ...

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        """Move the item; moving it to where it is does nothing. `item` was just read."""
        ...

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        """One comment, marked as the factory's own."""
        ...

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        """Show the pull request on the item; showing it twice is showing it once."""
        ...

    async def claim(self, item: WorkItem) -> None:
        """Show on the item that the factory works on it, unless somebody is in that place already. `item` was just
        read; a tracker without such a place does nothing."""
        ...

    async def post_activity(self, session_id: str, activity: Activity, key: str) -> None:
        """One entry in the tracker's agent session. Terminal: the session takes none any more."""
        ...

    async def update_session(self, session_id: str, plan: Sequence[PlanStep], links: Sequence[Link]) -> None:
        """Show this plan and these links in the session, in place of those that are there."""
        ...


class Thread(NamedTuple):
    """Where a question stands. `thread_id` is the one that the replies carry."""

    thread_id: str
    url: str
    session_id: str = ""  # the tracker's agent session, where the thread is one


class ClarificationChannel(Connected, Protocol):
    """Where people are asked."""

    async def ask(
        self,
        item: Summary | WorkItem,
        person: str,
        text: str,
        key: str,
        thread_id: str = "",
        session_id: str = "",
    ) -> Thread:
        """Ask `person` about the item: in the thread where one is given, else in a new one.

        The person is named as the tracker or the configuration does; the channel spells the mention, and addresses
        nobody whom it does not know. `session_id` is the item's agent session in its tracker: the tracker's own channel
        asks there.
        """
        ...

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        """A notice in the thread: no answer is wanted."""
        ...


class OutputTarget(Connected, Protocol):
    """The code host."""

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        """The newest pull request of exactly this branch, in any state, with checks and reviews."""
        ...

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None: ...

    async def compare(self, repository: str, base: str, head: str) -> tuple[FileChange, ...] | None:
        """What the commit `head` changes since it left `base`, a branch or a commit; None: not known, or not wholly."""
        ...

    async def required_checks(self, repository: str, base: str) -> tuple[str, ...] | None:
        """The checks that the host requires before a merge into this branch; None: it does not say."""
        ...

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Open it, or give the open one that the branch already has."""
        ...

    async def request_review(self, pull_request: PullRequest, app: str) -> None:
        """Ask a review app to look at it; where the app cannot be asked there is nothing to do."""
        ...

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        """Merge exactly this head; empty when merged (now or before), else why the host refused."""
        ...

    async def update_branch(self, pull_request: PullRequest, sha: str) -> str:
        """Merge the base into the branch, if this is its head still; empty when the host does it, else why not."""
        ...

    async def enqueue(self, pull_request: PullRequest, sha: str) -> str:
        """Put exactly this head into the merge queue; empty when it is in it (now or before), else why not."""
        ...

    def refusal(self, words: str) -> Refusal:
        """What the words mean in which merge(), update_branch() or enqueue() refused; no I/O."""
        ...

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None: ...

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        """Take it back, and out of the merge queue. Returns when the host is known not to merge it by itself."""
        ...

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        """Is there a merged, or an open and ready, pull request for the item's branch?"""
        ...

    def clone_address(self, repository: str) -> str:
        """Where git finds the repository; no token is in it."""
        ...


class Fleet(Protocol):
    """Whoever runs agents."""

    async def start(self, order: RunOrder) -> RunReport:
        """Accept the order and return at once; the same run_id again is the same run, whatever became of it."""
        ...

    async def look(self, run_id: str) -> RunReport | None:
        """What is known of the run; None: never heard of it."""
        ...

    async def tail(self, run_id: str, lines: int = 20) -> Sequence[str]:
        """The newest happenings of the run in words, oldest first; untrusted text. Nothing for an unknown run."""
        ...

    async def stop(self, run_id: str) -> None:
        """End the run and everything that it started. A run that is unknown yet ends as soon as it is started."""
        ...

    async def publish(self, run_id: str) -> str:
        """Push the run's branch with the factory's own credentials, and give the head's sha. Harmless to repeat."""
        ...

    async def forget(self, work_item_id: str) -> None:
        """The item's work trees and outputs may go; Retryable while one of its runs is alive."""
        ...


class WallState(NamedTuple):
    """What keeps agents from the rest of the machine: `fix` when nothing does, and none of them starts."""

    note: str
    fix: str = ""


@runtime_checkable
class WalledFleet(Protocol):
    """A fleet whose agents run on this machine, behind a wall."""

    async def wall(self, engines: Sequence[str]) -> WallState | None:
        """None when these engines need none."""
        ...


class DiskState(NamedTuple):
    """What runs have left on the machine, in bytes: `fix` when no new one starts until there is room."""

    used: int
    budget: int
    free: int  # on the disk
    keep_free: int
    fix: str = ""

    @property
    def note(self) -> str:
        """In words."""
        used, budget, free, least = (f"{size / 1e9:.1f}" for size in self[:4])
        return f"{used} of {budget} GB used, {free} GB free" + (
            f" of at least {least}" if self.free < self.keep_free else ""
        )


@runtime_checkable
class DiskFleet(Protocol):
    """A fleet that keeps files of runs on this machine."""

    async def disk(self) -> DiskState:
        """By what was measured when runs ended."""
        ...


class StateStore(Protocol):
    """The factory's memory; one instance serves one tenant. All implementations pass tests/stores/conformance.

    Compare-and-swap: a put wins only if `version` is the stored one (0: nothing is stored), and stores version + 1;
    otherwise it raises VersionConflict and stores nothing. Raises StoreUnavailable when it cannot be read or written,
    and never answers "nothing" for that. A put of what it can never hold raises RecordTooLarge and stores nothing.
    """

    async def get_in_flight(self, name: str) -> InFlightRecord | None:
        """The record of this id, else the one that was given this alias last. Strongly consistent: what the last
        successful put stored."""
        ...

    async def put_in_flight(
        self,
        record: InFlightRecord,
        *,
        batch: Batch | None = None,
        clarification: ClarificationRecord | None = None,
    ) -> InFlightRecord:
        """Store the record, and what must be stored with it: `new_aliases` lead to it from now on, and the record that
        is given back has none.

        The companions and the aliases are stored in the same transaction, or, where a store has none, before the
        record: a companion alone is harmless, a record without its companion is not.
        """
        ...

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        """Delete it with the aliases that lead to it, if it still has this version (VersionConflict otherwise); None:
        whatever it has. `leaving`: what is stored in place of this version, in the same write; only its id leads to it.
        """
        ...

    def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        """Every record that can be read, page by page, in no order; then UnreadableRecord, which names the others."""
        ...

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        """None also past its deadline, even if the store has not swept it yet."""
        ...

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord: ...

    async def delete_waiting_clarification(self, thread_id: str) -> None: ...

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Items whose `wake_at` has come, the longest overdue first. Costs what is due, not what exists."""
        ...

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        """The first ids behind `after`, in order, of items in this state; a few others may be among them."""
        ...

    async def get_batch(self) -> Batch:
        """The tenant's batch; an empty one of version 0 when none was ever stored."""
        ...

    async def put_batch(self, batch: Batch) -> Batch: ...


@runtime_checkable
class DamageReport(Protocol):
    """A state store of which a part can be damaged while the rest is well."""

    async def damage(self) -> UnreadableRecord | None:
        """What is damaged, with the fix; None for a sound store. The first call may read all of it."""
        ...


class Triager(Protocol):
    """Judges an item by what it says and what people answered; another one may replace the factory's own rules.

    A verdict that is `grey` may be joined with a model's opinion afterwards, which takes a run: see
    dispatch/opinions. So an implementation answers at once, and spends nothing.
    """

    async def triage(self, item: WorkItem, answers: Sequence[str]) -> Verdict: ...


class TaskTemplate(Protocol):
    def render(self, item: WorkItem, record: InFlightRecord) -> str:
        """What the agent is told. Ticket text goes in as data, never as template code."""
        ...


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now, in UTC, with its zone."""
        ...


class ItemPage(NamedTuple):
    items: tuple[WorkItem, ...]
    cursor: str  # where the next page begins; empty: this was the last


@runtime_checkable
class ReadyItems(Protocol):
    """A tracker that lists what is ready, for the search for missed events."""

    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        """Ready items that changed after `since`, in one request; an empty cursor begins anew."""
        ...


@runtime_checkable
class BegunItems(Protocol):
    """A tracker that tells its own moves of a ticket from those of people, for the search for lost records."""

    async def begun_items(self, before: datetime, cursor: str, limit: int) -> ItemPage:
        """Items that this factory itself put in progress, that are there still and did not change since `before`, in
        one request; an empty cursor begins anew."""
        ...


@runtime_checkable
class ThreadReplies(Protocol):
    """A channel that shows a thread again."""

    async def replies(self, thread_id: str) -> Sequence[ReplyReceived]:
        """What people wrote in the thread, oldest first, under the ids that the webhooks give; in one request
        for each page of the vendor's. A page that cannot be read raises."""
        ...


class Redelivered(NamedTuple):
    """How many deliveries were asked for again, and where the next call goes on; empty: none was left."""

    asked: int
    cursor: str = ""


@runtime_checkable
class Redelivery(Protocol):
    """A sender that repeats, on request, what it could not deliver."""

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        """Ask again for what failed since then, from the cursor on, with at most so many calls."""
        ...


class Change(Frozen):
    """One line of a feed: what it says, or where to look. Reading on after it starts at its cursor."""

    cursor: str
    events: tuple[Event, ...] = ()
    pointers: tuple[Pointer, ...] = ()


@runtime_checkable
class ChangeFeed(Protocol):
    """A relay that remembers in order what it told."""

    async def changes(self, cursor: str, now: datetime) -> Sequence[Change]:
        """The changes after the cursor, oldest first, in one request; an empty cursor gives the newest one, unread."""
        ...
