"""Steps of triage and clarification: look at it, ask or queue, take the answer, remind, escalate, give up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import ItemState
from . import budget, comments, forgotten, opinions, repository_question
from .answers import Answer, is_only_refusal, is_yes, judge_answer
from .choices import MOST_SHOWN
from .comments import words_needed
from .effects import (
    AskQuestion,
    Effect,
    MoveThread,
    PostComment,
    PostReply,
    ReleaseSlot,
    StopAgent,
    TakeSlot,
    TriageItem,
)
from .ending import SLOTTED, block, cancel, disarm, find_merged, give_up, live_runs, say
from .events import (
    CheckedIn,
    ItemChanged,
    ItemRead,
    ItemStranded,
    QuestionAsked,
    ReplyReceived,
    ThreadMoved,
    Triaged,
)
from .forgotten import TICKET_GONE
from .question_text import once_more
from .records import MOST_TEXT, OURS, Block, Clarification, InFlightRecord, State, Summary, Transition, clean_names
from .replies import ReplyEvent, has_words, reply_in_place, take_words, tell_agent
from .repository_question import picked, take_repository
from .routing import Route, Undecided

FORGET_UNREADY = timedelta(hours=1)
UNANSWERED = frozenset({"still-unclear", "withdrawn"})
"""Reasons of blocks that an answer lifts."""
STRANDED = "stranded"
"""The mark of an item that is in progress without ever having run, as far as its record says."""


def look_at_it(record: InFlightRecord, event: ItemChanged, config: FactoryConfig) -> Transition | None:
    """A ticket appears. What is plainly not ready is none of our business; a bare pointer has to be read."""
    if event.item and event.item.state is not ItemState.READY and not event.session_id:
        return None
    if event.item and not event.session_id and forgotten.stays_forgotten(record, event.item):
        return None
    item = Summary.of(event.item) if event.item else None
    said = f"{item.key} is ready." if item else "Heard of it."
    known = record.born_at(event.at).but(item=record.item if forgotten.forgotten_at(record) else item)
    return known.note(event.at, "tracker", said).to(State.TRIAGING, event.at, TriageItem())


def take_up_again(record: InFlightRecord, event: ItemStranded, config: FactoryConfig) -> Transition | None:
    """Its record is gone, and whatever ran for it is over: it goes on as if it had just come, and people read so."""
    if forgotten.forgotten_at(record):
        return forgotten.keep(record, event.item.updated_at, event.at, config)
    known = record.born_at(event.at).but(item=Summary.of(event.item)).handle(STRANDED)
    noted = known.note(event.at, "factory", "In progress without a record: taken up again.")
    return noted.to(State.TRIAGING, event.at, TriageItem(), PostComment(body=comments.TAKEN_UP_AGAIN))


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
    return record.stay(*_once_more(record))


def not_ready_after_all(record: InFlightRecord, event: ItemRead, config: FactoryConfig) -> Transition:
    """The fresh read says that it is not ours: cancelled if we had begun, else as if we had never heard of it.

    A read from before this triage says nothing: the triage that is planned reads it again.
    """
    if _triage_is_planned(record):
        return record.stay()
    if event.merged:
        return find_merged(record, event.at, event.merged, config)
    if forgotten.forgotten_at(record) and not record.session_id:
        return forgotten.again(record, event.item.state if event.item else None, event.at, config)
    if record.run or record.clarification or record.generation > 1:
        seen = event.item.state if event.item else ItemState.OTHER
        return cancel(record.but(tracker=seen), event.at, _where(event), config)
    summary = Summary.of(event.item) if event.item else record.item
    known = record.but(item=summary and summary.nameless())  # a delivery may come long after the ticket was forgotten
    if not record.session_id:
        return known.to(State.NEW, event.at, within=FORGET_UNREADY, log=())
    why = comments.not_ready(event.item) if event.item else comments.NOT_KNOWN
    return known.to(State.NEW, event.at, say(record, why), within=config.runner.keep_finished, log=())


def ask_queue_or_refuse(record: InFlightRecord, event: Triaged, config: FactoryConfig) -> Transition:
    """The verdict decides: a person must act, a question must be asked, or the item stands in line.

    An answer or an edit that came meanwhile has planned another triage, and that one decides.
    """
    if _triage_is_planned(record):
        return record.stay()
    if opinions.is_to_ask(record, event):
        return opinions.consult(record, event)
    verdict, at = opinions.verdict_of(record, event), event.at
    record = forgotten.remembered(record)
    route = event.route if isinstance(event.route, Route) else None
    record = record.but(item=Summary.of(event.item), tracker=event.item.state, route=route, verdict=verdict)
    if verdict.kind == "withdrawn":
        return withdraw(record, at, config)
    if not verdict.eligible:
        reason, fix = "held" if verdict.hold else "ineligible", comments.not_for_an_agent(event.item, verdict)
        return block(record, at, Block(reason=reason, why=f"{verdict.why}.", fix=fix), config)
    if isinstance(event.route, Undecided):
        return ask_where(record, at, event.route, verdict.language, config)
    if not verdict.clear:
        return ask(record, at, verdict.question, f"Not clear enough: {verdict.why}.", config)
    noted = record.note(at, "factory", f"Clear: {verdict.why}. Goes to {event.route.repository} ({event.route.why}).")
    return queue(noted, at, config)


def withdraw(record: InFlightRecord, at: datetime, config: FactoryConfig) -> Transition:
    """Somebody wrote that it is not to be done: nothing starts, nor is taken by a worker, and people say whether the
    ticket is to be closed."""
    if config.clarification.on_refusal == "close":
        return cancel(record, at, "somebody wrote that it is not to be done", config)
    asked = record.clarification
    question = comments.close_it(record)
    thread = asked.thread_id if asked and not asked.in_session else ""
    posted = (PostReply(thread_id=thread, text=question, asks=True),) if thread else ()
    why = "somebody wrote that it is not to be done."
    fix = f"Close the ticket; or write what should be done, and then: {comments.retry_fix(record)}"
    known = (
        record.but(clarification=asked.model_copy(update={"repositories": (), "by_agent": False})) if asked else record
    )
    stops = (StopAgent(run_id=run) for run in live_runs(record))
    return block(known, at, Block(reason="withdrawn", why=why, fix=fix), config, *stops, *posted)


def ask_where(
    record: InFlightRecord, at: datetime, undecided: Undecided, language: str, config: FactoryConfig
) -> Transition:
    """Ask to which repository it belongs; while that question stands, an edit of the ticket does not repeat it, and
    people have their time anew."""
    asked, rules = record.clarification, config.clarification
    if not undecided.repositories:
        fix = "In factory.config.yaml: describe a repository under repositories"
        return block(record, at, Block(reason="unroutable", why="no repository is configured.", fix=fix), config)
    offered = undecided.repositories[:MOST_SHOWN]
    if asked and asked.thread_id and asked.round and asked.repositories == offered:
        left = {"asked": rules.remind_after, "reminded": rules.escalate_after, "escalated": rules.give_up_after}
        stands = asked.model_copy(update={"asked_at": at})
        return record.to(State.WAITING, at, within=left[asked.step], clarification=stands)
    text, why = repository_question.question(record, undecided, language), f"Not routed: {undecided.why}."
    return ask(record, at, text, why, config, offered)


def ask(
    record: InFlightRecord,
    at: datetime,
    question: str,
    why: str,
    config: FactoryConfig,
    repositories: tuple[str, ...] = (),
    *,
    by_agent: bool = False,
) -> Transition:
    """Ask question n in the item's thread; the n-th after the last allowed round needs a person instead.

    `repositories`: the question is which of these the item belongs to. `by_agent`: it is about the work, and any words
    answer it. A question that an answer has not answered is not put in the same words again.
    """
    last = record.clarification.question if record.clarification else ""
    if last and last == question and not by_agent and record.verdict:
        question = once_more(question, record.verdict.language)
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
    again = {
        "round": rounds + 1, "question": question, "repositories": repositories, "asked_at": at, "step": "asked",
        "words_asked": False, "choice_asked": False, "by_agent": by_agent, "handed_on": False,
    }  # fmt: skip
    before = record.clarification or Clarification(question=question, asked_at=at)
    asked = before.model_copy(update=again)
    effect = AskQuestion(text=comments.question(record, question, config), thread_id=asked.thread_id)
    noted = record.note(at, "factory", why).note(at, "factory", "Asks.", question)
    return noted.to(State.WAITING, at, effect, within=config.clarification.remind_after, clarification=asked)


def queue(record: InFlightRecord, at: datetime, config: FactoryConfig, *, publishes: bool = False) -> Transition:
    """Stand in line for a slot, unless the item's own limits are in the way; the deadline only makes sure that nobody
    forgets it there. `publishes`: for a run without an agent."""
    record = record.but(publishes=publishes)
    stopped, waits = budget.exhausted(record, config), budget.wait(record, at, config)
    if stopped:
        return block(record, at, stopped, config)
    if waits:
        freed = record.once(ReleaseSlot()) if record.state in SLOTTED else ()
        orders = (*disarm(record), *freed)
        decided = wait_for_day(record.without(TakeSlot), at, waits, config)
        kept = decided.record.to(
            State.QUEUED, at, within=waits.until - at, block=None, armed=False, waits_for=waits.why
        )
        return Transition(kept.record, (*orders, *decided.effects))
    effects = (*disarm(record), TakeSlot())
    return record.without(TakeSlot).to(
        State.QUEUED, at, *effects, within=timedelta(hours=1), block=None, armed=False, waits_for=""
    )


def wait_for_day(record: InFlightRecord, at: datetime, waits: budget.Wait, config: FactoryConfig) -> Transition:
    """It waits for the next day: said once on the ticket, with what helps."""
    told = f"day:{waits.until:%Y-%m-%d}"
    if told in record.handled:
        return record.stay(waits_for=waits.why)
    said = () if record.session_id else (PostComment(body=comments.waits_for_day(record, waits.why, config)),)
    return record.note(at, "factory", f"Waits: {waits.why}.").handle(told).stay(*said, waits_for=waits.why)


def remember_thread(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """The question stands; replies that were faster than this are answers too, each of them."""
    return _with_early(record, event, lambda known, told: take_answer(known, told, config))


def remember_overtaken_thread(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """It was answered elsewhere while it was being asked: the thread stays known, and the words in it count."""
    return _with_early(record, event, lambda known, told: another_answer(known, told, config))


def remember_thread_before_work(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """The same of an item whose agent has not begun: it may still be taken back."""
    return _with_early(record, event, lambda known, told: keep_or_withdraw(known, told, config))


def remember_thread_at_work(record: InFlightRecord, event: QuestionAsked, config: FactoryConfig) -> Transition:
    """The same of an item whose agent is at work."""
    return _with_early(record, event, lambda known, told: keep_for_the_agent(known, told, config))


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
    """A person answered in the thread, or on the ticket itself: it joins the text that is triaged, or routes it."""

    def triage_again(known: InFlightRecord, effects: Sequence[Effect]) -> Transition:
        return known.to(State.TRIAGING, event.at, *effects, block=None)

    if _asks_where(record) and _judged(record, event).kind != "refusal":
        return take_repository(record, event, config, triage_again)
    return _judge(record, event, config, triage_again)


def answer_blocked(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """Words to an item that waits for a person because nobody had answered well, or somebody did not want it: an answer
    takes it up again, and a yes to closing it ends it. Only words that say what is to be done take up what was refused.
    What an outage alone holds up takes words as it did before."""
    stopped = record.block
    reason = stopped.reason if stopped else ""
    held_up_in = stopped.back_to if stopped and stopped.order else None
    if held_up_in is State.TRIAGING:
        return another_answer(record, event, config)
    judged = _judged(record, event)
    if reason == "withdrawn" and (judged.kind == "refusal" or is_yes(event.reply.text)):
        why = "a person answered that it is to be closed"
        return take_words(
            record, event, config, "wrote", lambda noted: cancel(noted.take(event.reply), event.at, why, config)
        )
    if reason == "withdrawn" and judged.kind == "substance" and not judged.instructs:
        return take_words(record, event, config, "wrote", lambda noted: _stays_withdrawn(noted, event))
    if reason in UNANSWERED or held_up_in is State.WAITING:
        return take_answer(record, event, config)
    return keep_for_the_agent(record, event, config)


def _stays_withdrawn(record: InFlightRecord, event: ReplyEvent) -> Transition:
    """A statement about what somebody refused is kept for whoever takes it up, and answered once with how that is
    done."""
    known, mark = record.answered(event.reply), "withdrawn:asked"
    if mark in record.handled:
        return known.stay()
    return known.handle(mark).stay(reply_in_place(event, comments.how_to_take_up(record)))


def keep_or_withdraw(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """Words before the agent's work has begun: it is given them, unless they say that it is not to be done."""
    if _judged(record, event).kind != "refusal":
        return keep_for_the_agent(record, event, config)
    return take_words(
        record, event, config, "wrote", lambda noted: withdraw(noted.answered(event.reply), event.at, config)
    )


def another_answer(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """A second answer while the first is being triaged: both count; of two repositories the one that was named last."""
    if picked(record, event.reply, config):
        return take_repository(record, event, config, lambda known, effects: known.stay(*effects))
    return _judge(record, event, config, lambda known, _: known.stay(*_once_more(record)))


def _judge(
    record: InFlightRecord,
    event: ReplyEvent,
    config: FactoryConfig,
    go_on: Callable[[InFlightRecord, Sequence[Effect]], Transition],
) -> Transition | None:
    """Words of substance, a choice that was offered, and a refusal are triaged; all else leaves the question standing,
    and its time running. To an agent's question any words are an answer."""
    asked, judged = record.clarification, _judged(record, event)
    by_agent = asked is not None and asked.by_agent and judged.kind not in ("refusal", "order")
    reply = event.reply.model_copy(update={"to_agent": True}) if by_agent else event.reply
    if by_agent or judged.kind in ("substance", "choice", "refusal"):
        return take_words(record, event, config, "answered", lambda noted: go_on(noted.answered(reply), [TriageItem()]))
    return take_words(record, event, config, "wrote", lambda noted: _stands(noted, event, judged, config))


def _asks_where(record: InFlightRecord) -> bool:
    return bool(record.clarification and record.clarification.repositories)


def _judged(record: InFlightRecord, event: ReplyEvent) -> Answer:
    asked, verdict = record.clarification, record.verdict
    offered = verdict.choices if verdict else ()
    judged = judge_answer(event.reply.text, offered)
    later = [answer for answer in record.answers if answer.at > event.reply.at]
    if judged.kind == "refusal" and any(judge_answer(one.text, offered).instructs for one in later):
        return Answer(
            kind="shrug"
        )  # somebody has taken it back since: the last word counts, in whatever order they come
    if judged.kind == "refusal" and asked and asked.by_agent and not is_only_refusal(event.reply.text):
        return Answer(kind="substance", text=event.reply.text)  # `no, don't do that` is about a detail of the work
    return judged


def _stands(record: InFlightRecord, event: ReplyEvent, judged: Answer, config: FactoryConfig) -> Transition:
    """The question stands. A question in return goes once to the person to escalate to; a picture is named once."""
    asked = record.clarification
    known = record.take(event.reply)
    if asked is None:
        return known.stay()
    files = clean_names(asked.attachments, event.reply.attachments)
    held = asked.model_copy(update={"attachments": files})
    if judged.kind == "counter-question" and not asked.handed_on:
        held = held.model_copy(update={"handed_on": True})
        person, text = config.clarification.escalate_to, comments.counter_question(known, event.reply.text)
        if person and asked.thread_id:
            handed = PostReply(thread_id=asked.thread_id, text=text, asks=True, person=person)
            return known.stay(handed, clarification=held)
        return known.stay(reply_in_place(event, text), clarification=held)
    if judged.kind == "picture" and not asked.words_asked:
        held = held.model_copy(update={"words_asked": True})
        return known.stay(reply_in_place(event, words_needed(files)), clarification=held)
    if judged.kind == "order":
        return known.stay(reply_in_place(event, comments.NOT_PASSED_ON), clarification=held)
    return known.stay(clarification=held)


def keep_for_the_agent(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """Words that come while nobody waits for them: the next run is given them."""
    return take_words(record, event, config, "wrote", lambda noted: tell_agent(noted, event.reply).stay())


def note_talk(record: InFlightRecord, event: ReplyReceived, config: FactoryConfig) -> Transition | None:
    """Talk in the thread while the agent works, or its work is reviewed, is talk: it is noted, and only words on the
    ticket, in its agent session or on the pull request give the agent another round. `Stop, please` is answered: it
    stops nothing there."""
    if event.session_id:
        return keep_for_the_agent(record, event, config)
    stops = _judged(record, event).kind == "refusal" and is_only_refusal(event.reply.text)
    said = (reply_in_place(event, comments.how_to_stop(record)),) if stops else ()
    return take_words(record, event, config, "wrote in the thread", lambda noted: noted.stay(*said))


def remind_escalate_or_give_up(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """The deadline of the question passed: first a reminder, then somebody else, then the end."""
    asked, rules = record.clarification, config.clarification
    if asked is None or asked.step == "escalated":
        return give_up(record, event.at, config)
    if asked.step == "asked":
        step, text, person, then = "reminded", comments.reminder(record), "", rules.escalate_after
        between = rules.escalate_after - rules.remind_after
    else:
        step, text, then = "escalated", comments.escalation(record, config), rules.give_up_after
        person, between = rules.escalate_to, rules.give_up_after - rules.escalate_after
    repeated = PostReply(thread_id=asked.thread_id, text=text, asks=True, person=person)
    said = [repeated] if asked.thread_id else []
    least = max(min(between / 4, timedelta(days=1)), timedelta(minutes=1))  # after a machine slept for days
    left = max(asked.asked_at + then + record.paused - event.at, least)
    noted = record.note(
        event.at, "factory", "Reminded." if step == "reminded" else f"Escalated {rules.escalate_to}".strip() + "."
    )
    return noted.to(State.WAITING, event.at, *said, within=left, clarification=asked.model_copy(update={"step": step}))


def _once_more(record: InFlightRecord) -> tuple[Effect, ...]:
    """One more triage, unless two are planned already: one may be under way, the other has not begun."""
    waiting = sum(isinstance(planned.effect, TriageItem) for planned in record.outbox)
    return () if waiting > 1 else (TriageItem(),)


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
    return TICKET_GONE if event.item is None else f"the ticket is {event.item.state}"
