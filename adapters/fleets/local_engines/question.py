"""The question in an agent's last message: what the rules of the task ask for, however the agent formats it."""

from __future__ import annotations

import re
from typing import NamedTuple

from factory_core.dispatch.task_template import QUESTION

_FENCE = re.compile(r"\s*(?:>\s*)*(?:```|~~~)[^`~]*")
_MARKED = re.compile(
    r"(?P<before>[\s>*_`#+\-–—•]{0,40}(?:\d{1,2}[.)]\s{0,4})?[*_`]{0,6})"
    + QUESTION.removesuffix(":")
    + r"(?P<middle>[*_`]{0,6})\s{0,4}[:：](?P<after>[*_`]{0,6})(?P<text>.*)"
)
_ANY_CASE = re.compile(r"\bquestion\b", re.IGNORECASE)
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_NONE = re.compile(r"\W*(none|no|nothing|n/?a|no questions?)?\W*", re.IGNORECASE)

_MOST = 20_000
"""Characters at the end of a message that are looked at."""


class _Line(NamedTuple):
    text: str  # without the mark and the formatting around it
    marked: bool = False
    quoted: bool = False  # in a code block, a quotation or a code span
    fence: bool = False


def question_in(words: str) -> str:
    """The question for a person, without its mark; empty when the message does not end with one.

    It begins at the first marked line of the agent's own and goes on to the end. A marked line that is quoted counts
    when it begins the quotation that ends the message, or is its last line: the ticket may hold such a line, too.
    """
    lines = _lines(words[-_MOST:])
    begin = next((number for number, line in enumerate(lines) if line.marked and _is_own(lines, number)), None)
    if begin is None:
        return ""
    before, asked = ("\n".join(line.text for line in part).strip() for part in (lines[:begin], lines[begin:]))
    if not asked:
        return before
    return "" if len(asked) < 40 and _NONE.fullmatch(asked) else asked


def _is_own(lines: list[_Line], number: int) -> bool:
    after = lines[number + 1 :]
    begins = number == 0 or lines[number - 1].fence or not lines[number - 1].quoted
    return not lines[number].quoted or not after or (begins and all(line.quoted for line in after))


def _lines(words: str) -> list[_Line]:
    """The lines up to the last that has any text."""
    lines, fenced = [], False
    for line in words.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if _FENCE.fullmatch(line):
            fenced = not fenced
            lines.append(_Line(line, quoted=True, fence=True))
        else:
            lines.append(_line(line.rstrip(), fenced))
    while lines and not lines[-1].marked and (lines[-1].fence or not lines[-1].text):
        lines.pop()
    if lines and not lines[-1].quoted:
        last = _line(_ANY_CASE.sub(QUESTION.removesuffix(":"), lines[-1].text, count=1), fenced=False)
        if last.marked and last.text.endswith(("?", "？")):  # a heading `Question:` in the middle is none
            lines[-1] = last
    return lines


def _line(line: str, fenced: bool) -> _Line:
    found = _MARKED.fullmatch(_UNSEEN.sub("", line))
    if not found:
        return _Line(line, quoted=fenced or line.lstrip().startswith(">"))
    around = "".join(mark for mark in "*_`" if mark in found["before"] + found["middle"] + found["after"])
    text = found["text"].strip()
    quoted = fenced or ">" in found["before"] or "`" in found["before"]
    return _Line(text.rstrip(around).rstrip() if around else text, marked=True, quoted=quoted)
