"""Is the item for the factory, is it clear enough, where does it belong? Answered without any model.

The score adds up what makes a ticket workable; below `triage.threshold` the factory asks for what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..config import FactoryConfig
from ..work_item import Frozen, WorkItem
from .labels import first_of
from .routing import Route, route

# Read by anybody's text of any length: each pattern takes a time that grows with the text and no faster.
_CRITERIA = re.compile(
    r"^[^\S\n]*[-*+][^\S\n]*\[[ xX]\][^\S\n]+\S"
    r"|^[^\w\n]*(acceptance criteria|done when|definition of done|expected( behaviou?r| result)?)\b"
    r"|^[^\w\n]*given\b.+|\bscenario:",
    re.IGNORECASE | re.MULTILINE,
)
_EXPECTATION = re.compile(
    r"\b(should|must|shall|needs? to|expect(s|ed)?|instead of|so that|rather than)\b", re.IGNORECASE
)
_PLACE = re.compile(
    r"`[^`\n]+`|(?<![\w/-])[\w/-]+\.(?!com\b|org\b|net\b|io\b)[a-z]{1,4}\b|\b\w+\(\)|\b[A-Za-z_]\w*(Error|Exception)\b|/[a-z][\w/-]+"
)
_ACTION = re.compile(
    r"\b(add|allow|change|delete|drop|ensure|expose|fix|handle|implement|limit|log|migrate|move|paginate|prevent|remove|rename"
    r"|replace|return|show|sort|split|support|test|update|use|validate|verify|write)\w*\b",
    re.IGNORECASE,
)  # fmt: skip
_WORD = re.compile(r"[\w']+")
_NO_ANSWER = re.compile(r"(i ?d ?k|dunno|not sure|no idea|don'?t know|later|ok|okay|hm+|what)?", re.IGNORECASE)


class Verdict(Frozen):
    """What triage found. Not eligible, or no route: a person must act. Not clear: the question is to be asked."""

    eligible: bool
    why: str  # one sentence: why not eligible, or what makes up the score
    score: float = 0.0
    clear: bool = False
    question: str = ""
    route: Route | None = None


def triage(item: WorkItem, answers: Sequence[str], config: FactoryConfig) -> Verdict:
    """Judge the item together with what people wrote on it before, and with the answers that they gave."""
    stopped = not_eligible(item, config)
    if stopped:
        return Verdict(eligible=False, why=stopped)
    given = [answer for answer in answers if not _NO_ANSWER.fullmatch(" ".join(_WORD.findall(answer)))]
    missing, score = _weigh(item, given, config)
    clear = score >= config.triage.threshold
    return Verdict(
        eligible=True,
        why="clear enough" if clear else "missing: " + ", ".join(missing),
        score=score,
        clear=clear,
        question="" if clear else _question(item, missing),
        route=route(item, config),
    )


def not_eligible(item: WorkItem, config: FactoryConfig) -> str:
    """Why this item is not for the factory, or nothing."""
    rules = config.triage
    stop = first_of(rules.stop_labels, item.labels)
    if stop:
        return f"its label {stop} says that {rules.stop_labels[stop]}"
    if rules.require_go_label and not first_of(rules.go_labels, item.labels):
        return f"it has none of the labels {', '.join(rules.go_labels)}"
    return ""


def _weigh(item: WorkItem, answers: Sequence[str], config: FactoryConfig) -> tuple[list[str], float]:
    """What is missing, and the score. A real answer of a person counts as much as explicit criteria."""
    written = [note.text for note in item.comments if not note.by_app]
    text = "\n".join((item.title, item.description, *written, *answers))
    go = first_of(config.triage.go_labels, item.labels)
    found = {
        "what must be true when it is done": 0.4
        if answers or _CRITERIA.search(text)
        else 0.2
        if _EXPECTATION.search(text)
        else 0.0,
        "where it is (a file, a page, an error)": 0.2 if answers or _PLACE.search(text) else 0.0,
        "what to do": 0.15 if _ACTION.search(text) else 0.0,
        "more than a line": 0.15
        if len(item.description.strip()) + sum(map(len, (*written, *answers))) >= config.triage.thin_below
        else 0.0,
    }
    missing = [name for name, points in found.items() if points < 0.15]
    if found["what must be true when it is done"] < 0.4 and not missing:
        missing = ["acceptance criteria"]
    return missing, round(min(1.0, sum(found.values()) + 0.1 + (0.1 if go else 0.0)), 2)


def _question(item: WorkItem, missing: Sequence[str]) -> str:
    """One question that names what is missing, most important first."""
    asks = {
        "what must be true when it is done": "What must be true when this is done, so that a test could check it?",
        "acceptance criteria": "Which checks tell that this is done? A short list is enough.",
        "where it is (a file, a page, an error)": "Where does it belong: which page, file, endpoint or error?",
        "what to do": "What exactly shall be changed?",
        "more than a line": "Is there anything else that somebody new would have to know?",
    }
    return " ".join([asks[name] for name in missing if name in asks][:2]) or asks["acceptance criteria"]
