"""Steps of a merge: order it, and do what the kind of a refusal asks for. A refusal never loses the pull request."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..config import FactoryConfig
from . import comments
from .effects import EnqueuePullRequest, MergePullRequest, ReadPullRequest, UpdateBranch
from .ending import block
from .events import CheckedIn, MergeRefused
from .merge_gate import solve_conflicts
from .records import Block, InFlightRecord, State, Transition, short
from .refusal import Refusal, RefusalKind, RefusedMerge
from .rounds import follow_up

MERGE_WITHIN = timedelta(minutes=30)
LOOK_SOON = timedelta(seconds=60)
UPDATED_WITHIN = timedelta(minutes=10)  # the host updates a branch after it has answered
MOST_UPDATES = 3  # of a branch that falls behind again and again
MOST_ENQUEUED = 3  # times for one head that leaves the merge queue unmerged
NO_NEWS = frozenset({"read_at", "moved", "base_sha"})  # of a pull request, what differs from read to read
MERGE_BASE = "The branch is behind its base, and the code host did not update it. Run `git merge origin/{}`."


def merge(record: InFlightRecord, at: datetime, why: str, config: FactoryConfig) -> Transition:
    """The gate is open for the pull request that was just read: merge its head, unless that was refused and nothing
    has changed since."""
    waits, refused = still_refused(record, at, config), record.refused
    soon = _just_refused(record, at)
    if soon:
        return record.stay(waits_for=waits, deadline=min(filter(None, (record.deadline, soon))))
    if waits and refused and refused.until and record.deadline:
        return record.stay(waits_for=waits, deadline=min(record.deadline, refused.until))
    if waits or record.pull_request is None:
        return record.stay(waits_for=waits)
    head = record.pull_request.head_sha
    news = refused is None or refused.head != head
    noted = record.note(at, "factory", f"Merges {head[:7]}: {why}.") if news else record
    return noted.to(State.MERGING, at, MergePullRequest(sha=head), within=MERGE_WITHIN)


def still_refused(record: InFlightRecord, at: datetime, config: FactoryConfig) -> str:
    """Why the code host would refuse it once more; empty when it may be asked.

    What was ordered after a refusal (an update of the branch, the merge queue) goes on until the head moves.
    """
    refused = record.refused
    if refused and _just_refused(record, at):
        return refused.why
    if refused is None or (refused.until and refused.until <= at):
        return ""
    ordered = refused.kind in ("update-branch", "enqueue") and refused.until
    same = refused.head == _head(record) if ordered else refused.seen == _seen(record, refused.kind, config)
    return refused.why if same else ""


def _just_refused(record: InFlightRecord, at: datetime) -> datetime | None:
    """When this head may be asked again at the earliest, if that is still to come."""
    refused = record.refused
    same = refused and refused.kind in ("later", "wait-for-people") and refused.head == _head(record)
    soon = refused.at + LOOK_SOON if refused and same and refused.at else None
    return soon if soon and at < soon else None


def back_to_review(record: InFlightRecord, event: MergeRefused, config: FactoryConfig) -> Transition:
    """The code host would not: by the kind of its refusal ask again later, wait for people, update the branch, solve a
    conflict, use the merge queue, or call a person."""
    refusal, at = event.refusal, event.at
    refused = _refused(record, refusal, at, config)
    news = record.refused is None or (record.refused.why, record.refused.head) != (refused.why, refused.head)
    noted = record.note(at, "factory", f"Not merged: {refusal.why}") if news else record
    noted = noted.but(refused=refused, waits_for=refusal.why)
    match refusal.kind:
        case "never":
            return _call_a_person(noted, at, f"The code host does not merge it: {refusal.why}", refusal, config)
        case "fix-conflict":
            return follow_up(noted, at, (solve_conflicts(record.base),), config, "conflict")
        case "update-branch":
            return _update(noted, refused, at, refusal, config)
        case "enqueue":
            return _enqueue(noted, refused, at, refusal, config)
    reads = (ReadPullRequest(),) if refusal.after == 0 else ()
    pause = (refused.until - at) if refused.until else config.runner.review_check_every
    return noted.to(State.IN_REVIEW, at, *reads, within=min(pause, config.runner.review_check_every))


def read_while_merging(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    return record.to(State.MERGING, event.at, *record.once(ReadPullRequest()), within=MERGE_WITHIN)


def _refused(record: InFlightRecord, refusal: Refusal, at: datetime, config: FactoryConfig) -> RefusedMerge:
    """With what is counted. The head that follows an update of the branch is taken to be that update's; any other new
    head is a push, of an agent or a person, and the count begins anew."""
    head = _head(record)
    before = record.refused or RefusedMerge(kind=refusal.kind, why="", head="", seen="", times=0)
    same = before.head == head
    times = before.times + 1 if same and before.kind == refusal.kind else 1
    return RefusedMerge(
        kind=refusal.kind,
        why=refusal.why[:300],
        head=head,
        seen=_seen(record, refusal.kind, config),
        until=_until(refusal, times, at, config),
        at=at,
        times=times,
        updates=before.updates if same or before.updated else 0,
        updated=same and before.updated,
        enqueued=before.enqueued if same else 0,
    )


def _head(record: InFlightRecord) -> str:
    return record.pull_request.head_sha if record.pull_request else ""


def _until(refusal: Refusal, times: int, at: datetime, config: FactoryConfig) -> datetime | None:
    """When the same may be asked again although nothing has changed."""
    longest = config.runner.review_check_every
    match refusal.kind:
        case "never":
            return None
        case "wait-for-people" | "enqueue":
            return at + longest
        case "update-branch":
            return at + UPDATED_WITHIN
    grown = min(LOOK_SOON * 2 ** min(times - 1, 20), longest)
    return at + (timedelta(seconds=refusal.after) if refusal.after else grown)


def _seen(record: InFlightRecord, kind: RefusalKind, config: FactoryConfig) -> str:
    """What the host's answer may depend on: the pull request as it was read, and how it is to be merged."""
    left_out = {*NO_NEWS, "merge_state"} if kind == "never" else {*NO_NEWS}  # a setting is none of its state
    shown = record.pull_request.model_dump_json(exclude=left_out) if record.pull_request else ""
    return short(f"{config.merge.method} {shown}")


def _update(
    record: InFlightRecord, refused: RefusedMerge, at: datetime, refusal: Refusal, config: FactoryConfig
) -> Transition:
    """An update that moved nothing is not ordered again: the agent merges the base instead."""
    if refused.updated:
        return follow_up(record, at, (MERGE_BASE.format(record.base),), config, "conflict")
    if refused.updates >= MOST_UPDATES:
        why = f"Its branch was updated {refused.updates} times and is behind its base again."
        return _call_a_person(record, at, why, refusal, config)
    counted = refused.model_copy(update={"updates": refused.updates + 1, "updated": True})
    noted = record.but(refused=counted).note(at, "factory", "Updates the branch with its base.")
    return noted.to(State.IN_REVIEW, at, UpdateBranch(sha=refused.head), within=LOOK_SOON)


def _enqueue(
    record: InFlightRecord, refused: RefusedMerge, at: datetime, refusal: Refusal, config: FactoryConfig
) -> Transition:
    """The host merges it by itself from now on, so that whatever stops the item takes it out of the queue again."""
    if refused.enqueued >= MOST_ENQUEUED:
        why = f"It was in the merge queue {refused.enqueued} times and was not merged."
        return _call_a_person(record, at, why, refusal, config)
    counted = refused.model_copy(update={"enqueued": refused.enqueued + 1})
    noted = record.but(refused=counted, armed=True).note(at, "factory", "Goes into the merge queue.")
    order = EnqueuePullRequest(sha=refused.head)
    return noted.to(State.IN_REVIEW, at, order, within=config.runner.review_check_every)


def _call_a_person(
    record: InFlightRecord, at: datetime, why: str, refusal: Refusal, config: FactoryConfig
) -> Transition:
    """Until the pull request or the way to merge it changes, or a person says that it is to be tried again.

    What was counted stays counted where it was too much: a review of each updated head would begin it anew for ever.
    """
    again = comments.retry_fix(record)
    fix = f"{refusal.fix}; then {again}" if refusal.fix.startswith("In ") else again
    anew = {"until": None, "updated": False} | ({"updates": 0, "enqueued": 0} if refusal.kind == "never" else {})
    kept = record.refused.model_copy(update=anew) if record.refused else None
    return block(record.but(refused=kept), at, Block(reason="merge-refused", why=why, fix=fix, gate_lifts=True), config)
