"""What must be true when everything rests. Each law looks at the world's own truth, not at the machine's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import TYPE_CHECKING

from factory_core.dispatch.records import InFlightRecord, State
from factory_core.text.foreign_text import for_comment
from factory_core.work_item import ItemState

from .agents import OUT
from .deadlines import REVIEW_WAITS, blocks_are_reminded_of
from .expected_end import FAILING, planned_end
from .forgettings import forgotten_is_nowhere, forgotten_stays_over
from .restores import merged_work_is_done
from .schedule import DAY, FINAL, RunPlan, Ticket
from .unrecoverable import explained, is_hopeless
from .world import BUSY, OURS, PAUSED, Truth
from .wrong_clocks import moments_are_near

if TYPE_CHECKING:
    from .simulation import Simulation

HEARD_WITHIN = 14 * DAY  # a thread is known for 30 days, and a delivery may take 15
HELD_UP = 30.0  # seconds; a shorter pause spreads what it held up over a few seconds
TOO_MANY = 6  # orders within one second
GOES_ON_WITHIN = 2_100.0  # seconds: half an hour between two probes, and the next look at the clock
SESSION_WAITS = 10.0  # seconds
DISARMED_WITHIN = 1_800.0  # seconds, beyond the longest time for which a vendor is away
NOT_TAKEN = "no worker took the run"
STOPS, MERGED, REVIEW = "The factory stops here:", "Merged:", "Ready for review:"
SAID = {
    MERGED: State.DONE,
    STOPS: State.BLOCKED,
    REVIEW: State.IN_REVIEW,
    "This has waited for a person": State.BLOCKED,
    "Nobody answered within": State.FAILED,
    REVIEW_WAITS: State.IN_REVIEW,
}
"""How the comments begin that are said once."""
RESTING = {
    State.WAITING: frozenset({"question"}),
    State.FAILED: frozenset({"problem"}),
    State.BLOCKED: frozenset({"problem"}),
}
"""What a session shows last where an item rests without being over; everywhere else how it ended."""
LATE = frozenset(
    {"delay", "duplicate", "drop", "down", "pause", "crash", "away", "expired", "clock", "sleep", "restore"}
)
"""Faults by which what happened in one life may be heard of in the next."""


def nothing_is_held(simulation: Simulation, tenant: int) -> Iterator[str]:
    """No slot, no place in line, no lease and no order is left over."""
    ledger = simulation.ledgers[tenant]
    if ledger.batch.slots or ledger.batch.queue:
        yield f"slots {list(ledger.batch.slots)} and {len(ledger.batch.queue)} in line remain"
    for record in ledger.records.values():
        if {planned.effect.kind for planned in record.outbox} == {"forget_item"}:
            continue
        if record.lease.holder or record.outbox:
            yield f"{record.work_item_id} still has a lease or orders"


def no_agent_is_left(simulation: Simulation, tenant: int) -> Iterator[str]:
    """No agent works for an item that has no use for it."""
    fleet = simulation.outside[tenant].fleet
    for run in (*fleet.live(), *fleet.asking()):
        yield f"agent {run.order.run_id} of {run.order.work_item_id} is still at work"


def every_item_rests_rightly(simulation: Simulation, tenant: int) -> Iterator[str]:
    """Where an item rests is what its own history demands."""
    outside, ledger = simulation.outside[tenant], simulation.ledgers[tenant]
    for key, truth in outside.world.truths.items():
        record = ledger.last(key)
        if simulation.restores.leave_to_people(truth, record) or truth.plan.forgotten:
            continue
        since = 0.0 if any(fault.kind in LATE for fault in simulation.schedule.faults) else ledger.begun_at(key)
        runs = [run for run in outside.fleet.runs.values() if run.order.work_item_id == key]
        plans = {run.plan for run in runs if run.begun >= since}
        acts = {kind for kind, at in truth.did if at >= since or kind == "forbid"}  # its label stays
        ended, merged = ledger.ended_at.get(key, 0.0), outside.target.merged_at.get(key, -1.0)
        stopped, met = "forbid" in acts or ledger.was_stopped(key), explained(simulation, record)
        why = _wrong(truth, record, plans, acts, met=met, merged=merged, ended=ended, stopped=stopped)
        if why:
            yield f"{key}: {why}"


def money_is_counted(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What the runs of a ticket have cost is counted, in its record and in no reservation that nobody uses."""
    outside, ledger = simulation.outside[tenant], simulation.ledgers[tenant]
    if ledger.batch.spending.accounts:
        yield f"{list(ledger.batch.spending.accounts)} have money reserved"
    for key, record in ledger.records.items():
        cost = sum(run.report.usage.usd for run in outside.fleet.paid() if run.order.work_item_id == key)
        counted = record.spent.usd + record.spending.reserved
        forgotten = simulation.outside[tenant].world.truths[key].plan.forgotten  # with all that it had spent
        if counted < cost and record.work_item_id == key and not forgotten:
            yield f"{key} has cost ${cost}, and ${counted} are counted"


def undisturbed_items_follow_their_plan(simulation: Simulation, tenant: int) -> Iterator[str]:
    """An item that no person disturbs ends as its plan alone says, whatever went wrong on the way."""
    if simulation.schedule.rules.is_thrifty or simulation.restores.at >= 0:
        return
    outside, ledger = simulation.outside[tenant], simulation.ledgers[tenant]
    for key, truth in outside.world.truths.items():
        if truth.plan.acts or truth.plan.again or truth.lied or truth.plan.forgotten:
            continue
        if truth.plan.kind == "unsure" and not _is_foreseen(truth.plan, simulation):
            continue
        if "late" in truth.plan.runs and any(fault.kind == "away" for fault in simulation.schedule.faults):
            continue  # nobody could stop it in time, and it succeeded after all
        if "twice" in truth.plan.runs and simulation.schedule.faults:
            continue  # the first word of a run's end may be lost, and then the second, another one, counts
        if any(answer.after > HEARD_WITHIN for answer in truth.plan.answers) and simulation.schedule.faults:
            continue
        record = ledger.last(key)
        if explained(simulation, record):
            continue
        state, reason = planned_end(truth.plan, simulation.configs[tenant])
        found = record.state if record else None
        if found is State.NEW and key in ledger.ended_at:
            continue  # it was forgotten, and a word of long ago came once more
        why = record.block.reason if record and record.block else ""
        if any(answer.twice for answer in truth.plan.answers) and (
            truth.plan.runs or truth.plan.red or truth.plan.requested or truth.plan.clashes
        ):
            continue  # words that come after the start cost a follow-up of their own
        if (found or state, why) != (state, reason) or (found is None and state is State.BLOCKED):
            yield f"{key} was to end {state} {reason}, and is {found} {why}"


def _is_foreseen(plan: Ticket, simulation: Simulation) -> bool:
    """Is the model asked when it is planned, and not once more after words that say nothing?"""
    rules = simulation.schedule.rules
    if not rules.model:
        return True
    return not simulation.schedule.faults and rules.opinions == 50 and all(one.useful for one in plan.answers)


def told_where_people_look(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What stopped says on its ticket why and what to do, what was merged says so, and each pull request is linked."""
    outside, ledger = simulation.outside[tenant], simulation.ledgers[tenant]
    for key, record in ledger.records.items():
        comments = "\n".join(outside.world.truths[key].comments)
        unsaid = is_hopeless(simulation, "post_comment", "post_activity")
        stopped = [comment for comment in outside.world.truths[key].comments if comment.startswith(STOPS)]
        block = record.block if record.state is State.BLOCKED else None
        said = block and any(for_comment(block.why) in comment and block.fix in comment for comment in stopped)
        if block and not unsaid and not said:
            yield f"{key} is blocked, and its ticket does not say why and what to do: {block.why} {block.fix}"
        pull = record.pull_request
        over = comments.split() if record.state is State.DONE else ()  # whose link may have lost its point
        named = {*outside.world.truths[key].links, *over}
        unlinked = is_hopeless(simulation, "link_pull_request")
        if pull and record.state is not State.CANCELLED and pull.url not in named and not unlinked:
            yield f"the ticket of {key} has no link to {pull.url}"
        if record.state is State.DONE and MERGED not in comments and not unsaid:
            yield f"{key} is done, and its ticket does not say so"


def in_progress_means_begun(simulation: Simulation, tenant: int) -> Iterator[str]:
    """A ticket is put in progress when a run of it has begun, also when the word of that beginning was lost."""
    other = any(fault.call != "begun" for fault in simulation.schedule.faults)
    for run in () if other else simulation.outside[tenant].fleet.runs.values():
        acts = simulation.outside[tenant].world.truths[run.order.work_item_id].plan.acts
        if run.taken and run.shown is ItemState.READY and not acts:
            yield f"{run.order.run_id} was at work for an hour, and its ticket was still {run.shown}"


def waiting_run_is_told(simulation: Simulation, tenant: int) -> Iterator[str]:
    """A run that no worker takes for hours is said on its ticket, once."""
    world, fleet = simulation.outside[tenant].world, simulation.outside[tenant].fleet
    if is_hopeless(simulation, "look", "read_item", "post_comment", "post_activity") or simulation.restores.at >= 0:
        return
    expired = any(fault.kind == "expired" for fault in simulation.schedule.faults)
    for key, truth in world.truths.items():
        runs = [run for run in fleet.runs.values() if run.order.work_item_id == key and run.plan == "untaken"]
        taken = sum(run.taken for run in runs)
        sessions = [session for session, item in world.sessions.items() if item == key]
        said = sum(NOT_TAKEN in comment for comment in truth.comments)
        shown = any(NOT_TAKEN in entry.text for session in sessions for entry in world.activities.get(session, ()))
        if said > len(runs) + len(sessions) or (taken and not (said or shown or expired)):
            yield f"{len(runs)} runs of {key} waited for a worker, and its ticket says so {said} times"


def said_once(simulation: Simulation, tenant: int) -> Iterator[str]:
    """A ticket is told what became of it once for each time it became that, and each agent session once more."""
    world = simulation.outside[tenant].world
    for key, truth in world.truths.items():
        became, sessions = simulation.ledgers[tenant].became(key), list(world.sessions.values()).count(key)
        for words, state in SAID.items():
            said = sum(comment.startswith(words) for comment in truth.comments)
            if said > became[state] + sessions + simulation.restores.count:  # each may lose that it was said
                yield f"{key} was told {words!r} {said} times, and became {state} {became[state]} times"


def asked_once(simulation: Simulation, tenant: int) -> Iterator[str]:
    """A question stands once for each time the factory began to wait for an answer."""
    for key, truth in simulation.outside[tenant].world.truths.items():
        waited = simulation.ledgers[tenant].became(key)[State.WAITING]
        if truth.questions > waited:
            yield f"{key} was asked {truth.questions} times, and waited {waited} times"


def done_is_done_in_the_tracker(simulation: Simulation, tenant: int) -> Iterator[str]:
    """The ticket of a merged pull request is closed, unless a person moved it."""
    world = simulation.outside[tenant].world
    if is_hopeless(simulation, "set_state", "read_item"):
        return
    for key, record in simulation.ledgers[tenant].records.items():
        item = world.truths[key].item
        if record.state is State.DONE and item and item.state in OURS and not world.truths[key].lied:
            yield f"{key} is done, and its ticket is {item.state}"


def nothing_stays_armed(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What stopped is not left for the code host to merge, and was not merged by it."""
    target, ledger = simulation.outside[tenant].target, simulation.ledgers[tenant]
    for number in {**target.armed, **target.queued}:
        item = target.item_of(target.pulls[number].branch)
        record = ledger.last(item)
        if target.pulls[number].state == "open" and record and record.state is not State.DONE:
            yield f"{item} is {record.state}, and #{number} is still armed or queued"
    for item, at in target.merged_at.items():
        by = [by for number, by in target.merged.items() if target.item_of(target.pulls[number].branch) == item]
        record, stopped = ledger.last(item), ledger.ended_at.get(item, at)
        gone = (fault.seconds for fault in simulation.schedule.faults if fault.kind in ("away", "expired"))
        away = max(gone, default=0.0)
        late = at > stopped + DISARMED_WITHIN + away
        if by[-1] == "host" and record and record.state is State.CANCELLED and late:
            yield f"{item} was merged by the code host after it was cancelled"


def sessions_are_answered(simulation: Simulation, tenant: int) -> Iterator[str]:
    """Every agent session that was heard of is acknowledged, within ten seconds if nothing went wrong."""
    world, ledger = simulation.outside[tenant].world, simulation.ledgers[tenant]
    for session, item in world.sessions.items():
        heard = [seen for record, seen in ledger.seen(item) if record.session_id == session]
        acted = {act.kind for act in world.truths[item].plan.acts} - {"delegate", "edit", "note", "comment", "push"}
        if not heard or acted or world.truths[item].lied or is_hopeless(simulation, "post_activity"):
            continue
        if session not in world.acknowledged:
            yield f"{session} of {item} was never acknowledged"
        elif not simulation.schedule.faults and world.acknowledged[session] > min(heard) + SESSION_WAITS:
            late = world.acknowledged[session] - min(heard)
            yield f"{session} of {item} was acknowledged after {late:.0f} s"


def sessions_show_the_truth(simulation: Simulation, tenant: int) -> Iterator[str]:
    """The newest session of an item shows where that rests; nobody is left with a session that seems to work."""
    world, ledger = simulation.outside[tenant].world, simulation.ledgers[tenant]
    if is_hopeless(simulation, "post_activity", "ask"):
        return
    for session, item in world.sessions.items():
        record, shown = ledger.last(item), world.activities.get(session, [])
        if not shown or record is None or world.truths[item].lied or not ledger.knows_session(item, session):
            continue
        kinds = RESTING.get(record.state, frozenset({"result", "problem"}))
        if session == record.session_id and shown[-1].kind not in kinds:
            yield f"{session} of {item}, which is {record.state}, shows last: {shown[-1].kind} {shown[-1].sentence}"
        elif shown[-1].working:
            yield f"{session} of {item} is an old one, and seems to work: {shown[-1].sentence}"


def _wrong(
    truth: Truth,
    record: InFlightRecord | None,
    plans: set[RunPlan],
    acts: set[str],
    *,
    met: str,
    merged: float,
    ended: float,
    stopped: bool,
) -> str:
    """Why this is no place to rest, or nothing.

    `plans`, `acts`: of the agents and people in its present life. `met`: the reason that a fault of the schedule gives.
    """
    item = truth.item
    ours = item is not None and item.state in OURS
    state = record.state if record else State.NEW
    if truth.lied:
        return ""
    if state is State.NEW and ended and stopped:
        return ""  # its stop was forgotten, and a word from before it came once more
    if state is State.NEW:
        return "its ticket is ready, and nobody ever heard of it" if ours and item and not merged >= 0 else ""
    if state is State.DONE:
        return "" if merged >= max(0.0, truth.reopened_at) else "it is done, and was never merged"
    if state is State.CANCELLED:
        closed = stopped or truth.refused_at < inf  # by an order, or by the answer that it is not to be done
        return "" if not ours or closed else "it is cancelled, and its ticket is ours"
    if not ours and state is State.BLOCKED:
        return f"a person took its ticket back ({item.state if item else 'gone'}), and it is still blocked"
    if state is State.FAILED:
        late = truth.answered_last > ended + HEARD_WITHIN  # it may be forgotten before the word arrives
        unanswered = late or truth.answered_last < truth.asked_last
        return "" if unanswered else "it was given up although somebody had answered"
    reason = record.block.reason if record and record.block else ""
    caused = reason == met != "" or _needs_a_person(reason, truth, plans, acts)
    return "" if caused else f"it is {state} for {reason!r} without a cause"


def _needs_a_person(reason: str, truth: Truth, plans: set[RunPlan], acts: set[str]) -> bool:
    """Did something happen that this block names?"""
    causes: dict[str, bool] = {
        "ineligible": truth.plan.kind == "ineligible" or "forbid" in acts or "person" in truth.plan.opinions,
        "still-unclear": truth.questions >= 3,
        "held": truth.plan.kind == "held",
        "withdrawn": any(
            answer.refuses or answer.takes_back or answer.before == "refusal" for answer in truth.plan.answers
        ),
        "attempts-exhausted": bool(plans & FAILING),
        "no-change": "no-change" in plans,
        "checks-failed": "check-fails" in plans,
        "protected-paths": "protected" in plans,
        "budget-run": "capped" in plans,
        "stopped": "late" in plans or bool(acts & {"stop", "abort", "cancel", "park", "done"}),
        "ci-failed": truth.plan.red > 0,
        "conflict": truth.plan.clashes > 0,
        "review-failed": truth.plan.requested > 0 or "comment" in acts or any(one.twice for one in truth.plan.answers),
        "merge-refused": truth.plan.refused in FINAL,
        "pull-request-closed": "close" in acts,
        "review-unanswered": truth.plan.ignored or bool(acts & {"push", "close"}),
    }
    return causes.get(reason, False)


def outages_end(simulation: Simulation, tenant: int) -> Iterator[str]:
    """When an engine works again, who stands in line goes on within the longest pause between two probes."""
    rules, fleet = simulation.schedule.rules, simulation.outside[tenant].fleet
    if any(fault.kind != "out" for fault in simulation.schedule.faults) or rules.reviews < len(fleet.runs):
        return  # something else may keep it in line
    for outage in fleet.outages:
        moments = (outage.ends, outage.ends + GOES_ON_WITHIN)
        started = any(moments[0] <= run.begun <= moments[1] for run in fleet.runs.values())
        waits = [key for key in fleet.items() if all(_waits_for_engine(simulation, tenant, key, at) for at in moments)]
        if waits and not started:
            yield f"the engine works again since {GOES_ON_WITHIN:.0f} s, and {waits[0]} still waits for it"


def outages_of_vendors_end(simulation: Simulation, tenant: int) -> Iterator[str]:
    """When a vendor answers again, what its outage has blocked goes on by itself."""
    for key, record in simulation.ledgers[tenant].records.items():
        if record.state is State.BLOCKED and record.block and record.block.order:
            yield f"{key} still waits for {record.block.provider}, which answers"


def limits_end_spread_out(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What a rate limit held up for a while does not go on all in one second."""
    ledger, planned = simulation.ledgers[tenant], dict[str, float]()
    for key in ledger.records:
        for record, written in ledger.seen(key):
            for order in record.outbox:
                moment = simulation.at(order.not_before) if order.not_before else written
                if order.why.startswith((BUSY, PAUSED)) and moment - written >= HELD_UP:
                    planned[order.key] = moment
    moments = sorted(planned.values())
    for first, last in zip(moments, moments[TOO_MANY - 1 :], strict=False):
        if last - first < 1:
            yield f"{TOO_MANY} orders go on within a second, {first:.0f} s after the beginning"
            return


def _waits_for_engine(simulation: Simulation, tenant: int, key: str, at: float) -> bool:
    known = [record for record, when in simulation.ledgers[tenant].seen(key) if when <= at]
    return bool(known) and known[-1].state is State.QUEUED and known[-1].waits_for.endswith(OUT)


REST_LAWS: tuple[Callable[[Simulation, int], Iterator[str]], ...] = (
    nothing_is_held,
    no_agent_is_left,
    money_is_counted,
    outages_end,
    outages_of_vendors_end,
    limits_end_spread_out,
    moments_are_near,
    merged_work_is_done,
    forgotten_is_nowhere,
    forgotten_stays_over,
    every_item_rests_rightly,
    undisturbed_items_follow_their_plan,
    told_where_people_look,
    in_progress_means_begun,
    waiting_run_is_told,
    blocks_are_reminded_of,
    said_once,
    asked_once,
    done_is_done_in_the_tracker,
    nothing_stays_armed,
    sessions_are_answered,
    sessions_show_the_truth,
)
