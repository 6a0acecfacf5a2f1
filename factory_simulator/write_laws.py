"""The laws that every write of a record must keep. Each is a function, and says what is wrong, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from factory_core.dispatch.effects import LASTING, NEVER_GIVEN_UP
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.runs.run import RunStatus
from factory_core.work_item import StoredModel

from .deadlines import deadlines_are_near, given_up_in_due_time
from .schedule import FINAL
from .world import EXPIRED, LARGE, OF_TENANT, REFUSED, WORLDLY

if TYPE_CHECKING:
    from .ledger import Ledger
    from .process import Process

AT_WORK = frozenset({State.DISPATCHING, State.RUNNING})
WAITS = frozenset({State.WAITING, State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.MERGING})
WITHOUT_TRANSACTIONS = frozenset({"apart", "dynamodb"})
HEARS_WITHIN = 15.0  # seconds
LOOKS_WITHIN = timedelta(minutes=2)  # a new token is not there for longer than that and unused
STANDS_STILL = timedelta(hours=1)  # longer than a process can between a decision and its save, by whatever clock
FEW = 7  # tries, which a clock that is ahead for a minute does not make hopeless
MARKS = re.compile(r"of tenant-(\d+)\)|uuid-(\d+)-|case[ _](\d+)")
"""By which the words of one tenant are known from another's."""
NO_SLOT = ENDED | {State.BLOCKED, State.WAITING, State.TRIAGING}


class Saved(NamedTuple):
    """One write: what was there, what is there now, who wrote it."""

    before: InFlightRecord
    after: InFlightRecord
    process: Process
    ledger: Ledger

    @property
    def is_whole(self) -> bool:
        """Did the record's companions always come with it? What a lost save left in the batch stays for a while."""
        return self.after.work_item_id not in self.ledger.torn


SUPERSEDED = frozenset(
    {
        "acknowledge_session",
        "post_activity",
        "conclude_session",
        "look_at_run",
        "reserve_opinion",
        "ask_model",
        "forget_item",
    }
)
"""What a newer entry in the same session takes the place of; the look at a run whose end is known; a question to a
model that is taken back, or answered before its start was stored; and an order to forget that a newer one replaces."""


def organisations_are_apart(write: Saved) -> str:
    """What is said in another organisation, of a ticket with the same key, reaches none of ours."""
    said = [event.id for event in write.process.simulation.post.elsewhere if write.after.knows(event)]
    return f"it took {said[0]} for its own" if said else ""


def version_grows_by_one(write: Saved) -> str:
    """Every write follows the one that it was decided on."""
    before, after = write.before.version, write.after.version
    return "" if after == before + 1 else f"version {after} was written over version {before}"


def lease_is_its_holders(write: Saved) -> str:
    """Nobody but its holder changes a lease that is not over, and its epoch only grows."""
    before, after, process = write.before.lease, write.after.lease, write.process
    if after.epoch < before.epoch:
        return f"the lease's epoch went from {before.epoch} to {after.epoch}"
    held = before.holder and before.until and before.until > process.clock()
    gone = write.process.simulation.is_gone(before.holder)
    wrong = process.simulation.wrong_clocks.has_been_wrong()
    nearer = after.until is not None and after.model_copy(update={"until": before.until}) == before and wrong
    if held and not gone and before.holder != process.name and after != before and not nearer:
        return f"{process.name} changed the lease of {before.holder}"
    return ""


def lease_before_effect(write: Saved) -> str:
    """What is settled was performed by the lease's holder; anybody else may only drop what lost its point."""
    before, after = write.before, write.after
    if before.lease.holder == write.process.name:
        return ""
    kept = {planned.key for planned in after.outbox}
    gone = {planned.effect.kind for planned in before.outbox if planned.key not in kept}
    moved = before.state is not after.state
    wrong = (gone & LASTING if moved else gone) - SUPERSEDED
    holder = before.lease.holder
    return f"{write.process.name} settled {sorted(wrong)} under the lease of {holder!r}" if wrong else ""


def applied_is_remembered(write: Saved) -> str:
    """What changes the state or the history is an event, remembered once."""
    before, after = write.before, write.after
    if len(set(after.applied)) != len(after.applied):
        return "an event was applied twice"
    moved = before.state is not after.state or len(before.log) != len(after.log) or before.answers != after.answers
    if moved and after.applied == before.applied:
        return f"it went from {before.state} to {after.state}, and the event was not remembered"
    return ""


def words_count_once(write: Saved) -> str:
    """A person's words enter the history, the answers and the next task once."""
    log = write.after.log
    if len(log) == len(write.before.log):
        return ""
    quotes = [entry.quote for entry in log if entry.by == "person" and "case" in entry.quote]
    twice = len(quotes) != len(set(quotes))
    return "a person's words were taken twice" if twice else ""


def done_is_final(write: Saved) -> str:
    """Done stays done until a person puts the ticket back to ready."""
    if write.before.state is not State.DONE or write.after.state is State.DONE:
        return ""
    truth = write.ledger.outside.world.truths[write.after.work_item_id]
    finished = write.ledger.outside.target.merged_at.get(write.after.work_item_id, 0.0)
    reopened = truth.reopened_at >= finished or truth.lied
    return "" if reopened else f"it was done and is {write.after.state}, and nobody had reopened it"


def waits_with_a_deadline(write: Saved) -> str:
    """Whoever waits is looked at again; only what needs a person or is over may rest."""
    after = write.after
    if after.outbox and after.wake_at is None:
        return "effects are planned and nobody will wake"
    if after.state in WAITS and after.deadline is None:
        return f"it is {after.state} without a deadline"
    if after.state is State.TRIAGING and not after.outbox and not (after.consultation and after.deadline):
        return "it is being triaged, and no triage is planned"
    if after.state is State.BLOCKED and after.block is None:
        return "it is blocked without a reason"
    return ""


def at_work_has_a_slot(write: Saved) -> str:
    """Who starts or runs an agent holds a running slot."""
    after = write.after
    if after.state not in AT_WORK or not write.is_whole:
        return ""
    slot = write.ledger.batch.slots.get(after.work_item_id)
    return "" if slot and slot.state == "running" else f"it is {after.state} without a slot"


def tenants_are_apart(write: Saved) -> str:
    """Nothing of one tenant is in another's records: no title, no id, nobody's words."""
    item, tenant = write.after.item, write.ledger.tenant
    if len(write.process.simulation.schedule.tenants) == 1:
        return ""
    if strange := strange_to(tenant, write.after):
        return f"it holds {strange}"
    if item is None or item.title.endswith(f"of tenant-{tenant})"):
        return ""
    forgotten = write.after.state is State.NEW and item == item.nameless()  # which has no words, but is somebody's
    own = item.identity.startswith(f"linear:uuid-{tenant}-")
    return "" if forgotten and own else f"it holds the ticket {item.title!r} {item.identity}"


def strange_to(tenant: int, stored: StoredModel) -> str:
    """What of it another tenant's ticket, or somebody there, said."""
    found = MARKS.finditer(stored.model_dump_json())
    return next((mark[0] for mark in found if int(mark[1] or mark[2] or int(mark[3]) // OF_TENANT) != tenant), "")


def only_what_rests_is_forgotten(write: Saved) -> str:
    """An order to forget an item stands only while it is over, or was nothing to begin with."""
    after = write.after
    planned = any(planned.effect.kind == "forget_item" for planned in after.outbox)
    return f"it is {after.state}, and is to be forgotten" if planned and after.state not in ENDED | {State.NEW} else ""


def no_fault_of_its_own(write: Saved) -> str:
    """What fails is the world; the runner meets no mistake of its own."""
    own = [planned.why for planned in write.after.outbox if planned.why and not planned.why.startswith(WORLDLY)]
    return f"an effect met {own[0]}" if own else ""


def hopeless_is_given_up(write: Saved) -> str:
    """What a vendor refused is not planned again, nor what has failed for longer than vendors are given."""
    rules, now = write.ledger.config.runner, write.process.clock()
    known = {planned.key: planned.attempts for planned in write.before.outbox}
    for planned in write.after.outbox:
        if planned.why == REFUSED:
            return f"{planned.effect.kind} was refused, and stays planned"
        again = max(known.get(planned.key, 0), FEW) < planned.attempts
        since = write.ledger.failing.setdefault(planned.key, now) if again else now
        stopped = write.after.block if write.after.state is State.BLOCKED else None
        waits = stopped is not None and stopped.order == planned.effect.kind
        limited = planned.effect.kind not in NEVER_GIVEN_UP and not waits
        if again and limited and now - since > rules.give_up_after + STANDS_STILL:
            return f"{planned.effect.kind} has failed since {since}, and stays planned"
    return ""


def lost_credentials_cost_nothing(write: Saved) -> str:
    """What waits for a credential has spent no attempt and none of the time for vendors, and is tried again soon."""
    known, now = {planned.key: planned for planned in write.before.outbox}, write.process.clock()
    skew = timedelta(seconds=write.process.simulation.schedule.clocks)
    for planned in write.after.outbox:
        before = known.get(planned.key)
        if planned.why != EXPIRED or planned == before:
            continue
        if planned.failing_since or (before and planned.attempts > before.attempts):
            return f"{planned.effect.kind} has spent {planned.attempts} attempts, failing since {planned.failing_since}"
        if planned.not_before and planned.not_before > now + LOOKS_WITHIN + skew:
            return f"{planned.effect.kind} waits for a credential, and is tried again at {planned.not_before}"
    return ""


def blocks_in_review_have_their_cause(write: Saved) -> str:
    """Its checks, a conflict or a refusal to merge block only what had red checks, conflicts, or a final refusal."""
    before, after = write.before.block, write.after.block
    if after is None or after == before:
        return ""
    plan = write.ledger.outside.world.truths[write.after.work_item_id].plan
    caused = {"ci-failed": plan.red > 0, "conflict": plan.clashes > 0, "merge-refused": plan.refused in FINAL}
    return "" if caused.get(after.reason, True) else f"it is blocked for {after.reason} without a cause: {after.why}"


def only_starts_cost_a_try(write: Saved) -> str:
    """Waiting for capacity costs no try."""
    if write.after.block and LARGE in write.after.block.why:
        return ""  # what could not be saved was the start
    more = write.after.attempt > write.before.attempt
    return f"it is {write.after.state} after one more try" if more and write.after.state not in AT_WORK else ""


def faults_cost_no_try(write: Saved) -> str:
    """A run that a failure of machine, account or vendor ended costs its ticket no try, and stops it nowhere."""
    before, after = write.before, write.after
    run = write.ledger.outside.fleet.runs.get(after.run.run_id) if after.run else None
    if before.state not in AT_WORK or run is None or run.report.status is not RunStatus.LIMITED:
        return ""
    if after.block and after.block.reason in ("interrupted", "attempts-exhausted"):
        return f"it is blocked for {run.report.why}"
    costs = after.state is State.QUEUED and after.attempt >= before.attempt
    return f"it has spent a try for {run.report.why}" if costs else ""


def slots_follow_the_state(write: Saved) -> str:
    """With nothing left to do, an item in review holds a review slot; one that rests has none, nor a place in line."""
    after, batch = write.after, write.ledger.batch
    if not write.is_whole:
        return ""
    slot, waits = batch.slots.get(after.work_item_id), {entry.work_item_id for entry in batch.queue}
    if after.outbox:
        return ""
    if after.state in NO_SLOT and (slot or after.work_item_id in waits):
        return f"it is {after.state} and still has a slot, or stands in line"
    running = slot is not None and slot.state == "running"
    return "it is in review on a running slot" if after.state is State.IN_REVIEW and running else ""


def slots_are_used(write: Saved) -> str:
    """Where nothing goes wrong, who is given a slot while it stands in line hears of it at once."""
    before, after, simulation = write.before, write.after, write.process.simulation
    slot = write.ledger.batch.slots.get(after.work_item_id)
    if simulation.schedule.faults or slot is None or (before.state, after.state) != (State.QUEUED, State.DISPATCHING):
        return ""
    waited = (simulation.clock() - slot.since).total_seconds()
    return f"it heard of its slot after {waited:.0f} s" if waited > HEARS_WITHIN else ""


WRITE_LAWS: tuple[Callable[[Saved], str], ...] = (
    tenants_are_apart,
    organisations_are_apart,
    version_grows_by_one,
    lease_is_its_holders,
    lease_before_effect,
    applied_is_remembered,
    words_count_once,
    done_is_final,
    waits_with_a_deadline,
    deadlines_are_near,
    given_up_in_due_time,
    at_work_has_a_slot,
    only_what_rests_is_forgotten,
    hopeless_is_given_up,
    lost_credentials_cost_nothing,
    blocks_in_review_have_their_cause,
    no_fault_of_its_own,
    only_starts_cost_a_try,
    faults_cost_no_try,
    slots_follow_the_state,
    slots_are_used,
)
