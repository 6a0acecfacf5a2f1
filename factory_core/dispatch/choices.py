"""Choices that a question offers, and which of them an answer picks. Pure; in any language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text.normal_form import normal_form
from .vocabulary import ORDINALS, PICKS, POLITE, fold

MOST_SHOWN, MOST_READ = 20, 4_000
_LONGEST, _SHORT_ANSWER = 200, 3  # characters of an answer that picks; words of one that picks by a part of a name
_NOT = frozenset(
    word
    for line in (
        "not no nor neither none except without instead but",
        "nicht kein keine keiner keines weder außer sondern",
        "pas non ni sauf aucun aucune",
        "sin ninguno ninguna excepto salvo",
        "não nem sem nenhum nenhuma exceto",
        "inte ej icke ingen inget varken utom ikke nei",
        "niet geen",
        "не нет ни кроме",
    )
    for word in line.split()
)
_NOT_IN_UNSPACED = (
    "不",
    "没",
    "沒",
    "非",
    "别",
    "除",
    "ない",
    "なく",
    "ません",
    "以外",
    "아니",
    "말고",
    "않",
    "없",
    "제외",
)
_NUMBER = re.compile(r"[(（]?(?:第)?(\d{1,3})(?:[.):、]|番目?|号|번(?:째)?|nd|st|rd|th)?")
_LETTER = re.compile(r"[(（]?([a-i])[).]?")
_CLAUSE = re.compile(r"[,;.!:…—–、，。；！：]\s*|\n")
_MARKED_MENTION = re.compile(r"<[@#!][^<>\n]{1,100}>")
_MENTION = re.compile(_MARKED_MENTION.pattern + r"|(?<![\w.])@[\w.-]{1,80}|\bcc:?\s", re.IGNORECASE)
_MARKUP = re.compile(r"[*_`~<>\"“”„«»「」『』#№]+")
_ENDS = ".,;:!。、！，… "
_NAME = r"A-Za-z0-9_\-"


def numbered(options: Sequence[str]) -> str:
    """The options as a list, each with the number that picks it; of a long list the beginning."""
    rows = [f"{number}. {option}" for number, option in enumerate(options[:MOST_SHOWN], 1)]
    left = len(options) - MOST_SHOWN
    return "\n".join([*rows, *([f"… and {left} more, by name"] if left > 0 else [])])


def chosen(text: str, options: Sequence[str]) -> str:
    """The one option that the answer picks, by its number or its name; empty if it picks none of them, or several.

    What it quotes is not its own. A question picks nothing, nor does an answer with a negation: `not the second`
    leaves the others open.
    """
    if len(text) > MOST_READ:
        return ""
    own = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith((">", "&gt;")))
    lines = _MARKUP.sub(" ", _folded(without_mentions(own))).split("\n")
    plain = "\n".join(" ".join(line.split()) for line in lines).strip()
    if len(plain) > _LONGEST or plain.rstrip(_ENDS).endswith(("?", "？", "؟")):
        return ""
    place = _place(plain) or next((at for clause in _CLAUSE.split(plain)[:2] if (at := _place(clause))), 0)
    if place:
        return options[place - 1] if place <= min(len(options), MOST_SHOWN) else ""
    if negates(plain):
        return ""
    named = {option for option in options if _names(plain, _folded(option))}
    if not named and len(POLITE.without(fold(plain)).split()) <= _SHORT_ANSWER:
        named = {option for option in options if _names(plain, _last_part(option, options))}
    return named.pop() if len(named) == 1 else ""


def without_mentions(text: str) -> str:
    """Without the names of those whom it calls."""
    return _MENTION.sub(" ", text)


def without_marked_mentions(text: str) -> str:
    """Without `<@U1>` and `<!here>` only: `@acme/ui` may be what an answer is about."""
    return _MARKED_MENTION.sub(" ", text)


def _place(clause: str) -> int:
    """The place in the list that a clause is, however politely: `let's take the second one`; else 0."""
    if "-" in clause:
        return 0
    rest = PICKS.without(POLITE.without(fold(clause))).strip()
    number = _NUMBER.fullmatch(rest)
    letter = _LETTER.fullmatch(rest)
    if number or letter:
        return int(number[1]) if number else ord(letter[1]) - ord("a") + 1 if letter else 0
    rest = rest.removeprefix("a ").removeprefix("o ")  # the article in Portuguese; alone a letter
    return next((place for place, words in enumerate(ORDINALS, 1) if words.is_all_of(f" {rest} ")), 0)


def negates(text: str) -> bool:
    """Does it say what is not meant?"""
    plain = _folded(text)
    words = re.findall(r"[^\W\d_]+", plain)
    return (
        not _NOT.isdisjoint(words) or "n't" in plain or "n’t" in plain or any(one in plain for one in _NOT_IN_UNSPACED)
    )


def _last_part(option: str, options: Sequence[str]) -> str:
    """`shop` of `acme/shop`, where no other option ends in it."""
    lasts = [_folded(one).rpartition("/")[2] for one in options]
    last = _folded(option).rpartition("/")[2]
    return last if lasts.count(last) == 1 else ""


def _names(plain: str, name: str) -> bool:
    """Is the name in the text, alone or as the path of a link, and not as a part of a longer one?"""
    if " " in name.strip():
        return fold(name).strip() != "" and fold(name) in fold(plain)
    alone = rf"(?:https?://[^\s/]{{1,253}}/|(?<![{_NAME}./])){re.escape(name)}(?:\.git)?(?![{_NAME}]|[./][{_NAME}])"
    return bool(name) and re.search(alone, plain) is not None


def _folded(text: str) -> str:
    return normal_form(text).strip().casefold()
