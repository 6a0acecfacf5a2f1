"""Steps of triage and clarification: look at it, ask or queue, take the answer, remind, escalate, give up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import ItemState
from . import comments
from .effects import AskQuestion, MoveThread, PostReply, TakeSlot, TriageItem
from .ending import block, cancel, disarm, give_up, say
from .events import CheckedIn, ItemChanged, ItemRead, QuestionAsked, ReplyReceived, ThreadMoved, Triaged
from .following import OURS
from .records import MOST_TEXT, Block, Clarification, InFlightRecord, State, Summary, Transition
from .replies import ReplyEvent, has_words, take_words, tell_agent

FORGET_UNREADY = timedelta(hours=1)


def look_at_it(record: InFlightRecord, event: ItemChanged, config: FactoryConfig) -> Transition | None:
    """A ticket appears. What is plainly not ready is none of our business; a bare pointer has to be read."""
    if event.item and event.item.state is not ItemState.READY and not event.session_id:
        return None
    item = Summary.of(event.item) if event.item else None
    said = f"{item.key} is ready." if item else "Heard of it."
    known = record.born_at(event.at).but(item=item)
    return known.note(event.at, "tracker", said).to(State.TRIAGING, event.at, TriageItem())


def look_at_words(record: InFlightRecord, event: ReplyReceived, config: FactoryConfig) -> Transition | None:
    """Words in an agent session of an item that nobody is working on: it may be ready by now."""
    if not event.session_id:
        return None
    known = record.born_at(event.at).to(State.NEW, event.at, within=config.runner.keep_finished)

    def triage(noted: InFlightRecord) -> Transition:
        return noted.answered(event.reply).to(State.TRIAGING, event.at, TriageItem())

    return take_words(known.record, event, config, "wrote", triage) or known


def look_again(record: InFlightRecord, event: ItemChanged, config: FactoryConfig) -> Transition | None:
    """It changed while it was being triaged: triage once more, on what it says now.

    Only a hint that shows the very item that is being triaged, still in our hands, is no news.
    """
    item, known = event.item, record.item
    if item and known and item.state in OURS and Summary.of(item).digest == known.digest and not event.session_id:
        return None
    return record.stay(TriageItem())


def not_ready_after_all(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """The fresh read says that it is not ours: cancelled if we had begun, else as if we had never heard of it.

    A read from before this triage says nothing: the triage that is planned reads it again.
    """
    if _triage_is_planned(record):
        return record.stay()
    if record.run or record.clarification or record.generation > 1:
        seen = event.item.state if event.item else ItemState.OTHER
        return cancel(record.but(tracker=seen), event.at, _where(event), config)
    if not record.session_id:
        return record.to(State.NEW, event.at, within=FORGET_UNREADY, log=())
    why = comments.not_ready(event.item) if event.item else comments.NOT_KNOWN
    known = record.but(item=Summary.of(event.item)) if event.item else record
    return known.to(State.NEW, event.at, say(record, why), within=config.runner.keep_finished, log=())


def ask_queue_or_refuse(record: InFlightRecord, event: Triaged, config: FactoryConfig) -> Transition:
    """The verdict decides: a person must act, a question must be asked, or the item stands in line.

    An answer or an edit that came meanwhile has planned another triage, and that one decides.
    """
    if _triage_is_planned(record):
        return record.stay()
    verdict, at = event.verdict, event.at
    record = record.but(item=Summary.of(event.item), tracker=event.item.state, route=verdict.route)
    if not verdict.eligible:
        fix = f"In {event.item.source.provider.title()}: change the labels, or do it by hand"
        return block(record, at, Block(reason="ineligible", why=f"{verdict.why}.", fix=fix), config)
    if verdict.route is None:
        return block(record, at, _unroutable(event), config)
    if not verdict.clear:
        return ask(
            record,
            at,
            verdict.question,
            f"Not clear enough: {verdict.score} of {config.triage.threshold}, {verdict.why}.",
            config,
        )
    noted = record.note(
        at, "factory", f"Clear: {verdict.score}. Goes to {verdict.route.repository} by {verdict.route.why}."
    )
    return queue(noted, at)


def ask(record: InFlightRecord, at: datetime, question: str, why: str, config: FactoryConfig) -> Transition:
    """Ask question n in the item's thread; the n-th after the last allowed round needs a person instead."""
    question = question[:MOST_TEXT]  # an agent's may be of any length
    rounds = record.clarification.round if record.clarification else 0
    if rounds >= config.clarification.max_rounds:
        stuck = f"it is still unclear after {rounds} questions. Last: {question}"
        return block(
            record,
            at,
            Block(reason="still-unclear", why=stuck, fix=f"In the ticket of {record.key}: say it in the description"),
            config,
        )
    again = {"round": rounds + 1, "question": question, "asked_at": at, "step": "asked", "words_asked": False}
    before = record.clarification or Clarification(question=question, asked_at=at)
    asked = before.model_copy(update=again)
    effect = AskQuestion(text=comments.question(record, question, config), thread_id=asked.thread_id)
    noted = record.note(at, "factory", why).note(at, "factory", "Asks.", question)
    return noted.to(State.WAITING, at, effect, within=config.clarification.remind_after, clarification=asked)


def queue(record: InFlightRecord, at: datetime) -> Transition:
    """Stand in line for a slot; the deadline only makes sure that nobody forgets it there."""
    effects = (*disarm(record), TakeSlot())
    return record.without(TakeSlot).to(
        State.QUEUED, at, *effects, within=timedelta(hours=1), block=None, armed=False, waits_for=""
    )


def remember_thread(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """The question stands; replies that were faster than this are answers too, each of them."""
    return _with_early(record, event, lambda known, told: take_answer(known, told, config))


def remember_overtaken_thread(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """It was answered elsewhere while it was being asked: the thread stays known, and the words in it count."""
    keep = another_answer if record.state is State.TRIAGING else keep_for_the_agent
    return _with_early(record, event, lambda known, told: keep(known, told, config))


def move_thread(record: InFlightRecord, event: ThreadMoved, config: FactoryConfig) -> Transition | None:
    """The channel has a new id: what is said under it is said in our thread, and what was said is not said anew."""
    asked = record.clarification
    place, _, rest = asked.thread_id.partition(":") if asked else ("", "", "")
    if asked is None or place != event.old:
        return None
    moved = asked.model_copy(update={"thread_id": f"{event.new}:{rest}"})
    renamed = (answer.id.replace(f":{event.old}:", f":{event.new}:") for answer in record.answers)
    answers = (answer.model_copy(update={"id": name}) for answer, name in zip(record.answers, renamed, strict=True))
    return record.stay(MoveThread(thread_id=moved.thread_id), clarification=moved, answers=tuple(answers))


def take_answer(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """A person answered in the thread, or on the ticket itself: the answer joins the text that is triaged."""

    def triage_again(noted: InFlightRecord) -> Transition:
        return noted.answered(event.reply).to(State.TRIAGING, event.at, TriageItem(), block=None)

    return take_words(record, event, config, "answered", triage_again)


def answer_after_all(record: InFlightRecord, event: ReplyReceived, config: FactoryConfig) -> Transition | None:
    """An answer to an item that waits for a person because nobody had answered well: it goes on with it."""
    if record.state is State.BLOCKED and record.block and record.block.reason != "still-unclear":
        return keep_for_the_agent(record, event, config)
    return take_answer(record, event, config)


def another_answer(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """A second answer while the first is being triaged: both count."""
    return take_words(record, event, config, "answered", lambda noted: noted.answered(event.reply).stay(TriageItem()))


def keep_for_the_agent(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """Words that come while nobody waits for them: the next run is given them."""
    return take_words(record, event, config, "wrote", lambda noted: tell_agent(noted, event.reply).stay())


def note_talk(record: InFlightRecord, event: ReplyReceived, config: FactoryConfig) -> Transition | None:
    """Talk in the thread while the agent works, or its work is reviewed, is talk: it is noted, and only words on the
    ticket, in its agent session or on the pull request give the agent another round."""
    if event.session_id:
        return keep_for_the_agent(record, event, config)
    return take_words(record, event, config, "wrote in the thread", lambda noted: noted.stay())


def remind_escalate_or_give_up(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """The deadline of the question passed: first a reminder, then somebody else, then the end."""
    asked, rules = record.clarification, config.clarification
    if asked is None or asked.step == "escalated":
        return give_up(record, event.at, config)
    if asked.step == "asked":
        step, text, person, then = "reminded", comments.reminder(record), "", rules.escalate_after
    else:
        step, text, then = "escalated", comments.escalation(record, config), rules.give_up_after
        person = rules.escalate_to
    repeated = PostReply(thread_id=asked.thread_id, text=text, asks=True, person=person)
    said = [repeated] if asked.thread_id else []
    left = max(asked.asked_at + then + record.paused - event.at, timedelta(minutes=1))
    noted = record.note(
        event.at, "factory", "Reminded." if step == "reminded" else f"Escalated {rules.escalate_to}".strip() + "."
    )
    return noted.to(State.WAITING, event.at, *said, within=left, clarification=asked.model_copy(update={"step": step}))


def _triage_is_planned(record: InFlightRecord) -> bool:
    return any(isinstance(planned.effect, TriageItem) for planned in record.outbox)


def _with_early(
    record: InFlightRecord, event: QuestionAsked, take: Callable[[InFlightRecord, ReplyReceived], Transition | None]
) -> Transition:
    """The thread is known, and what was said in it before is taken once: it may have been heard in an earlier round."""
    decided = _in_thread(record, event).stay()
    early = sorted(event.early, key=lambda reply: not has_words(reply.text))  # those first that answer it
    for reply in early:
        told = ReplyReceived(id=reply.id, at=event.at, thread_id=event.thread_id, reply=reply)
        if not decided.record.knows(told):
            taken = take(decided.record.remember(told), told)
            new = [effect for effect in taken.effects if effect not in decided.effects] if taken else []
            decided = Transition(taken.record if taken else decided.record, (*decided.effects, *new))
    return decided


def _in_thread(record: InFlightRecord, event: QuestionAsked) -> InFlightRecord:
    """The record with the thread of its question."""
    asked = record.clarification
    where = {"thread_id": event.thread_id, "url": event.url, "in_session": bool(event.session_id)}
    return record.but(clarification=asked and asked.model_copy(update=where))


def _where(event: ItemRead) -> str:
    return "the ticket is gone" if event.item is None else f"the ticket is {event.item.state}"


def _unroutable(event: Triaged) -> Block:
    project = event.item.project
    what = f"No repository is mapped to project {project}." if project else "No rule names a repository for it."
    return Block(
        reason="unroutable",
        why=what,
        fix="In factory.config.yaml: map its project, a label or a keyword under routing; or label the ticket so",
    )
