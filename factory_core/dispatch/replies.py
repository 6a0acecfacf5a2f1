"""What people write in threads and comments: whose words count, what is a word at all, and each message once.

The rule is `clarification.whoMayAnswer`. Who is an outsider is the vendor's to say (`Reply.outsider`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from ..config import Clarification, FactoryConfig
from .activity import Activity
from .comments import words_needed
from .effects import AcknowledgeSession, Effect, PostComment, PostReply
from .events import CommentAdded, Reply, ReplyReceived
from .records import MOST_TEXT, InFlightRecord, State, Transition, clean_names, short

ReplyEvent = ReplyReceived | CommentAdded

MOST_IGNORED = 20  # people whose ignored words the history of one item names
# Read in text of any length by anybody: no part of it may look further than where the next one could begin.
_NO_WORDS = re.compile(
    r"!\[[^\[\]\n]{0,300}\]\([^()\[\]\s]{0,2000}\)"  # an image in Markdown, with its description
    r"|<?(?:https?://|mailto:)[^\s<>|]+[|>]?"  # a link; what it is called stays
    r"|<[@#!][^<>]*>|(?<![\w.])@[\w.-]+"  # a mention
    r"|:[\w+'-]{1,100}:|[0-9#*]\ufe0f?\u20e3"  # an emoji by its short name, and a key
)
_LINK = re.compile(r"https?://[^\s<>|)]+")
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # letters to Unicode, and nothing to see


def has_words(text: str) -> bool:
    """Is there a letter or a digit that is not part of a link, an image, a mention or an emoji?"""
    return any(sign.isalnum() and sign not in _BLANK_LETTERS for sign in _NO_WORDS.sub(" ", text))


def with_files(text: str, names: Iterable[str]) -> str:
    """The words, and what came with them: an agent must know that there was more than it can read."""
    listed = ", ".join(names)
    return f"{text} (attached, not readable here: {listed})" if listed else text


def may_answer(record: InFlightRecord, reply: Reply, config: FactoryConfig) -> bool:
    """Does this person's word count for this item?

    The reporter's always does, unless the configuration lists who may answer. A reporter whom the channel does not
    know (`clarification.people`) leaves the answer to the members, so that no question is unanswerable.
    """
    rules = config.clarification
    rule = rules.who_may_answer
    if not isinstance(rule, str):
        return reply.author in rule
    if rule == "anyone" or _is_reporter(record, reply, rules):
        return True
    return not reply.outsider and (rule == "members" or not _in_channel(record, rules))


def may_ever_answer(reply: Reply, config: FactoryConfig) -> bool:
    """Before the item is known: may it turn out that these words count?"""
    rules = config.clarification
    if not isinstance(rules.who_may_answer, str):
        return reply.author in rules.who_may_answer
    return rules.who_may_answer == "anyone" or not reply.outsider or reply.author in rules.people.values()


def early(reply: Reply) -> Reply:
    """What is kept of a reply until it is known whose thread it is in: no more than a record will take."""
    return reply.model_copy(update={"text": reply.text[:MOST_TEXT], "attachments": clean_names(reply.attachments)})


def may_allow(reply: Reply, config: FactoryConfig) -> bool:
    """Does this person's word release a push of protected files? Never an outsider's, though he be the reporter; a list
    of people counts, and without one of its own `protectedPaths` follows that of `clarification`."""
    own, others = config.protected_paths.allowed_by, config.clarification.who_may_answer
    listed = own if isinstance(own, tuple) else others
    return reply.author in listed if isinstance(listed, tuple) else not reply.outsider


def take_words(
    record: InFlightRecord,
    event: ReplyEvent,
    config: FactoryConfig,
    did: str,
    use: Callable[[InFlightRecord], Transition],
) -> Transition | None:
    """Use words once, and only those that count; what holds no word is named, and used for nothing."""
    reply = event.reply
    if record.has_taken(reply):
        return None
    if not may_answer(record, reply, config):
        why = "not a member here" if reply.outsider else "not among those who may answer"
        noted = ignore(record, reply.author, why, event.at)
        return None if noted is record else noted.stay()
    if not has_words(reply.text):
        return _ask_for_words(record, event, config)
    files = ", ".join(_names(reply))
    line = f"{name_of(record, reply, config)} {did}{f', with {files}' if files else ''}."
    return use(record.note(event.at, "person", line, reply.text))


def tell_agent(record: InFlightRecord, reply: Reply) -> InFlightRecord:
    """The next run is given these words, too."""
    return record.take(reply).tell(with_files(reply.text, _names(reply)))


def ignore(record: InFlightRecord, author: str, why: str, at: datetime) -> InFlightRecord:
    """Words that do not count: noted once for each person, so that no flood of them writes or grows the record."""
    who = short(author)
    if who in record.ignored or len(record.ignored) >= MOST_IGNORED:
        return record
    ignored = (*record.ignored, who)
    last = " From here on, other people's are ignored without a note." if len(ignored) == MOST_IGNORED else ""
    return record.note(at, "person", f"Ignored what {author[:200]} wrote: {why}.{last}").but(ignored=ignored)


def name_of(record: InFlightRecord, reply: Reply, config: FactoryConfig) -> str:
    """What people call the one who wrote: the ticket's and the configuration's names before the vendor's id."""
    if record.item and reply.author == record.item.reporter_id:
        return record.item.reporter
    return next((name for name, known in config.clarification.people.items() if known == reply.author), reply.author)


def _ask_for_words(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """A reply without a word is no answer: the question stands, its time runs on, and once it is said what is missing.

    What came instead goes with the answer, or with the one that was given already. Nothing asked and nothing shown:
    nothing to write down.
    """
    reply, names = event.reply, _names(event.reply)
    question = record.clarification if _is_asked(record) else None
    asks = question is not None and not question.words_asked
    if not asks and not names:
        return None
    line = f"{name_of(record, reply, config)} sent {', '.join(names) or 'a reply'} without words."
    noted = record.take(reply).note(event.at, "person", line)
    if question is None:
        return noted.attach(names).stay()
    held = {"attachments": clean_names(question.attachments, names), "words_asked": True}
    effects = (reply_in_place(event, words_needed(names)),) if asks else ()
    return noted.stay(*effects, clarification=question.model_copy(update=held))


def _is_asked(record: InFlightRecord) -> bool:
    """Is it a question that the item waits for, or ended over?"""
    unclear = record.block is not None and record.block.reason == "still-unclear"
    return record.state in (State.WAITING, State.FAILED) or (record.state is State.BLOCKED and unclear)


def reply_in_place(event: ReplyEvent, text: str) -> Effect:
    """An answer where it was written."""
    if isinstance(event, CommentAdded):
        return PostComment(body=text)
    if event.session_id:
        return AcknowledgeSession(session_id=event.session_id, activity=Activity(kind="question", text=text))
    return PostReply(thread_id=event.thread_id, text=text)


def _names(reply: Reply) -> tuple[str, ...]:
    """What came with the words, by name; of a reply that is nothing else, its links too."""
    links = () if has_words(reply.text) else _LINK.findall(reply.text)
    return clean_names(reply.attachments, links)


def _is_reporter(record: InFlightRecord, reply: Reply, rules: Clarification) -> bool:
    """By the ids that the tracker and the channel have for the one who wrote the ticket. A display name is anybody's
    to choose, so of an outsider it says nothing."""
    item = record.item
    if item is None:
        return False
    known = {item.reporter_id, *_in_channel(record, rules), "" if reply.outsider else item.reporter}
    return reply.author in known - {""}


def _in_channel(record: InFlightRecord, rules: Clarification) -> set[str]:
    """The reporter's ids in the channel, as the configuration maps them."""
    item = record.item
    return {rules.people.get(name, "") for name in (item.reporter_id, item.reporter)} - {""} if item else set()
