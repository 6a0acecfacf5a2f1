"""Every wait has its end: no deadline is too far, people are reminded in time, and nothing is given up before.

The spans are those of the configuration; what was said is read where people read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from factory_core.config import FactoryConfig
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.text.foreign_text import for_comment

from .unrecoverable import STANDS, is_hopeless
from .vendors import QUESTION

if TYPE_CHECKING:
    from .simulation import Simulation
    from .write_laws import Saved

WRONG_BY = timedelta(minutes=5)  # two clocks differ by as much without either being wrong
SLACK = timedelta(hours=3)  # longer than the store is ever away
CALLED_FOR = timedelta(minutes=30)
REVIEW_WAITS = "The pull request has waited"
KEPT = {State.FAILED: timedelta(days=30)}
LOOKS = {
    State.QUEUED: timedelta(hours=1), State.DISPATCHING: timedelta(minutes=10), State.RUNNING: timedelta(minutes=10),
    State.IN_REVIEW: timedelta(minutes=1), State.MERGING: timedelta(minutes=30), State.TRIAGING: timedelta(minutes=10),
}  # fmt: skip
"""What no key of the configuration says, stated anew, as a promise."""


def deadlines_are_near(write: Saved) -> str:
    """No deadline is further away than the longest one of its state."""
    after, now = write.after, write.process.clock()
    if after.deadline is None or write.process.simulation.wrong_clocks.was_just_put(write.process.number):
        return ""
    longest = longest_wait(after, now, write.ledger.config)
    simulation = write.process.simulation
    if after.state is State.QUEUED and simulation.wrong_clocks.has_been_wrong():
        longest = timedelta(days=1)  # as for the budget of the next day: a slot that is free wakes it before
    skew = timedelta(seconds=simulation.schedule.clocks) + WRONG_BY * simulation.wrong_clocks.has_been_wrong()
    expired = simulation.expired_since(after.since, "slack")
    if after.state is State.WAITING and expired:
        skew += expired + SLACK  # nobody could answer, until the store took note of the new token
    far = after.deadline - now
    return f"it is {after.state}, and its deadline is {far} away, not {longest}" if far > longest + skew else ""


def given_up_in_due_time(write: Saved) -> str:
    """A question or a review is given up when its time is over, and people were reminded of it before."""
    before, after, config, simulation = write.before, write.after, write.ledger.config, write.process.simulation
    if after.state is State.FAILED and before.state is not State.FAILED:
        if before.state is not State.WAITING:
            return f"it was given up while it was {before.state}"
        unsaid = "" if is_hopeless(simulation, "reply", "ask") else _question_unsaid(write)
        return _early(before, after, config.clarification.give_up_after) or unsaid or _in_one_breath(write)
    if before.state is State.IN_REVIEW and after.block and after.block.reason == "review-unanswered":
        comments = write.ledger.outside.world.truths[after.work_item_id].comments
        reminded = any(comment.startswith(REVIEW_WAITS) for comment in comments)
        unsaid = "" if reminded or is_hopeless(simulation, "post_comment") else "nobody was reminded of its review"
        return _early(before, after, config.merge.give_up_after + _unread(write)) or unsaid
    return ""


def blocks_are_reminded_of(simulation: Simulation, tenant: int) -> Iterator[str]:
    """What needs a person for long is said once more on its ticket, with why and what to do."""
    ledger, after = simulation.ledgers[tenant], simulation.configs[tenant].runner.remind_blocked_after
    if is_hopeless(simulation, "post_comment", "post_activity"):
        return
    for key, record in ledger.records.items():
        if record.state is not State.BLOCKED or record.block is None:
            continue
        seen = list(ledger.seen(key))
        other = max((n for n, (was, _) in enumerate(seen) if was.block != record.block), default=-1)
        waited = timedelta(seconds=simulation.loop.time() - seen[other + 1][1])
        comments = simulation.outside[tenant].world.truths[key].comments
        said = sum(for_comment(record.block.why) in comment and record.block.fix in comment for comment in comments)
        unsaid = simulation.expired_since(None, "linear")
        if after and waited > after + SLACK + unsaid and said < 2:
            yield f"{key} is blocked since {waited}, and nobody was reminded: {record.block.why}"


def longest_wait(record: InFlightRecord, now: datetime, config: FactoryConfig) -> timedelta:
    """How far the deadline of this state may be away."""
    agents, rules, asked = config.agents, config.clarification, record.clarification
    if record.state is State.WAITING and asked and record.since:
        steps = {"asked": rules.remind_after, "reminded": rules.escalate_after, "escalated": rules.give_up_after}
        return max(record.since + steps[asked.step] - now, timedelta(days=1))  # some time, however late it is
    if record.state is State.QUEUED and record.waits_for.endswith("at 00:00 UTC"):
        return timedelta(days=1)
    configured = {
        State.DISPATCHING: agents.start_within + agents.cooldown, State.RUNNING: agents.start_within,
        State.IN_REVIEW: config.runner.review_check_every, State.BLOCKED: config.runner.remind_blocked_after,
        State.DONE: config.runner.keep_finished, State.CANCELLED: config.runner.keep_finished,
        State.NEW: config.runner.keep_finished if record.session_id else timedelta(days=1),
    }  # fmt: skip
    return max(spans.get(record.state, timedelta(0)) for spans in (configured, LOOKS, KEPT))


def _early(before: InFlightRecord, after: InFlightRecord, give_up_after: timedelta) -> str:
    assert before.since and after.since
    waited = after.since - before.since
    return f"it was given up after {waited}, and not after {give_up_after}" if waited < give_up_after else ""


def _in_one_breath(write: Saved) -> str:
    """Whoever was called last has some time, also when all reminders were late; but a wrong clock knows no better."""
    if write.process.simulation.wrong_clocks.has_been_wrong():
        return ""
    seen = list(write.ledger.seen(write.after.work_item_id))[:-1]
    earlier = (when for record, when in seen if not (record.clarification and record.clarification.step == "escalated"))
    waited = timedelta(seconds=write.process.simulation.loop.time() - max(earlier, default=0.0))
    return f"it was given up {waited} after its reminders" if waited < CALLED_FOR else ""


def _unread(write: Saved) -> timedelta:
    """For how long it was surely known that the code host refuses the token: that does not count."""
    simulation = write.process.simulation
    stood = timedelta(seconds=sum(fault.seconds for fault in simulation.schedule.faults if fault.kind in STANDS))
    unknown = write.ledger.config.runner.review_check_every + stood + LOOKS[State.MERGING]
    return max(simulation.expired_since(write.before.since, "github") - unknown, timedelta(0))


def _question_unsaid(write: Saved) -> str:
    """One reminder and one escalation stand under the question, unless nobody knew its thread in time."""
    rules, asked = write.ledger.config.clarification, write.before.clarification
    if asked is None or not asked.thread_id or write.process.simulation.wrong_clocks.has_been_wrong():
        return ""
    posts = write.ledger.outside.world.truths[write.after.work_item_id].posts
    told = [text for thread, text in posts if thread == asked.thread_id]
    newest = max((n for n, text in enumerate(told) if text.endswith(QUESTION)), default=-1)
    under, known = told[newest + 1 :], _thread_known_after(write)
    escalated = sum(rules.escalate_to in text for text in under)
    reminded = sum(asked.question in text and rules.escalate_to not in text for text in under)
    again = write.process.simulation.restores.at >= 0  # what was said, and is lost, is said once more
    if reminded != 1 and not (again and reminded) and (reminded or known < rules.remind_after - SLACK):
        return f"it was given up after {reminded} reminders"
    if escalated != 1 and not (again and escalated) and (escalated or known < rules.escalate_after - SLACK):
        return f"it was given up after {escalated} escalations"
    return ""


def _thread_known_after(write: Saved) -> timedelta:
    """How long after the decision to ask the record first named the thread."""
    wait = [
        (bool(record.clarification and record.clarification.thread_id), when)
        for record, when in write.ledger.seen(write.after.work_item_id)
        if record.state is State.WAITING and record.since == write.before.since
    ]
    return timedelta(seconds=next(when for known, when in wait if known) - wait[0][1])
