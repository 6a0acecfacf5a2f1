"""What is stored: one record an item, one an open thread, one batch a tenant. Small: ids and words, no prompts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime

from ..runs.run import HeldChanges, Run, Usage
from ..work_item import ItemState, StoredModel, WorkItem
from .effects import AFTER, LANE, URGENT, AskModel, Effect, ForgetItem, Planned, StartAgent
from .events import Event, Reply
from .model_verdict import Opinion
from .pull_request import PullRequest, aliases_of
from .refusal import RefusedMerge
from .routing import Route
from .spending import ItemSpending, OpenRun
from .triage import Verdict

MOST_APPLIED, MOST_LOG, MOST_TEXT, MOST_WORDS = 256, 200, 4_000, 20
MOST_ALIASES = 40
MOST_FILES, MOST_NAME = 10, 200  # names of what came with a reply, and the length of one
MOST_HANDLED = 300  # more than one snapshot of a pull request can show
FRESH_LOG, SHORT_QUOTE = 20, 200  # so many newest lines keep their quotes whole; older ones keep so many characters


class State(StrEnum):
    """Where the factory stands with an item."""

    NEW = "new"
    TRIAGING = "triaging"
    WAITING = "waiting-clarification"
    QUEUED = "queued"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    IN_REVIEW = "in-review"
    MERGING = "merging"
    DONE = "done"
    BLOCKED = "blocked"  # needs a person; goes on when a person acts
    CANCELLED = "cancelled"  # a person took it back
    FAILED = "failed"  # given up; a person may take it up again


ENDED = frozenset({State.DONE, State.CANCELLED, State.FAILED})

OURS = frozenset({ItemState.READY, ItemState.DISPATCHED, ItemState.IN_REVIEW})
"""Where the tracker has a ticket that the factory may work on."""

REVIEW = frozenset({State.IN_REVIEW, State.MERGING})
"""A merge is a part of the review: one that is refused does not begin the wait for people anew."""

PAUSED_BY: Mapping[State, frozenset[str]] = {
    State.WAITING: frozenset({"thread"}),
    State.IN_REVIEW: frozenset({"work", "pull request"}),
    State.MERGING: frozenset({"work", "pull request"}),  # a part of the review: it goes on when the merge is refused
    State.BLOCKED: frozenset({"comments"}),
}
"""States whose deadline is a limit for people, and the lanes through which they are asked: while one of these waits for
a lost connection, nobody can act, and the limit does not run. In every other state the deadline is only a look.
"""

Actor = Literal["tracker", "factory", "agent", "person"]


class LogEntry(StoredModel):
    """One line of the item's own history, in words for people."""

    at: datetime
    by: Actor
    text: str
    quote: str = ""


class Summary(StoredModel):
    """What the record keeps of the ticket. `digest` tells whether what triage reads has changed."""

    key: str
    title: str
    identity: str = ""  # empty in records of an older release
    former_keys: tuple[str, ...] = ()
    url: str = ""
    labels: tuple[str, ...] = ()
    priority: int = 0
    project: str = ""
    reporter: str = ""
    reporter_id: str = ""
    digest: str = ""

    def nameless(self) -> Summary:
        """Without anybody's words and names: what tells which ticket it is."""
        return Summary(key=self.key, title="", identity=self.identity, former_keys=self.former_keys)

    @classmethod
    def of(cls, item: WorkItem) -> Summary:
        read = "\x1f".join((item.title, item.description, item.project, *sorted(item.labels)))
        return cls(
            key=item.key, title=item.title[:300], identity=item.source.identity, former_keys=item.former_keys[-20:],
            url=item.source.url, labels=item.labels[:50], priority=item.priority,
            project=item.project, reporter=item.reporter, reporter_id=item.reporter_id, digest=short(read),
        )  # fmt: skip


class Lease(StoredModel):
    """Who performs the outbox, until when. The epoch only grows: a stale holder is fenced by it."""

    holder: str = ""
    epoch: int = 0
    until: datetime | None = None
    doing: str = ""  # the key that the holder is to perform first: should it die, it died over that


class Clarification(StoredModel):
    """The open question. `step` is how far we are with reminding."""

    round: int = 1
    question: str
    repositories: tuple[str, ...] = ()  # it asks which of these the item belongs to; empty: it asks about the ticket
    thread_id: str = ""
    url: str = ""
    in_session: bool = False  # the thread is the tracker's agent session
    asked_at: datetime
    step: Literal["asked", "reminded", "escalated"] = "asked"
    attachments: tuple[str, ...] = ()  # what came in place of words; it goes with the answer
    words_asked: bool = False  # the person was asked to put them into words
    by_agent: bool = False  # an agent asks, about its work: any words answer it
    handed_on: bool = False  # a question in return was passed to another person
    choice_asked: bool = False  # the person was asked to name one of the repositories


class Consultation(StoredModel):
    """The question to a model that is under way: what it was asked, and the run that answers."""

    digest: str
    run_id: str
    granted: bool = False  # its run is planned, and may live


class Block(StoredModel):
    """Why an item needs a person, and what that person can do."""

    reason: str  # one of causes.CAUSES
    why: str
    fix: str
    gate_lifts: bool = False  # nothing of the work is missing: a pull request that a person mended may be merged
    provider: str = ""  # of a vendor's outage: which vendor does not answer
    order: str = ""  # the kind of the effect that is still tried: at its first success the item goes on
    back_to: State | None = None  # where it goes on then


class InFlightRecord(StoredModel):
    """Everything the factory knows of one item, saved by one compare-and-swap write on `version`.

    `work_item_id` is the vendor's own id of the item. `aliases` are all other names that lead to it: its keys, its
    sessions, its branches and pull requests; a store finds the record by each of them, and a put adds `new_aliases`.
    `applied` are short digests of the ids of events that were applied. `wake_at` is when somebody must look again;
    stores index it. `born` makes effect keys of a forgotten and reopened item new.
    """

    format: Literal[1] = 1  # a release that cannot be read by older ones raises it, in each model with a version
    work_item_id: str
    aliases: tuple[str, ...] = ()
    new_aliases: tuple[str, ...] = ()  # of them, those that no put has stored yet
    version: int = 0
    born: str = ""
    state: State = State.NEW
    since: AwareDatetime | None = None
    deadline: datetime | None = None
    paused: timedelta = timedelta(0)  # of the time in this state, what does not count for its limits
    wake_at: datetime | None = None
    item: Summary | None = None
    tracker: ItemState | None = None  # where the tracker had the item when we last looked
    session_id: str = ""  # the tracker's agent session that shows the item: the newest one
    refresh_at: datetime | None = None  # when it must be shown there again that somebody works on it
    ended_because: str = ""  # why it was cancelled, in words
    applied: tuple[str, ...] = ()
    outbox: tuple[Planned, ...] = ()
    planned: int = 0
    lease: Lease = Lease()
    generation: int = 1  # 2 after a person reopened the item
    attempt: int = 0
    probes: bool = False  # its engine was paused when it was given its slot, and nobody knows yet whether it works
    returns: int = 0  # by itself to triage, after outages of vendors; a person's word begins anew
    interruptions: int = 0  # runs in a row that a fault ended while the engine worked for others
    round: int = 0  # follow-ups of this generation, but those that solve a conflict
    conflict_rounds: int = 0  # follow-ups for the conflict with the base that stands now
    route: Route | None = None
    verdict: Verdict | None = None  # what triage last found
    consultation: Consultation | None = None  # while a model is asked about it
    opinions: tuple[Opinion, ...] = ()  # what models said of it, or why they did not
    branch: str = ""  # named once, at the first start: a new title does not move the work
    clarification: Clarification | None = None
    answers: tuple[Reply, ...] = ()
    ignored: tuple[str, ...] = ()  # digests of people whose words do not count: each was noted once
    to_mend: tuple[str, ...] = ()  # what the gate found broken, in words, and no run that ended well was told
    feedback: tuple[str, ...] = ()  # what people said, and no run that ended well was told
    handled: tuple[str, ...] = ()  # marks of reviews, comments and failed checks that became feedback
    run: Run | None = None
    spent: Usage = Usage()
    spending: ItemSpending = ItemSpending()
    pull_request: PullRequest | None = None
    armed: bool = False  # the code host was told to merge by itself
    held: HeldChanges | None = None  # protected changes of its work that wait for a person's word, or did last
    allowed: tuple[str, ...] = ()  # marks of the protected changes that a person allowed to be pushed
    publishes: bool = False  # its next run pushes what was held, without an agent
    flagged: str = ""  # the checks that failed when the work was published all the same: the factory does not merge it
    refused: RefusedMerge | None = None  # the code host's last refusal to merge it
    block: Block | None = None
    waits_for: str = ""  # in line, in review, or while nobody takes its run: what for
    log: tuple[LogEntry, ...] = ()

    def born_at(self, at: datetime) -> InFlightRecord:
        """Its first life begins now, unless it has begun."""
        return self if self.born else self.but(born=birth(at))

    def but(self, **changes: Any) -> InFlightRecord:
        """A copy with these fields changed."""
        return self.model_copy(update=changes)

    def to(
        self, state: State, at: datetime, *effects: Effect, within: timedelta | None = None, **changes: Any
    ) -> Transition:
        """Move to a state, with the deadline by which something must happen there. Who moves on is not forgotten."""
        kept = self if state is self.state else self.without(ForgetItem).without_order()
        goes_on = state is self.state or {state, self.state} == REVIEW
        since, paused = (self.since, self.paused) if goes_on else (at, timedelta(0))
        deadline = at + within if within is not None else None
        return Transition(kept.but(state=state, since=since, deadline=deadline, paused=paused, **changes), effects)

    def without_order(self) -> InFlightRecord:
        """Without what a block by an outage still tries: the item goes another way."""
        order = self.block.order if self.block else ""
        return self._keeping(planned for planned in self.outbox if planned.effect.kind != order)

    def stay(self, *effects: Effect, **changes: Any) -> Transition:
        """Stay where we are, deadline and all."""
        return Transition(self.but(**changes), effects)

    def note(self, at: datetime, by: Actor, text: str, quote: str = "") -> InFlightRecord:
        """Add a line to the item's history. Words of long ago are cut short, so that no chat makes the record large."""
        entry = LogEntry(at=at, by=by, text=text[:500], quote=quote[:MOST_TEXT])
        kept = (*self.log, entry)[-MOST_LOG:]
        if len(kept) > FRESH_LOG and len(kept[-FRESH_LOG - 1].quote) > SHORT_QUOTE:
            aged = kept[-FRESH_LOG - 1]
            short_one = aged.model_copy(update={"quote": f"{aged.quote[:SHORT_QUOTE]}…"})
            kept = (*kept[: -FRESH_LOG - 1], short_one, *kept[-FRESH_LOG:])
        return self.but(log=kept)

    def answered(self, reply: Reply) -> InFlightRecord:
        """Triage and the run are given this answer too: the newest ones; older ones stay in its history.

        With it goes what came before it without words.
        """
        asked = self.clarification
        cut = reply.model_copy(update={"text": reply.text[:MOST_TEXT], "attachments": ()})
        came = (*(asked.attachments if asked else ()), *reply.attachments)
        known = self.take(reply).but(answers=(*self.answers, cut)[-MOST_WORDS:]).attach(came)
        return known.but(clarification=asked.model_copy(update={"attachments": ()})) if asked else known

    def attach(self, names: Iterable[str]) -> InFlightRecord:
        """What came goes with the newest answer, if there is one."""
        if not self.answers:
            return self
        *older, newest = self.answers
        files = clean_names(newest.attachments, names)
        return self.but(answers=(*older, newest.model_copy(update={"attachments": files})))

    def tell(self, *words: str) -> InFlightRecord:
        """The next run is told these words too: the newest ones; older ones stay in its history."""
        return self.but(feedback=(*self.feedback, *(text[:MOST_TEXT] for text in words))[-MOST_WORDS:])

    def handle(self, *marks: str) -> InFlightRecord:
        """What has these marks was dealt with once."""
        return self.but(handled=(*self.handled, *marks)[-MOST_HANDLED:])

    def marks(self) -> tuple[str, ...]:
        """Of all words that a run which is planned now is told."""
        return tuple(short(text) for text in (*self.to_mend, *self.feedback))

    def told(self, marks: Iterable[str]) -> InFlightRecord:
        """With just the words of these marks: what a run is told."""
        return self._parted(marks, 0)

    def untold(self, marks: Iterable[str]) -> InFlightRecord:
        """Without them: what a run that ended well was told needs no telling again; what came after that does."""
        return self._parted(marks, 1)

    def _parted(self, marks: Iterable[str], side: int) -> InFlightRecord:
        left, parts = Counter(marks), list[tuple[str, ...]]()
        for words in (self.to_mend, self.feedback):
            sides: tuple[list[str], list[str]] = ([], [])
            for text in words:
                left[short(text)] -= 1
                sides[left[short(text)] < 0].append(text)
            parts.append(tuple(sides[side]))
        return self.but(to_mend=parts[0], feedback=parts[1])

    def shrunk(self, keep: Collection[str]) -> InFlightRecord:
        """Without all that grows: words, history, snapshots, and orders but those of the kinds to keep.

        Who it is, what was spent, its branch and its pull request stay.
        """
        seen = {"checks": None, "reviews": None, "comments": (), "files": None, "required": None}
        held = self.held and self.held.model_copy(update={"patch": ""})  # a person may still allow it
        return self._keeping(planned for planned in self.outbox if planned.effect.kind in keep).but(
            answers=(), ignored=(), to_mend=(), feedback=(), log=(), verdict=None, held=held, publishes=False,
            refused=None, pull_request=self.pull_request and self.pull_request.model_copy(update=seen),
        )  # fmt: skip

    def named(self) -> InFlightRecord:
        """With every name that its fields give it among its aliases; a name that it had once still leads to it.

        Keys from before we knew it are no aliases: another item may have them today.
        """
        names = [f"session:{self.session_id}"] if self.session_id else []
        names += [self.item.identity, self.item.key] if self.item else []
        names += aliases_of(self.pull_request) if self.pull_request else []
        keys = [name for name in self.aliases if ":" not in name]
        known = {self.work_item_id, "", *self.aliases}
        if self.item and keys and keys[-1] != self.item.key:
            known.discard(self.item.key)  # it has an old key again, which another item may have had meanwhile
        new = tuple(dict.fromkeys(name for name in names if name not in known))
        if not new:
            return self
        others = (name for name in self.aliases if name not in new)
        return self.but(aliases=(*others, *new)[-MOST_ALIASES:], new_aliases=(*self.new_aliases, *new))

    def is_of(self, event: Event) -> bool:
        """Is it the item that the event names? Keys are given anew and branches copied; an identity never is."""
        known = self.item.identity if self.item else ""
        return not (event.identity and known) or event.identity in {known, self.work_item_id}

    def has_taken(self, reply: Reply) -> bool:
        """Were these words used already? The same message may come in several ways, under several event ids."""
        return _taken(reply) in self.applied or any(short(known.id) == short(reply.id) for known in self.answers)

    def take(self, reply: Reply) -> InFlightRecord:
        return self.but(applied=(*self.applied, _taken(reply))[-MOST_APPLIED:])

    def knows(self, event: Event) -> bool:
        return short(event.id) in self.applied

    def knows_run(self, run_id: str) -> bool:
        """Is it at work for this item, as far as its record goes: started, about to be, or not paid for yet?"""
        orders = (planned.run_id for planned in self.outbox)
        known = {*orders, *(run.run_id for run in self.spending.open), self.run.run_id if self.run else ""}
        return run_id in known or bool(self.consultation and self.consultation.run_id == run_id)

    def remember(self, event: Event) -> InFlightRecord:
        return self.but(applied=(*self.applied, short(event.id))[-MOST_APPLIED:])

    def plan(self, effects: Iterable[Effect], not_before: datetime | None = None) -> InFlightRecord:
        """Append to the outbox, each under the next key; what is urgent goes first. What a start may cost is open from
        now on."""
        new = tuple(
            Planned(
                key=f"{self.work_item_id}:{self.born}:{n}",
                effect=effect,
                not_before=effect.not_before if isinstance(effect, StartAgent) else not_before,
            )
            for n, effect in enumerate(effects, self.planned)
        )
        if not new:
            return self
        urgent = tuple(planned for planned in new if planned.effect.kind in URGENT)
        rest = tuple(planned for planned in new if planned.effect.kind not in URGENT)
        begun = tuple(run for planned in new if (run := _opened_by(planned)))
        spending = self.spending.model_copy(update={"open": (*self.spending.open, *begun)}) if begun else self.spending
        return self.but(outbox=urgent + self.outbox + rest, planned=self.planned + len(new), spending=spending)

    def heads(self) -> Iterator[Planned]:
        """Of each lane the effect that is next; to forget the item is next when nothing came before it."""
        lanes = set[str]()
        for planned in self.outbox:
            lane = LANE.get(planned.effect.kind, "")
            behind = AFTER.get(planned.effect.kind, frozenset()) | {lane}
            if not lanes & behind and (lane or not lanes):
                yield planned
            lanes.add(lane)

    def due(self, now: datetime) -> Planned | None:
        """What is to be performed first."""
        return next((planned for planned in self.heads() if not planned.waits(now)), None)

    def once(self, effect: Effect) -> tuple[Effect, ...]:
        """The order, unless just this one is planned already: while it cannot be done, it does not pile up."""
        return () if any(planned.effect == effect for planned in self.outbox) else (effect,)

    def afresh(self, read: Effect) -> tuple[Effect, ...]:
        """One more read, unless two are planned already: one may be under way, the other has not begun."""
        waiting = sum(planned.effect.kind == read.kind for planned in self.outbox)
        return () if waiting > 1 else (read,)

    def without(self, *effects: type[Any]) -> InFlightRecord:
        """Without the orders of these kinds: they have lost their point."""
        return self._keeping(planned for planned in self.outbox if not isinstance(planned.effect, effects))

    def settle(self, *keys: str) -> InFlightRecord:
        return self._keeping(planned for planned in self.outbox if planned.key not in keys)

    def paused_since(self) -> datetime | None:
        """Since when the limit of this state does not run; None while it does."""
        lanes = PAUSED_BY.get(self.state, frozenset())
        waiting = (planned.lost_since for planned in self.outbox if LANE.get(planned.effect.kind, "") in lanes)
        began = min(filter(None, waiting), default=None)
        return max(began, self.since) if began and self.since else began

    def resume(self, keys: Collection[str], now: datetime) -> InFlightRecord:
        """These orders wait for no connection any more. People have the time that was lost in addition."""
        began, found = self.paused_since(), {"lost": "", "lost_since": None}
        outbox = tuple(planned.model_copy(update=found) if planned.key in keys else planned for planned in self.outbox)
        freed = self.but(outbox=outbox)
        if began is None:
            return freed
        lost = (freed.paused_since() or now) - began
        is_look = self.state in REVIEW  # whose limit counts from `since`; a look may have been set anew meanwhile
        deadline = self.deadline if is_look or self.deadline is None else self.deadline + lost
        return freed.but(paused=self.paused + lost, deadline=deadline)

    def _keeping(self, planned: Iterable[Planned]) -> InFlightRecord:
        kept = tuple(planned)
        return self if len(kept) == len(self.outbox) else self.but(outbox=kept)

    def scheduled(self, now: datetime) -> InFlightRecord:
        """With `wake_at` set to the earliest moment at which somebody must look again."""
        limit = self.deadline if self.paused_since() is None else None
        moments = [moment for moment in (limit, self.refresh_at) if moment]
        if self.lease.holder and self.lease.until and self.outbox:
            moments.append(self.lease.until)
        else:
            moments += [planned.not_before or now for planned in self.heads()]
        return self.but(wake_at=min(moments, default=None))

    @property
    def base(self) -> str:
        """The branch that the work goes into."""
        return self.route.base if self.route else ""

    @property
    def key(self) -> str:
        """What people call the item."""
        return self.item.key if self.item else self.work_item_id


class Transition(NamedTuple):
    """A decision: the record as it shall be, and the orders that follow."""

    record: InFlightRecord
    effects: tuple[Effect, ...] = ()


class ClarificationRecord(StoredModel):
    """A thread and the item that waits for it. `work_item_id` is None for replies that came before their thread."""

    format: Literal[1] = 1
    thread_id: str
    version: int = 0
    work_item_id: str | None = None
    question: int = 0  # which round asked here last
    replies: tuple[Reply, ...] = ()  # only those that came first
    deadline: datetime  # past it the record is forgotten


def clean_names(*listed: Iterable[str]) -> tuple[str, ...]:
    """Names of files, each once and on one line; not more of them, and none longer, than a record should hold."""
    flat = (" ".join(name.split())[:MOST_NAME] for names in listed for name in names)
    return tuple(dict.fromkeys(name for name in flat if name))[:MOST_FILES]


def _opened_by(planned: Planned) -> OpenRun | None:
    """The run whose cost is open from the moment at which it is planned."""
    effect = planned.effect
    if isinstance(effect, AskModel):
        return OpenRun(run_id=effect.run_id, usd=effect.max_usd, opinion=True)
    if isinstance(effect, StartAgent) and effect.max_usd is not None:
        return OpenRun(run_id=planned.run_id, usd=effect.max_usd)
    return None


def birth(at: datetime) -> str:
    """What tells the keys of one life from those of another."""
    return f"{int(at.timestamp() * 1000):x}"


def _taken(reply: Reply) -> str:
    return short(f"taken:{reply.id}")


def short(text: str) -> str:
    """Twelve hex digits of SHA-256: enough to tell ids of one item apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
