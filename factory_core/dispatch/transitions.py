"""③ The dispatch machine is this TABLE. Every behaviour is a row; a cell without one is in IGNORED, with a word why.

Law for editors: a behaviour changes here, in a step, or in a rule (triage, routing, capacity, merge_gate), nowhere
else. Steps are pure: the same record, event and configuration give the same decision. A step that gives None found
the event not worth a write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..config import FactoryConfig
from ..machine import ignored, row, rows, table
from . import budget, forgotten, opinions, session
from .asking import (
    another_answer,
    ask_queue_or_refuse,
    keep_for_the_agent,
    keep_or_withdraw,
    look_again,
    look_at_it,
    look_at_words,
    move_thread,
    not_ready_after_all,
    note_talk,
    remember_overtaken_thread,
    remember_thread,
    remember_thread_at_work,
    remember_thread_before_work,
    remind_escalate_or_give_up,
    take_answer,
    take_up_again,
)
from .ending import (
    abort,
    block_or_note,
    close_late_thread,
    forget,
    forget_wholly,
    note_failure,
    raise_and_ask_for_room,
    raise_and_go_on,
    raise_budget,
    remember_stop,
    remind_of_block,
    retry,
    retry_blocked,
    stop,
    stop_late_agent,
)
from .events import (
    EVENTS,
    AbortRequested,
    AgentFinished,
    AgentStarted,
    BudgetRaised,
    CheckedIn,
    CommentAdded,
    EffectFailed,
    Event,
    ForgetRequested,
    ItemChanged,
    ItemRead,
    ItemStranded,
    MergeRefused,
    OpinionDenied,
    OpinionGranted,
    PublishHeld,
    PullRequestChanged,
    PullRequestOpened,
    PullRequestRead,
    QuestionAsked,
    RecheckRequested,
    ReplyReceived,
    RetryRequested,
    RunSeen,
    SlotDenied,
    SlotGranted,
    SlotOffered,
    StartFailed,
    StartRefused,
    StopRequested,
    ThreadMoved,
    Triaged,
)
from .following import (
    follow_blocked,
    follow_review,
    follow_running,
    follow_waiting,
    read_if_news,
    read_if_reopened,
    recheck,
    reopen_if_ready,
)
from .merging import back_to_review, read_while_merging
from .protected import allow_or_answer, hold_published
from .records import InFlightRecord, State, Transition
from .reviewing import (
    finish_or_keep_comments,
    finish_or_look_again,
    follow_comment,
    follow_words,
    judge,
    judge_blocked,
    note_pull_request,
    read_it,
    read_remind_or_block,
    remember_pull_request,
)
from .running import (
    ask_for_room_again,
    begin_or_wait,
    dispatch,
    expect_run,
    expect_start,
    look_for_agent,
    publish_retry_or_stop,
    wait_for_engine,
    wait_in_line,
)

NEW, TRIAGING, WAITING, QUEUED = State.NEW, State.TRIAGING, State.WAITING, State.QUEUED
DISPATCHING, RUNNING, IN_REVIEW, MERGING = State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.MERGING
DONE, BLOCKED, CANCELLED, FAILED = State.DONE, State.BLOCKED, State.CANCELLED, State.FAILED

ACTIVE = (TRIAGING, WAITING, QUEUED, DISPATCHING, RUNNING, IN_REVIEW, MERGING)
AT_WORK = (QUEUED, DISPATCHING, RUNNING)
OVER = (DONE, CANCELLED, FAILED)

Step = Callable[[InFlightRecord, Any, FactoryConfig], Transition | None]

TABLE: Mapping[tuple[State, type[Any]], Step] = table(
    # a ticket appears
    row(NEW, ItemChanged, look_at_it),
    row(NEW, ItemStranded, take_up_again),
    row(NEW, ReplyReceived, look_at_words),
    row(NEW, StopRequested, remember_stop),
    row(NEW, CheckedIn, forget),
    # is it clear, and where does it belong?
    row(TRIAGING, Triaged, ask_queue_or_refuse),
    row(TRIAGING, ItemRead, not_ready_after_all),
    row(TRIAGING, OpinionGranted, opinions.start_run),
    row(TRIAGING, OpinionDenied, opinions.go_on_if_denied),
    row(TRIAGING, AgentFinished, opinions.take_opinion),
    row(TRIAGING, StartRefused, opinions.ask_anew),
    row(TRIAGING, StartFailed, opinions.take_opinion),
    row(TRIAGING, CheckedIn, opinions.go_on_without),
    row(TRIAGING, EffectFailed, opinions.go_on_or_block),
    row(TRIAGING, ItemChanged, look_again),
    row(TRIAGING, ReplyReceived, another_answer),
    row(TRIAGING, CommentAdded, another_answer),
    # a person was asked
    *rows((WAITING, FAILED), QuestionAsked, remember_thread),
    row(WAITING, ReplyReceived, take_answer),
    row(WAITING, CommentAdded, take_answer),
    row(WAITING, ItemChanged, read_if_news),
    row(WAITING, ItemRead, follow_waiting),
    row(WAITING, CheckedIn, remind_escalate_or_give_up),
    *rows((*ACTIVE, BLOCKED, FAILED), ThreadMoved, move_thread),
    # in line for a slot
    row(QUEUED, SlotGranted, dispatch),
    row(QUEUED, SlotDenied, wait_in_line),
    row(QUEUED, CheckedIn, ask_for_room_again),
    row(QUEUED, SlotOffered, ask_for_room_again),
    row(QUEUED, ItemChanged, read_if_news),
    row(QUEUED, ItemRead, follow_waiting),
    # an agent starts and runs
    row(DISPATCHING, AgentStarted, expect_run),
    *rows((DISPATCHING, RUNNING), RunSeen, begin_or_wait),
    *rows((DISPATCHING, RUNNING), StartRefused, follow_running),
    row(DISPATCHING, StartFailed, wait_for_engine),
    row(DISPATCHING, CheckedIn, expect_start),
    *rows((DISPATCHING, RUNNING), AgentFinished, publish_retry_or_stop),
    *rows((DISPATCHING, RUNNING), ItemChanged, read_if_news),
    *rows((DISPATCHING, RUNNING), ItemRead, follow_running),
    row(RUNNING, CheckedIn, look_for_agent),
    *rows((QUEUED, DISPATCHING), ReplyReceived, keep_or_withdraw),
    *rows((QUEUED, DISPATCHING), CommentAdded, keep_or_withdraw),
    row(RUNNING, CommentAdded, keep_for_the_agent),
    row(RUNNING, ReplyReceived, note_talk),
    *rows(AT_WORK, PullRequestChanged, read_it),
    *rows(AT_WORK, PullRequestRead, finish_or_keep_comments),
    *rows((*AT_WORK, BLOCKED), PullRequestOpened, note_pull_request),
    row(TRIAGING, QuestionAsked, remember_overtaken_thread),
    *rows((QUEUED, DISPATCHING), QuestionAsked, remember_thread_before_work),
    row(RUNNING, QuestionAsked, remember_thread_at_work),
    # its pull request waits for checks and people
    row(IN_REVIEW, PullRequestOpened, remember_pull_request),
    row(IN_REVIEW, PublishHeld, hold_published),
    row(IN_REVIEW, PullRequestChanged, read_it),
    row(IN_REVIEW, PullRequestRead, judge),
    row(IN_REVIEW, CommentAdded, follow_comment),
    row(IN_REVIEW, ReplyReceived, follow_words),
    row(IN_REVIEW, ItemChanged, read_if_news),
    row(IN_REVIEW, ItemRead, follow_review),
    row(IN_REVIEW, CheckedIn, read_remind_or_block),
    # it is being merged
    row(MERGING, PullRequestRead, finish_or_look_again),
    *rows((IN_REVIEW, MERGING), MergeRefused, back_to_review),
    row(MERGING, CheckedIn, read_while_merging),
    row(MERGING, CommentAdded, keep_for_the_agent),
    row(MERGING, ReplyReceived, note_talk),
    # it needs a person
    row(BLOCKED, RetryRequested, retry_blocked),
    row(BLOCKED, ReplyReceived, allow_or_answer),
    row(BLOCKED, CommentAdded, allow_or_answer),
    row(BLOCKED, ItemChanged, read_if_news),
    row(BLOCKED, ItemRead, follow_blocked),
    row(BLOCKED, PullRequestChanged, read_it),
    row(BLOCKED, PullRequestRead, judge_blocked),
    row(BLOCKED, AbortRequested, abort),
    row(BLOCKED, StopRequested, stop),
    row(BLOCKED, EffectFailed, note_failure),
    row(BLOCKED, CheckedIn, remind_of_block),
    # it is over, until a person says otherwise
    *rows(OVER, ItemChanged, read_if_reopened),
    *rows(OVER, ItemRead, reopen_if_ready),
    *rows(OVER, CheckedIn, forget),
    *rows((NEW, *OVER), ForgetRequested, forget_wholly),
    *rows(OVER, EffectFailed, note_failure),
    *rows((CANCELLED, FAILED), RetryRequested, retry),
    row(FAILED, ReplyReceived, take_answer),
    row(FAILED, CommentAdded, take_answer),
    # a person stops it, or an effect gives up
    *rows(ACTIVE, StopRequested, stop),
    *rows(ACTIVE, AbortRequested, abort),
    *rows((state for state in ACTIVE if state is not TRIAGING), EffectFailed, block_or_note),
    # a person allows it to spend more
    *rows((*(state for state in ACTIVE if state is not QUEUED), *OVER), BudgetRaised, raise_budget),
    row(QUEUED, BudgetRaised, raise_and_ask_for_room),
    row(BLOCKED, BudgetRaised, raise_and_go_on),
    # events may have been lost
    *rows((WAITING, QUEUED, DISPATCHING, RUNNING, IN_REVIEW, MERGING, BLOCKED), RecheckRequested, recheck),
    # what was under way when the item left its state
    *rows((CANCELLED, BLOCKED, FAILED), AgentStarted, stop_late_agent),
    *rows((CANCELLED, BLOCKED), QuestionAsked, close_late_thread),
)

_CHAT = (ReplyReceived, CommentAdded)
_END = (AgentFinished, StartRefused)
_SLOT = (SlotGranted, SlotDenied, SlotOffered)
_PULL = (PullRequestOpened, PublishHeld, PullRequestChanged, PullRequestRead, MergeRefused)
_STOP = (StopRequested, AbortRequested)
_OPINION = (OpinionGranted, OpinionDenied)

IGNORED = ignored(
    (
        (NEW,),
        [e for e in EVENTS if (NEW, e) not in TABLE],
        "nobody ever said that this item is ready",
    ),
    ((*ACTIVE, BLOCKED, *OVER), [ItemStranded], "it has a record"),
    ((TRIAGING,), [RecheckRequested], "the triage that is planned reads the ticket afresh"),
    (OVER, [RecheckRequested], "it is over, and what is ready again is found in the tracker's list"),
    ((*ACTIVE, BLOCKED), [ForgetRequested], "it is not over"),
    ((TRIAGING,), _SLOT, "a slot of an earlier round"),
    ((WAITING,), [*_END, *_SLOT], "a run or slot of an earlier round; its end was already dealt with"),
    ((WAITING, *AT_WORK, IN_REVIEW, MERGING, BLOCKED, *OVER), _OPINION, "the item was decided without a model"),
    ((TRIAGING, WAITING), _PULL, "the pull request is read again when the agent's work is published"),
    ((TRIAGING, WAITING, QUEUED, IN_REVIEW), [AgentStarted], "the run's end was faster than the word of its start"),
    (AT_WORK, [MergeRefused], "no merge is under way"),
    ((*AT_WORK, MERGING, BLOCKED), [PublishHeld], "the work that it tells of is not waited for any more"),
    ((WAITING, *AT_WORK, IN_REVIEW, MERGING), [Triaged], "a triage that was overtaken by a newer one"),
    ((IN_REVIEW, MERGING), [QuestionAsked], "the question was answered before it was recorded"),
    ((QUEUED,), _END, "a zombie of an earlier try"),
    ((DISPATCHING, RUNNING, IN_REVIEW, MERGING), _SLOT, "the slot is already held"),
    ((RUNNING,), [AgentStarted], "it is running"),
    (
        (TRIAGING, WAITING, QUEUED, IN_REVIEW, MERGING, BLOCKED, *OVER),
        [RunSeen],
        "it has no run that is to begin; one that lives all the same is stopped",
    ),
    (
        (WAITING, QUEUED, RUNNING, IN_REVIEW, MERGING, BLOCKED, *OVER),
        [StartFailed],
        "nobody waits for that start any more",
    ),
    ((IN_REVIEW, MERGING), _END, "a zombie: the first end of the run counts"),
    ((MERGING,), [AgentStarted], "the pull request was read after the run was known"),
    ((MERGING,), [PullRequestOpened, PullRequestChanged], "the merge's own outcome tells"),
    ((MERGING,), [ItemChanged, ItemRead], "too late: the merge is under way"),
    ((TRIAGING, WAITING, *AT_WORK, IN_REVIEW, MERGING, DONE), [RetryRequested], "it is moving, or done"),
    ((BLOCKED,), [Triaged, AgentFinished, StartRefused, *_SLOT], "what was under way when it stopped"),
    ((BLOCKED,), [MergeRefused], "what was under way when it stopped"),
    (
        OVER,
        [Triaged, AgentFinished, StartRefused, *_SLOT, *_PULL],
        "it is over until a person reopens it",
    ),
    ((DONE, CANCELLED), [ThreadMoved], "nobody waits for words in its thread"),
    (OVER, _STOP, "it is over"),
    ((DONE, CANCELLED), [CommentAdded], "it is over"),
    ((DONE,), [AgentStarted, QuestionAsked], "it is over"),
    ((DONE, CANCELLED), [ReplyReceived], "it is over; talk goes on without the factory"),
)


def transition(record: InFlightRecord, event: Event, config: FactoryConfig) -> Transition | None:
    """Decide. None: the event was applied before, is of a time that was forgotten, no row expects it, or it changes
    nothing.

    Nor does a look at the clock that is older than the deadline which stands now, or comes while that does not count.
    What a run has cost counts in every state, a model's run ends with the triage that asked for it, and the item's
    agent session follows whatever was decided.
    """
    if record.knows(event) or forgotten.is_late(record, event):
        return None
    before, event = record, budget.raised(record, event, config)
    record = budget.settled(before, event, config)
    step = TABLE.get((record.state, type(event)))
    over = event.at >= record.deadline if record.deadline else record.refresh_at is None  # else its session is due
    runs = over and record.paused_since() is None
    early = isinstance(event, CheckedIn) and not runs
    decided = None if step is None or early else step(record.remember(event), event, config)
    decided = opinions.without_use(decided) if decided else None
    if record is not before:
        decided = budget.with_settlement(decided or record.remember(event).stay())
    return session.follow(record, event, decided, config)


def decide(record: InFlightRecord, event: Event, config: FactoryConfig) -> InFlightRecord | None:
    """transition(), with its effects planned in the record's outbox."""
    decided = transition(record, event, config)
    return decided.record.named().plan(decided.effects) if decided else None
