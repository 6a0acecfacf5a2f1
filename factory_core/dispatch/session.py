"""The tracker's agent session shows where its item stands, whatever moved the item: no step has to think of it.

shown() says what a record looks like in the session. follow() is called after every step: it answers people who opened
a session or wrote in one, and keeps the newest session of the item current.

    opened ──10 s──▶ answered ─▶ … ─▶ each change of shown() ─▶ … ─▶ result | problem
                                      └─ 20 min without one ─▶ "still …", so that nobody takes it for dead
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from ..config import FactoryConfig
from ..text.foreign_text import for_comment
from . import comments
from .activity import Activity, Link, PlanStep, Status
from .effects import AcknowledgeSession, ConcludeSession, OpenPullRequest, PostActivity, UpdateSession
from .events import CheckedIn, EffectFailed, Event, ItemChanged, QuestionAsked, ReplyReceived, StopRequested
from .records import InFlightRecord, State, Transition
from .replies import may_answer

REFRESH = timedelta(minutes=20)  # trackers call a session stale after 30 minutes without an entry
REFRESH_FOR = timedelta(days=3)  # in one state: by then it has ended, or people know that it is stuck
ON_IT = Activity(text="On it: reading the ticket.")

STEPS = ("Understand the ticket", "Do the work", "Have the pull request checked and reviewed", "Merge it")

Entry = AcknowledgeSession | PostActivity | ConcludeSession
_FINAL = frozenset({"result", "problem"})


def shown(record: InFlightRecord, config: FactoryConfig) -> Activity | None:
    """What the session shows of the record; None: nothing is known of the item."""
    describe = _SHOWN.get(record.state)
    return describe(record, config) if describe else None


def plan(record: InFlightRecord) -> tuple[PlanStep, ...]:
    """The steps from the ticket to the merge, and how far the item has come."""
    reached, state = _reached(record), record.state
    over = state in (State.CANCELLED, State.FAILED)
    rest: Status = "cancelled" if over else "pending"
    now: Status = rest if over or state in (State.NEW, State.BLOCKED) else "in-progress"
    statuses = ("completed" if n < reached else now if n == reached else rest for n in range(len(STEPS)))
    return tuple(PlanStep(text=text, status=status) for text, status in zip(STEPS, statuses, strict=True))


def links(record: InFlightRecord, config: FactoryConfig) -> tuple[Link, ...]:
    """What belongs to the item elsewhere."""
    pull_request, asked, home = record.pull_request, record.clarification, config.server.public_url.rstrip("/")
    found = [
        Link(label=f"Pull request #{pull_request.number}", url=pull_request.url) if pull_request else None,
        Link(label="Question", url=asked.url) if asked and not asked.in_session else None,
        Link(label="Status", url=f"{home}/items/{quote(record.key)}") if home else None,
    ]
    return tuple(link for link in found if link and link.url)


def follow(
    before: InFlightRecord, event: Event, decided: Transition | None, config: FactoryConfig
) -> Transition | None:
    """What the step decided, and what follows from it for the sessions of the item."""
    # A look at the clock alone is not remembered: the next refresh tells it from a repeat, and 200 of them in a long
    # review would take the place of events that must be.
    after, effects = decided or Transition(before if isinstance(event, CheckedIn) else before.remember(event))
    opened, written_in = _opened_by(event), _written_in(event)
    session = opened or after.session_id or written_in or (event.session_id if isinstance(event, QuestionAsked) else "")
    if not session:
        return decided
    if isinstance(event, EffectFailed) and event.effect == PostActivity.model_fields["kind"].default:
        return Transition(after.but(session_id="", refresh_at=None), effects)  # from now on, comments say it
    is_new, after = session != before.session_id, after.but(session_id=session)
    now = shown(after.plan(effects), config)
    entries = _answer_opened(before, session, now, config) if opened and is_new else []
    by_step = {effect.session_id for effect in effects if isinstance(effect, Entry)}
    if written_in and written_in not in by_step:
        entries.append(_answer_written(before, after, written_in, now, event, config))
    if session not in by_step and all(entry.session_id != session for entry in entries):
        entries += _show_anew(before, after, now, event.at, config)
    update = is_new or (plan(before), links(before, config)) != (plan(after), links(after, config))
    refresh_at = _next_refresh(after, now, entries, event.at)
    is_due = before.refresh_at is not None and before.refresh_at <= event.at
    if decided is None and not entries and not update and not is_due:
        return None
    after, entries = _supersede(after, entries, event)
    after = after.but(refresh_at=refresh_at)
    updates = after.once(UpdateSession(session_id=session)) if update else ()
    first = (entry for entry in entries if not isinstance(entry, ConcludeSession))
    last = (entry for entry in entries if isinstance(entry, ConcludeSession))
    return Transition(after, (*first, *updates, *effects, *last))


def _opened_by(event: Event) -> str:
    return event.session_id if isinstance(event, ItemChanged) else ""


def _written_in(event: Event) -> str:
    return event.session_id if isinstance(event, ReplyReceived | StopRequested) else ""


def _answer_opened(before: InFlightRecord, session: str, now: Activity | None, config: FactoryConfig) -> list[Entry]:
    """The person who opened it sees where the item stands; the session before it is not left waiting."""
    was = shown(before, config) if before.session_id else None
    entries: list[Entry] = []
    if was and was.kind not in _FINAL:
        over = Activity(kind="result", text=comments.NEWER_SESSION)
        entries.append(AcknowledgeSession(session_id=before.session_id, activity=over))
    return [*entries, AcknowledgeSession(session_id=session, activity=_with_advice(before, now) or ON_IT)]


def _answer_written(
    before: InFlightRecord,
    after: InFlightRecord,
    session: str,
    now: Activity | None,
    event: Event,
    config: FactoryConfig,
) -> Entry:
    """What becomes of the words, or of the stop, and where the item stands."""
    moved = before.state is not after.state
    stands = (now if moved else _with_advice(before, now)) or Activity(kind="result", text=comments.NOT_KNOWN)
    if isinstance(event, StopRequested):
        text = stands.sentence if moved else f"{comments.NOTHING_TO_STOP} {stands.sentence}"
        return ConcludeSession(session_id=session, activity=Activity(kind="result", text=text))
    text = stands.sentence
    if isinstance(event, ReplyReceived):
        kept = before.has_taken(event.reply) or after.has_taken(event.reply)
        counted = may_answer(before, event.reply, config)
        text = f"{comments.became_of_words(kept=kept, counted=counted)} {text}".strip()
    if session != after.session_id:
        return AcknowledgeSession(
            session_id=session, activity=Activity(kind="result", text=f"{text}\n\n{comments.NEWER_SESSION}")
        )
    kind = "note" if stands.working else stands.kind
    return AcknowledgeSession(session_id=session, activity=Activity(kind=kind, text=text))


def _show_anew(
    before: InFlightRecord, after: InFlightRecord, now: Activity | None, at: datetime, config: FactoryConfig
) -> list[Entry]:
    """An entry where the session does not show the item any more, or has shown the same for long."""
    if now is None:
        return []
    if now != shown(before, config):
        return [] if _needs_no_entry(after) else [_entry(after.session_id, now)]
    if now.working and after.refresh_at and after.refresh_at <= at and not _is_old(after, at):
        spent = comments.duration(at - (after.since or at))
        return [_entry(after.session_id, Activity(text=f"{now.sentence} For {spent} now.", ephemeral=True))]
    return []


def _needs_no_entry(record: InFlightRecord) -> bool:
    """It passes in a moment, or the question that stands in the session is the entry."""
    asked = record.clarification
    if record.state is State.WAITING:
        return asked is None or asked.in_session or not asked.thread_id
    return record.state in (State.QUEUED, State.DISPATCHING) and not record.waits_for


def _entry(session: str, activity: Activity) -> Entry:
    kind = ConcludeSession if activity.kind in _FINAL else PostActivity
    return kind(session_id=session, activity=activity)


def _next_refresh(
    record: InFlightRecord, now: Activity | None, entries: Sequence[Entry], at: datetime
) -> datetime | None:
    """When the same must be shown again; never where the session waits for a person, or is at its end."""
    if now is None or not now.working or _is_old(record, at):
        return None
    is_shown = any(entry.session_id == record.session_id for entry in entries)
    return at + REFRESH if is_shown or record.refresh_at is None else record.refresh_at


def _is_old(record: InFlightRecord, at: datetime) -> bool:
    """A review is shown until people are reminded of it; everything else ends by itself, or is found to be stuck."""
    return record.state is not State.IN_REVIEW and at - (record.since or at) >= REFRESH_FOR


def _supersede(record: InFlightRecord, entries: Sequence[Entry], event: Event) -> tuple[InFlightRecord, list[Entry]]:
    """A newer entry takes the place of those that are still to be posted in its session, and is as urgent; so does the
    question that was asked there."""
    newer = {entry.session_id for entry in entries}
    newer |= {event.session_id} if isinstance(event, QuestionAsked) else set()
    old = {
        planned.key: planned.effect
        for planned in record.outbox
        if isinstance(planned.effect, Entry) and planned.effect.session_id in newer
    }
    waiting = {entry.session_id for entry in old.values() if isinstance(entry, AcknowledgeSession)}
    urgent: list[Entry] = [
        AcknowledgeSession(session_id=entry.session_id, activity=entry.activity)
        if isinstance(entry, PostActivity) and entry.session_id in waiting
        else entry
        for entry in entries
    ]
    return record.settle(*old), urgent


def _reached(record: InFlightRecord) -> int:
    """The step that the item is at, or stopped at."""
    at = _AT.get(record.state)
    if at is not None:
        return at
    return 2 if record.pull_request else 1 if record.attempt else 0


_AT: Mapping[State, int] = {
    State.NEW: 0,
    State.TRIAGING: 0,
    State.QUEUED: 1,
    State.DISPATCHING: 1,
    State.RUNNING: 1,
    State.IN_REVIEW: 2,
    State.MERGING: 3,
    State.DONE: 4,
}


def _asked(record: InFlightRecord, config: FactoryConfig) -> Activity:
    asked = record.clarification
    if asked is None or not asked.thread_id:
        return Activity(text="A question is about to be asked.")
    return Activity(kind="question", text=comments.question_elsewhere(asked))


def _queued(record: InFlightRecord, config: FactoryConfig) -> Activity:
    return Activity(text=f"Waiting for a place to work: {for_comment(record.waits_for, record.key) or 'it is next'}.")


def _starting(record: InFlightRecord, config: FactoryConfig) -> Activity:
    if not record.waits_for:
        return Activity(text="An agent is being started.")
    return Activity(kind="question", text=f"This needs a person: {for_comment(record.waits_for)}.")


def _working(record: InFlightRecord, config: FactoryConfig) -> Activity:
    where = f"attempt {record.attempt} on {record.branch}" + (f" in {record.route.repository}" if record.route else "")
    return Activity(kind="step", text="Working on it", about=where)


def _in_review(record: InFlightRecord, config: FactoryConfig) -> Activity:
    pull_request = record.pull_request
    pushing = any(isinstance(planned.effect, OpenPullRequest) for planned in record.outbox)
    if pull_request is None or pushing:
        return Activity(kind="step", text="Pushing", about=record.branch)
    where = pull_request.url or f"#{pull_request.number}"
    if "reminded" in record.handled:
        why = f" It waits for this: {for_comment(record.waits_for)}" if record.waits_for else ""
        return Activity(kind="question", text=comments.review_waits(config.merge.remind_after, f"{where}{why}"))
    if record.waits_for:
        return Activity(kind="step", text=f"{where} waits", about=for_comment(record.waits_for), ephemeral=True)
    return Activity(kind="step", text="Opened a pull request", about=where)


def _merging(record: InFlightRecord, config: FactoryConfig) -> Activity:
    pull_request = record.pull_request
    return Activity(kind="step", text="Merging", about=pull_request.url if pull_request else record.branch)


def _done(record: InFlightRecord, config: FactoryConfig) -> Activity | None:
    return Activity(kind="result", text=comments.summary(record, record.since, config)) if record.since else None


def _blocked(record: InFlightRecord, config: FactoryConfig) -> Activity | None:
    return Activity(kind="problem", text=comments.blocked(record.block)) if record.block else None


_SHOWN: Mapping[State, Callable[[InFlightRecord, FactoryConfig], Activity | None]] = {
    State.TRIAGING: lambda record, config: ON_IT,
    State.WAITING: _asked,
    State.QUEUED: _queued,
    State.DISPATCHING: _starting,
    State.RUNNING: _working,
    State.IN_REVIEW: _in_review,
    State.MERGING: _merging,
    State.DONE: _done,
    State.BLOCKED: _blocked,
    State.CANCELLED: lambda record, config: Activity(kind="result", text=comments.stopped(record)),
    State.FAILED: lambda record, config: Activity(kind="problem", text=comments.gave_up(config)),
}


def _with_advice(record: InFlightRecord, now: Activity | None) -> Activity | None:
    """What is over, or too late to change, stays so: with how to go on from there."""
    advice = comments.advice(record)
    if now is None or not advice:
        return now
    return now.model_copy(update={"text": f"{now.sentence} {advice}", "about": ""})
