"""What is said of one item: why it needs a person, what happens next and when, what a person can type."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ..config import FactoryConfig
from ..dispatch import comments
from ..dispatch.effects import StartAgent
from ..dispatch.merge_gate import FOR_A_PERSON, gate
from ..dispatch.pull_request import PullRequest
from ..dispatch.records import Clarification, InFlightRecord, State
from ..runs.run import Usage
from .formatting import at, clock, command, cost, count, money, retry, sentence


class Need(NamedTuple):
    """Why an item needs a person. `then` is the consequence of doing nothing."""

    reason: str
    why: str
    then: str
    fix: str
    quote: str = ""
    waiting_on: str | None = None
    escalates_at: datetime | None = None


def need(record: InFlightRecord, spent: Usage, config: FactoryConfig, now: datetime) -> Need | None:
    """None when the item goes on by itself."""
    if record.state is State.WAITING:
        return _answer(record, config, now)
    if record.state is State.BLOCKED:
        return _block(record, spent, config)
    if record.state is State.DISPATCHING and record.waits_for:
        return _not_begun(record, config)
    if (
        record.state is State.IN_REVIEW
        and record.pull_request
        and _only_a_person_may_merge(record, record.pull_request, config)
    ):
        then = f"{_pull_request(record)}, checks green. {_unless_reviewed(record, config, now)}"
        return Need("approval", "Ready to merge. Policy wants a person.", then, command("status", record.key))
    return None


def _answer(record: InFlightRecord, config: FactoryConfig, now: datetime) -> Need:
    asked = record.clarification
    if asked is None:
        return Need("waiting-clarification", "Waiting for an answer.", "", command("status", record.key))
    person = record.item.reporter if record.item else ""
    escalates = _escalates(record, asked, config)
    then = f"{_asked(asked, person, config, now)} {_then(record, asked, config, now)}"
    return Need(
        "waiting-clarification", _what_waits(record, asked), f"{then}No agent is running, nothing is being spent.",
        command("status", record.key), asked.question, person or config.title(config.clarification_channel), escalates,
    )  # fmt: skip


def _what_waits(record: InFlightRecord, asked: Clarification) -> str:
    """For what: of a question that triage asked, what the ticket does not say."""
    about_ticket = record.verdict is not None and not (asked.by_agent or asked.repositories)
    gaps = record.verdict.gaps if record.verdict and about_ticket else ()
    return f"Waiting for an answer: {'; '.join(gaps)}." if gaps else "Waiting for an answer."


def _escalates(record: InFlightRecord, asked: Clarification, config: FactoryConfig) -> datetime | None:
    if asked.step == "asked":
        return asked.asked_at + config.clarification.escalate_after + record.paused
    return record.deadline if asked.step == "reminded" else None


def _asked(asked: Clarification, person: str, config: FactoryConfig, now: datetime) -> str:
    words = f"Asked {person or 'the channel'} in {config.title(config.clarification_channel)} {at(asked.asked_at, now)}"
    after = {"asked": "", "reminded": ", reminded", "escalated": ", reminded, escalated"}[asked.step]
    return f"{words}{after}{f', round {asked.round}' if asked.round > 1 else ''}."


def _then(record: InFlightRecord, asked: Clarification, config: FactoryConfig, now: datetime) -> str:
    """What the deadline brings."""
    if record.deadline is None:
        return ""
    when = at(record.deadline, now)
    if asked.step == "asked":
        return f"Reminded {when}. "
    if asked.step == "reminded":
        return f"Goes to {_whom(config)} {when}. " if config.clarification.escalate_to else f"Escalated {when}. "
    return f"Given up {when}. "


def _whom(config: FactoryConfig) -> str:
    """The name behind the channel's mention, where the configuration knows it."""
    mention = config.clarification.escalate_to
    names = {mention_of: name for name, mention_of in config.clarification.people.items()}
    return names.get(mention) or names.get(mention.strip("<@>")) or mention


def _block(record: InFlightRecord, spent: Usage, config: FactoryConfig) -> Need:
    block = record.block
    reason, why = (block.reason, sentence(block.why)) if block else ("blocked", "Stopped.")
    where = f"The work is in {_pull_request(record)}." if record.pull_request else ""
    used = f"Spent {cost(spent.usd, spent.cost_known)}, cap {money(Decimal(str(config.agents.max_usd)))} a run."
    used = used if spent.usd or not spent.cost_known else ""
    goes_on = f"It goes on by itself when {config.title(block.provider)} answers." if block and block.order else ""
    then = " ".join(part for part in (where, used, goes_on or "It will not go on by itself.") if part)
    return Need(reason, why, then, block.fix if block else retry(record.key))


def _not_begun(record: InFlightRecord, config: FactoryConfig) -> Need:
    starts = any(isinstance(planned.effect, StartAgent) for planned in record.outbox)
    then = "It starts by itself when that is solved. No agent is running, nothing is being spent."
    return Need(
        "not-begun", sentence(record.waits_for), then, comments.START_FIX if starts else comments.worker_fix(config)
    )


def _only_a_person_may_merge(record: InFlightRecord, pull_request: PullRequest, config: FactoryConfig) -> bool:
    """Everything is green, and either the policy is never to merge, or what it changes is protected."""
    if config.merge.policy != "never" and not record.waits_for.startswith(FOR_A_PERSON):
        return False
    green = config.merge.model_copy(update={"policy": "on-green", "trust_any_check": True})
    return gate(pull_request.model_copy(update={"files": ()}), green, record.base).verdict == "open"


def _pull_request(record: InFlightRecord) -> str:
    pull_request = record.pull_request
    return f"{'draft ' if pull_request.draft else ''}PR #{pull_request.number}" if pull_request else "no PR yet"


def trouble(record: InFlightRecord, config: FactoryConfig, now: datetime) -> str:
    """What the outbox could not do at its last attempt, and when it is tried again; empty when all is well."""
    lost = next((planned for planned in record.outbox if planned.lost), None)
    if lost and lost.lost_since:
        doing = lost.effect.kind.replace("_", " ").capitalize()
        return f"{doing} waits for a new credential of {config.title(lost.lost)} since {clock(lost.lost_since, now)}."
    planned = next((planned for planned in record.outbox if planned.attempts), None)
    if planned is None:
        return ""
    again = f" Again {at(planned.not_before, now)}." if planned.not_before else ""
    times = "once" if planned.attempts == 1 else f"{planned.attempts} times"
    return f"{planned.effect.kind.replace('_', ' ').capitalize()} failed {times}: {sentence(planned.why)}{again}"


def coming(record: InFlightRecord, config: FactoryConfig, now: datetime) -> str:
    """What happens next and when, for an item that goes on by itself or has come to its end."""
    match record.state:
        case State.RUNNING:
            return _caps(record, config, now)
        case State.IN_REVIEW if record.pull_request:
            waits = record.waits_for or gate(record.pull_request, config.merge, record.base).why
            return f"{sentence(waits)} {_unless_reviewed(record, config, now)}"
        case State.QUEUED:
            return "It starts when there is room. Waiting costs no try."
        case State.DONE | State.CANCELLED:
            return "Nothing more happens. A reopened ticket starts again."
        case State.FAILED:
            return "Nothing more happens until a person takes it up again."
    return _next_look(record, now)


def _unless_reviewed(record: InFlightRecord, config: FactoryConfig, now: datetime) -> str:
    """What happens when nobody acts on the pull request."""
    if record.since is None:
        return ""
    since = record.since + record.paused
    remind = "" if "reminded" in record.handled else f"Reminded {at(since + config.merge.remind_after, now)}. "
    return f"{remind}Stopped {at(since + config.merge.give_up_after, now)} if nobody acts."


def _next_look(record: InFlightRecord, now: datetime) -> str:
    return f"Looked at again {at(record.deadline, now)}." if record.deadline else ""


def _caps(record: InFlightRecord, config: FactoryConfig, now: datetime) -> str:
    agents = config.agents
    started = record.run.started_at if record.run else record.since
    latest = f"{at(started + agents.max_duration, now)}, " if started else ""
    left = agents.max_attempts - record.attempt
    after = (
        f"{count(left, 'more try').replace('trys', 'tries')} may follow."
        if left > 0
        else "No other try starts by itself."
    )
    cap = money(Decimal(str(agents.max_usd)))
    return f"The agent is stopped {latest}after {agents.max_turns} turns or {cap}, whichever is first. {after}"


def now_sentence(record: InFlightRecord, here: str, tries: str, now: datetime) -> str:
    """Where the item stands now. `here` is the time in this state in words, `tries` like `try 1 of 2`."""
    for_time = f" for {here}" if here else ""
    when = f" {at(record.since, now)}" if record.since else ""
    match record.state:
        case State.NEW | State.TRIAGING:
            asked = ": a model is asked about it" if record.consultation else ""
            return f"In triage{for_time}{asked}."
        case State.QUEUED:
            return f"In line{for_time}{f': {record.waits_for}' if record.waits_for else ''}."
        case State.DISPATCHING:
            return f"An agent is being started{for_time}, {tries}."
        case State.RUNNING:
            return f"Building{for_time}, {tries}."
        case State.IN_REVIEW:
            return f"In review{for_time}: {_pull_request(record)}."
        case State.MERGING:
            return f"Merging: {_pull_request(record)}."
        case State.DONE:
            return f"{'Merged' if merged(record) else 'Done'}{when}."
        case State.CANCELLED:
            return f"Cancelled{when}."
        case State.FAILED:
            return f"Given up{when}."
    return ""  # waiting and blocked: need() says it


def merged(record: InFlightRecord) -> bool:
    return bool(record.pull_request and record.pull_request.merged)
