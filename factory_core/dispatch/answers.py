"""What somebody's words under a question are: an answer, or one of the many things that only look like one.

Only a choice or words of substance are given to triage. All else leaves the question standing, and its clock running.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ..work_item import Frozen
from .choices import chosen, negates, without_mentions
from .hold import order_in
from .ticket_text import TicketText, is_order, read_ticket, sentences, weight
from .vocabulary import (
    BOTH,
    CHANGE,
    CONTRAST,
    COUNTERS,
    EMPTY_WORDS,
    GOES_AHEAD,
    MUST,
    NO,
    POLITE,
    PROMISES,
    REFUSES,
    SHRUGS,
    WISHES,
    YES,
    fold,
)  # fmt: skip

AnswerKind = Literal["substance", "choice", "refusal", "shrug", "promise", "counter-question", "picture", "order"]

MOST_READ = 4_000
_SHORT, _LONGER = 8, 14  # words; a sign of a script without spaces counts as half of one
_EMOJI = re.compile(r":[\w+'-]{1,60}:")
_ONE_WORD = re.compile("[\u30a0-\u30ff]+|.{1,2}")  # `キャンセル` is a word, and a button too
_ASKS = re.compile(r"[?？]\s{0,5}(?:\W{0,10})$")


class Answer(Frozen):
    """`text` is what triage may build on: a choice written out, or the words as they are; else nothing.

    `instructs`: it says what is to be done, so it takes a refusal back; a statement does not.
    """

    kind: AnswerKind
    text: str = ""
    instructs: bool = False


def judge_answer(written: str, choices: Sequence[str] = ()) -> Answer:
    """Judge words by themselves; `choices` are those that the question offered."""
    cut = written[:MOST_READ]
    if order_in(cut):
        return Answer(kind="order")
    picked = chosen(cut, choices)
    if picked:
        return Answer(kind="choice", text=f"{picked}\n{cut}", instructs=True)
    calls = without_mentions(cut) != cut
    read = read_ticket("", _EMOJI.sub(" ", without_mentions(cut)))
    plain = " ".join((*read.lines, *read.code)).strip()
    folded = fold(plain)
    if not folded.strip():
        seen = read.dropped.pictures or read.links
        return Answer(kind="picture" if seen else "promise" if calls else "shrug")
    kind = _empty_kind(plain, folded, read, choices, calls=calls)
    if kind:
        return Answer(kind=kind, instructs=kind == "shrug" and bool(GOES_AHEAD.found(folded)))
    return Answer(kind="substance", text=cut, instructs=_instructs(read))


def is_yes(written: str) -> bool:
    """To a question that is answered with yes or no."""
    folded = fold(_EMOJI.sub(" ", without_mentions(written[:MOST_READ])))
    return bool(YES.begins(folded)) and _words(folded) <= _SHORT and not GOES_AHEAD.found(folded)


def is_only_refusal(written: str) -> bool:
    """`Stop, please` and no more: neither an answer with yes or no, nor one about a part of the work."""
    folded = fold(_EMOJI.sub(" ", without_mentions(written[:MOST_READ])))
    return not NO.begins(folded) and _is_blank(EMPTY_WORDS.without(REFUSES.without(folded)).strip())


def _empty_kind(plain: str, folded: str, read: TicketText, choices: Sequence[str], *, calls: bool) -> AnswerKind | None:
    """`calls`: it mentions somebody."""
    concrete = bool(read.anchors or read.code or read.frames)
    says_must = concrete and bool(MUST.found(folded) or CONTRAST.found(folded))
    length = _words(folded)
    if not says_must and _refuses(folded, length, concrete=concrete):
        return "refusal"
    if choices and BOTH.is_all_of(folded):
        return "shrug"
    rest = EMPTY_WORDS.without(SHRUGS.without(PROMISES.without(folded))).strip()
    if _is_blank(rest) and not concrete:
        if COUNTERS.found(folded) and _ASKS.search(plain):
            return "counter-question"
        if read.dropped.pictures:
            return "picture"
        handed_on = calls and _ASKS.search(plain)
        return "promise" if handed_on or PROMISES.found(folded) else "shrug"
    if concrete:
        return None
    if length <= _LONGER and SHRUGS.found(folded):
        return "shrug"
    if calls and _ASKS.search(plain):
        return "promise"
    if _ASKS.search(plain) or (length <= _LONGER and COUNTERS.found(folded)):
        return "counter-question"
    if length <= _LONGER and PROMISES.found(folded) and not MUST.found(folded):
        return "promise"
    return "picture" if read.dropped.pictures and length <= 3 else None


def _instructs(read: TicketText) -> bool:
    """Does a sentence of it order a change, say what must be, or say that it is wanted after all?"""
    return any(_is_instruction(one) for one in sentences((*read.lines, *read.items)) if not _ASKS.search(one))


def _is_instruction(sentence: str) -> bool:
    ordered = f" {WISHES.without(POLITE.without(fold(sentence))).strip()} "
    says_must = is_order(sentence) and not negates(sentence)
    return says_must or bool(CHANGE.begins(ordered) or GOES_AHEAD.found(fold(sentence)))


def _refuses(folded: str, length: float, *, concrete: bool) -> bool:
    """One word may stand for something else (`the stop button`): it refuses in a short answer only."""
    found = REFUSES.all_found(folded)
    if any(" " in phrase.strip() or (_is_dense(phrase) and not _ONE_WORD.fullmatch(phrase)) for phrase in found):
        return not concrete or length <= _LONGER
    return bool(found) and not concrete and length <= _SHORT and not MUST.found(folded)


def _is_dense(text: str) -> bool:
    return weight(text) > len(text)


def _is_blank(rest: str) -> bool:
    """Is nothing left but particles of a script without spaces, or single letters?"""
    return sum(len(word) for word in rest.split()) <= (2 if _is_dense(rest) or not rest.isascii() else 1)


def _words(folded: str) -> float:
    dense = sum(weight(sign) > 1 for sign in folded)
    return len(folded.split()) + dense / 3
