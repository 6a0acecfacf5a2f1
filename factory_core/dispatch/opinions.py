"""Steps that ask a model about a ticket of which the rules are unsure. Whatever fails on the way, the rules decide.

    Triaged, unsure ─▶ ReserveOpinion ─▶ OpinionGranted ─▶ AskModel ─▶ AgentFinished ─▶ TriageItem ─▶ Triaged, joined
                          │ denied          │ refused, failed, no answer within ANSWER_WITHIN
                          └─────────────────┴──▶ an opinion that says nothing ─▶ TriageItem ─▶ Triaged, by the rules

What it is asked is named by its digest, and each text is asked about once: an opinion, or why there is none, is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..config import FactoryConfig
from . import budget
from .effects import AskModel, ReserveOpinion, SettleSpending, StopAgent, TriageItem
from .ending import block_or_note
from .events import (
    AgentFinished,
    CheckedIn,
    EffectFailed,
    OpinionDenied,
    OpinionGranted,
    StartFailed,
    StartRefused,
    Triaged,
)
from .model_verdict import MOST_OPINIONS, MOST_WHY, Opinion, joined, opinion_in
from .records import Consultation, InFlightRecord, State, Summary, Transition
from .triage import Verdict

ANSWER_WITHIN = timedelta(minutes=10)  # with the time in line for a worker
_FAILED = ("reserve_opinion", "ask_model")


def is_to_ask(record: InFlightRecord, event: Triaged) -> bool:
    """Is a model to be asked about the ticket as it is now?"""
    return bool(event.asks) and _known(record, event.asks) is None and len(record.opinions) < MOST_OPINIONS


def verdict_of(record: InFlightRecord, event: Triaged) -> Verdict:
    """What the rules found, with what a model said of the very same."""
    known = _known(record, event.asks)
    given = [answer.text for answer in record.answers if not answer.to_agent]
    return joined(event.verdict, known, event.item, given) if known else event.verdict


def consult(record: InFlightRecord, event: Triaged) -> Transition:
    """Ask; a question about what the ticket said before is taken back. One that is under way goes on."""
    seen = record.but(item=Summary.of(event.item), tracker=event.item.state)
    asked = record.consultation
    if asked and asked.digest == event.asks:
        return seen.stay()
    before, stop = _taken_back(seen)
    named = Consultation(digest=event.asks, run_id=_run_id(record, event.asks))
    reserve = ReserveOpinion(digest=event.asks)
    return before.to(State.TRIAGING, event.at, *stop, reserve, within=ANSWER_WITHIN, consultation=named)


def start_run(record: InFlightRecord, event: OpinionGranted, config: FactoryConfig) -> Transition:
    """There is money for it. What was granted for a question that was taken back meanwhile is given back."""
    asked = record.consultation
    if asked is None or asked.digest != event.digest or asked.granted:
        return record.stay(*record.once(SettleSpending()))
    text = f"The rules are unsure: asks {config.triage.model}, for at most ${event.usd:.2f}."
    noted = budget.asked_model(record, event.at).note(event.at, "factory", text)
    order = AskModel(run_id=asked.run_id, digest=asked.digest, max_usd=event.usd)
    return noted.stay(order, consultation=asked.model_copy(update={"granted": True}))


def go_on_if_denied(record: InFlightRecord, event: OpinionDenied, config: FactoryConfig) -> Transition | None:
    """There is no money for it, or its engine is paused: the rules decide."""
    asked = record.consultation
    return _without(record, event.at, event.reason) if asked and asked.digest == event.digest else None


def take_opinion(
    record: InFlightRecord, event: AgentFinished | StartFailed, config: FactoryConfig
) -> Transition | None:
    """Its run ended. The ticket is read and triaged afresh: the opinion counts for what it was asked about alone."""
    asked, report = record.consultation, event.report
    if asked is None or asked.run_id != report.run_id:
        return None
    opinion = opinion_in(asked.digest, report)
    said = f"says {opinion.says}" if opinion.says else f"gives no answer that counts: {opinion.why}"
    noted = record.note(event.at, "factory", f"The model {said} ({report.usage.cost}).")
    return _go_on(noted.without(AskModel), event.at, opinion)


def ask_anew(record: InFlightRecord, event: StartRefused, config: FactoryConfig) -> Transition | None:
    """The ticket was changed before the run began: it is triaged as it is now."""
    asked = record.consultation
    if asked is None or asked.run_id != event.run_id:
        return None
    return _triage(record.but(consultation=None), event.at)


def go_on_without(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition | None:
    """No answer in time."""
    if record.consultation is None:
        return None
    return _without(record, event.at, f"no answer within {ANSWER_WITHIN.total_seconds() / 60:.0f} minutes")


def go_on_or_block(record: InFlightRecord, event: EffectFailed, config: FactoryConfig) -> Transition:
    """A question to a model that cannot be put leaves the rules' verdict; any other effect is needed."""
    if event.effect not in _FAILED:
        return block_or_note(record, event, config)
    return _without(record, event.at, event.why) if record.consultation else record.stay()


def without_use(decided: Transition) -> Transition:
    """Whatever decided the item ends the question that is under way: its run first, before anything else starts."""
    if decided.record.consultation is None or decided.record.state is State.TRIAGING:
        return decided
    record, stop = _taken_back(decided.record)
    return Transition(record, (*stop, *decided.effects))


def _known(record: InFlightRecord, digest: str) -> Opinion | None:
    return next((one for one in record.opinions if one.digest == digest), None)


def _without(record: InFlightRecord, at: datetime, why: str) -> Transition:
    """The rules decide."""
    asked = record.consultation
    assert asked is not None
    before, stop = _taken_back(record.note(at, "factory", f"No model was asked, or none answered: {why}"))
    decided = _go_on(before, at, Opinion(digest=asked.digest, why=why[:MOST_WHY]))
    return Transition(decided.record, (*stop, *decided.effects))


def _go_on(record: InFlightRecord, at: datetime, opinion: Opinion) -> Transition:
    return _triage(record.but(consultation=None, opinions=(*record.opinions, opinion)), at)


def _triage(record: InFlightRecord, at: datetime) -> Transition:
    return record.to(State.TRIAGING, at, *record.once(TriageItem()))


def _taken_back(record: InFlightRecord) -> tuple[InFlightRecord, tuple[StopAgent, ...]]:
    """Without the question that is under way, and the order that ends its run where that may live."""
    asked = record.consultation
    stop = (StopAgent(run_id=asked.run_id),) if asked and asked.granted else ()
    return record.but(consultation=None).without(ReserveOpinion, AskModel), stop


def _run_id(record: InFlightRecord, digest: str) -> str:
    """As safe a file name as that of other runs; the same for the same question in the same life of the record."""
    return f"{record.work_item_id}.{record.born}.model-{digest}".replace(":", ".")
