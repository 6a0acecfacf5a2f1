"""Is the ticket work for an agent, may it start, and is enough known? By rules; see model_verdict for a model's part.

Three findings, none of them a score. *kind*: only a `change` may start. *hold* and *stop*: a person must act, and no
answer, model or later word lifts that. *missing*: a change needs a goal, which says what is different when it is done,
and an anchor, which a developer can look for. An answer counts by what it adds to the ticket's own text: it never
clears a ticket that says nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ..config import FactoryConfig
from ..text.foreign_text import for_chat
from ..work_item import StoredModel, WorkItem
from .anchors import places_in, references_in
from .answers import Answer, judge_answer
from .choices import negates, without_marked_mentions
from .hold import why_held
from .labels import first_of, first_stop, words_of
from .question_text import MOST_CHOICE, MOST_QUOTE, Missing, question_text
from .ticket_text import TicketText, has_condition, is_order, read_ticket, sentences, weight
from .vocabulary import (
    ALSO,
    ASKS,
    BLOCKED,
    CHANGE,
    CONTRAST,
    DUPLICATE,
    EMPTY_WORDS,
    FAILS,
    KIND_WORDS,
    LIMITS,
    OR,
    PAPERS,
    PRIVATE,
    QUALITY,
    REQUESTS,
    SECURITY,
    SPEED,
    TALKS,
    TYPO,
    UNDECIDED,
    WISHES,
    WRITES,
    fold,
)  # fmt: skip

Kind = Literal["change", "question", "epic", "spike", "blocked", "duplicate", "disclosure", "person", "withdrawn"]
"""`person`: work for people, not for an agent. `withdrawn`: somebody wrote that it is not to be done, and nobody has
written since what is."""

ENOUGH_CRITERIA = 3  # distinct criteria say where by themselves
ENOUGH_STEPS = 3
MOST_CHOICES = 9
MOST_BARE = 3  # words beside a name that add nothing to it
NO_GOAL, NO_ANCHOR = "it does not say what should be different when it is done", "it does not say where"
OPEN, OPEN_DECISION = "it asks something itself", "it says that a decision is open"


class Verdict(StoredModel):
    """What triage found. `reasons` are sentences without a full stop, the most important first."""

    kind: Kind = "change"
    hold: str = ""  # why a person must look at its text
    stop: str = ""  # the rule of the configuration that keeps it from starting
    missing: tuple[Missing, ...] = ()  # the most blocking first
    reasons: tuple[str, ...] = ()
    confidence: Literal["high", "low"] = "high"  # low: only one of goal and anchor, or a language without word lists
    scope: Literal["single", "team"] = "single"  # team: a label asks for several agents or people
    language: str = ""  # of the ticket
    question: str = ""
    choices: tuple[str, ...] = ()  # that the question offers
    by: Literal["rules", "model"] = "rules"

    @property
    def eligible(self) -> bool:
        """May it start at all?"""
        return self.kind == "change" and not self.hold and not self.stop

    @property
    def clear(self) -> bool:
        return self.eligible and not self.missing

    @property
    def grey(self) -> bool:
        """Are the rules unsure whether enough is known? Never where the ticket itself leaves something to decide."""
        return self.eligible and self.confidence == "low" and not {OPEN, OPEN_DECISION} & set(self.reasons)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What of the reasons is missing; these quote nothing of the ticket."""
        return tuple(reason for reason in self.reasons if reason in (OPEN, OPEN_DECISION, NO_GOAL, NO_ANCHOR))

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


def triage(item: WorkItem, answers: Sequence[str], config: FactoryConfig) -> Verdict:
    """Judge the item together with what people wrote on it before, and with the answers that they gave."""
    text = read_ticket(item.title, item.description)
    choices = _choices(text)
    words = [judge_answer(written, choices) for written in (*_notes(item), *answers)]
    scope = _scope(item)
    refused = _refusal(item, text, words, config)
    if refused:
        return refused.model_copy(update={"scope": scope, "language": text.language})
    found = _Findings(text, [word.text for word in words if word.kind in ("substance", "choice")])
    missing = found.missing()
    quote = _quote(item, text, missing[0]) if missing else ""
    offered = choices if missing and missing[0] == "choice" else ()
    question = question_text(missing[0], text.language or "en", quote, offered) if missing else ""
    return Verdict(
        missing=missing, reasons=found.reasons(), confidence=found.confidence, scope=scope, language=text.language,
        question=question, choices=offered
    )  # fmt: skip


def not_eligible(item: WorkItem, config: FactoryConfig) -> str:
    """Why this item must not be started, whatever was answered; or nothing."""
    verdict = _refusal(item, read_ticket(item.title, item.description), (), config)
    return verdict.why if verdict else ""


def _notes(item: WorkItem) -> list[str]:
    return [note.text for note in item.comments if not note.by_app]


def _refusal(item: WorkItem, text: TicketText, words: Sequence[Answer], config: FactoryConfig) -> Verdict | None:
    """The verdict that keeps it from starting, the one that binds most first."""
    rules = config.triage
    held = why_held(text, (item.title, item.description, *(note.text for note in item.comments)))
    if held:
        return Verdict(hold=held, reasons=(held,))
    stop = first_stop(rules.stop_labels, item.labels)
    if stop:
        why = f"its label {stop} says that {rules.stop_labels[stop]}"
        return Verdict(kind="person", stop=why, reasons=(why,))
    kind, why = _kind(item, text)
    if kind != "change":
        return Verdict(kind=kind, reasons=(why,))
    if rules.require_go_label and not first_of(rules.go_labels, item.labels):
        why = f"it has none of the labels {', '.join(rules.go_labels)}"
        return Verdict(stop=why, reasons=(why,))
    last = next((word for word in reversed(words) if word.instructs or word.kind == "refusal"), None)
    if last and last.kind == "refusal":
        return Verdict(kind="withdrawn", reasons=("somebody wrote that it is not to be done",))
    return None


# Which kind of ticket is it?


def _kind(item: WorkItem, text: TicketText) -> tuple[Kind, str]:
    if item.duplicate_of:
        return "duplicate", f"the tracker calls it a duplicate of {item.duplicate_of}"
    if item.blocked_by:
        return "blocked", f"the tracker says that {', '.join(item.blocked_by[:5])} must be done first"
    if item.children:
        return "epic", f"its sub-issues are the work: {', '.join(item.children[:5])}"
    for label in item.labels:
        kind = _kind_of_words(words_of(label))
        if kind:
            return kind, f"its label {for_chat(label, 60)} calls it {_NAMES[kind]}"
    kind = _kind_of_words(words_of(text.prefix), whole=True)
    dashed = _kind_of_words(words_of(_dashed(text.title)))
    kind = kind or (
        dashed if dashed not in ("question", "blocked") else None
    )  # `Help - 404 on the page` is about a page
    if kind:
        return kind, f"its title calls it {_NAMES[kind]}"
    return _kind_of_text(text)


def _dashed(title: str) -> str:
    """`Epic` of `Epic – new cart`, and a first word in capitals: `SPIKE choose a queue`."""
    head, dash, _ = title.replace("–", "-").replace("—", "-").partition(" - ")
    first = title.split(" ", 1)[0]
    if dash and len(head.split()) <= 2:
        return head
    return first if first in ("EPIC", "SPIKE", "WIP", "RFC", "POC") else ""


_KINDS: tuple[Kind, ...] = ("epic", "spike", "question", "blocked", "duplicate", "person")
_NAMES: dict[Kind, str] = {
    "epic": "an epic", "spike": "a spike", "question": "a question", "blocked": "blocked", "duplicate": "a duplicate",
    "person": "nothing for an agent",
}  # fmt: skip
_DENIALS = frozenset(["not", "no", "non", "un", "kein", "nicht", "pas"])
_PARTS = frozenset(["area", "component", "module", "package", "team", "scope", "page", "app", "service", "domain"])
"""Groups of labels that say where, not what: `area:support` is about the support page."""


def _kind_of_words(words: tuple[str, ...], *, whole: bool = False) -> Kind | None:
    """By all of its words, or by the last ones where a group, and nothing that denies them, stands before those."""
    for kind in _KINDS:
        if KIND_WORDS[kind].is_all_of(f" {' '.join(words)} "):
            return kind
    for kind in _KINDS:
        for size in range(1, len(words)):
            group = words[: len(words) - size] if not whole else words[size:]
            named = words[len(words) - size :] if not whole else words[:size]
            if (
                len(group) <= 2
                and not (_DENIALS | _PARTS) & set(group)
                and KIND_WORDS[kind].is_all_of(f" {' '.join(named)} ")
            ):
                return kind
    return None


def _kind_of_text(text: TicketText) -> tuple[Kind, str]:
    title = fold(text.title)
    prose = list(sentences((text.title, *text.lines)))
    if len(_listed(text)) >= 2 and len(_listed(text)) * 2 >= len(text.items):
        return "epic", "it is a list of other tickets"
    for part in prose:
        folded, named = fold(part), _references(part)
        if named and BLOCKED.found(folded) and not CHANGE.begins(folded):
            return "blocked", f"it says that it waits for {named}"
        if named and DUPLICATE.found(folded):
            return "duplicate", f"it says that it is the same as {named}"
    whole = fold(" ".join((text.title, *text.lines[:200])))
    if SECURITY.found(whole) and PRIVATE.found(whole) and not text.expected:
        return "disclosure", "it offers to report a vulnerability in private"
    developer = any(anchor.kind in ("code", "path", "endpoint", "symbol") for anchor in text.anchors)
    if not developer and TALKS.begins(title):
        return "person", "it asks people to talk or to decide"
    if not developer and WRITES.begins(title) and PAPERS.found(title):
        return "person", "it asks for texts of the team, not for a change of the repository"
    if _is_question(text):
        return "question", "it asks something and names no change"
    return "change", ""


def _listed(text: TicketText) -> list[str]:
    """Items of lists that are little more than another ticket's name."""
    return [item for item in text.items if _references(item) and (_begins_with_reference(item) or weight(item) <= 30)]


def _begins_with_reference(item: str) -> bool:
    named = _references(item)
    return item.lstrip("*_ [").startswith(named)


def _references(text: str) -> str:
    """The first other ticket that it names."""
    return next(iter(references_in(text)), "")


def _is_question(text: TicketText) -> bool:
    folded = fold(text.title)
    asks = _ends_in_question(text.title) or (ASKS.found(folded) and not CHANGE.begins(folded))
    if _is_request(text.title, text.language):
        return False
    evidence = text.expected or text.frames or text.steps >= ENOUGH_STEPS or text.code or _leaves_open(text)
    return bool(asks and folded.strip()) and not evidence and not any(map(_orders, sentences(text.lines)))


def _orders(sentence: str) -> bool:
    """Does it say what must be, rather than ask for it? `Which variable do I need to set?` asks."""
    return is_order(sentence) and not _ends_in_question(sentence)


def _is_request(sentence: str, language: str) -> bool:
    """`Could you please have a look?` has the form of a question, and leaves nothing open."""
    folded = fold(sentence)
    rest = REQUESTS.without(folded)
    either = [word for word in OR.all_found(rest) if word != "o" or language in ("es", "it")]  # elsewhere an article
    return rest != folded and not ASKS.found(rest) and not either


def _leaves_open(text: TicketText) -> str:
    """The sentence that says that somebody must choose, or nothing."""
    return next((part for part in sentences(text.lines) if UNDECIDED.found(fold(part)) or _enumerated(part)), "")


_MARK = re.compile(r"(?<![\w(])[(（]?(?P<mark>[a-i1-9])[)）]\s?(?=\S)")


def _enumerated(sentence: str) -> tuple[str, ...]:
    """What one sentence numbers and joins by `or`: `either (a) each line, or (b) the total`."""
    marks = list(_MARK.finditer(sentence))[: MOST_CHOICES + 1]
    if len(marks) < 2 or [found["mark"] for found in marks] not in (
        list("abcdefghi")[: len(marks)],
        list("123456789")[: len(marks)],
    ):
        return ()
    ends = [*(found.start() for found in marks[1:]), len(sentence)]
    parts = [sentence[found.end() : end].strip(" ,.;。，、") for found, end in zip(marks, ends, strict=True)]
    joined = [part.rpartition(" ") for part in parts]
    alternatives = [before.strip(" ,.;") if OR.is_all_of(fold(last)) else "" for before, _, last in joined]
    return tuple(cut or part for cut, part in zip(alternatives, parts, strict=True)) if any(alternatives) else ()


def _ends_in_question(sentence: str) -> bool:
    return sentence.rstrip(" !！.…)」』”\"'*_").endswith(("?", "？"))


def _scope(item: WorkItem) -> Literal["single", "team"]:
    team = first_of(("agent:team", "agent:workflow", "exec:swarm", "swarm", "team"), item.labels)
    return "team" if team else "single"


# Is enough known?


class _Findings:
    """Goal and anchor of one ticket, and of what people added to it."""

    def __init__(self, text: TicketText, added: Sequence[str]) -> None:
        self._text = text
        self._added = [read_ticket("", without_marked_mentions(words)) for words in added]
        definite = [one for one in self._added if _is_definite(one) or (self._wishes and _spells_out(one))]
        chose = self._chose(added)
        self._concrete = chose or bool(definite)
        self.goal = _goal(text)
        self.anchor = _anchor(text)
        self._open = "" if self._concrete else _open_choice(text)
        if not self._is_empty:
            self.goal = self.goal or next(filter(None, map(_goal, self._added)), "")
            self.anchor = self.anchor or next(filter(None, map(_anchor, self._added)), "")
        if self._concrete and not self._is_empty:
            if _anchor(text) or chose or not all(map(_is_bare, definite)):
                self.goal = self.goal or "somebody answered what should be different"
            self.anchor = self.anchor or "somebody answered where"

    def _chose(self, added: Sequence[str]) -> bool:
        choices = _choices(self._text)
        return any(words.split("\n")[0] in choices for words in added) or self._decides(added)

    def _decides(self, added: Sequence[str]) -> bool:
        """Where the ticket leaves a choice open, does an answer take up words of it, and of few others?"""
        if not _open_choice(self._text):
            return False
        whole = fold(" ".join(self._text.lines))
        for words in added:
            said = _stems(EMPTY_WORDS.without(fold(words)))
            stems = [stem for stem in said if f" {stem}" in whole]
            if stems and len(stems) * 2 >= len(said) and weight(words) <= MOST_QUOTE and not negates(words):
                return True
        return False

    @property
    def _wishes(self) -> bool:
        """Is it about something new? What fails or is slow needs a place and a result, whatever limits are named."""
        whole = fold(" ".join((self._text.title, *self._text.lines[:100])))
        return not FAILS.found(whole) and not SPEED.found(whole)

    @property
    def _is_empty(self) -> bool:
        """Does the ticket itself say nothing?"""
        text = self._text
        said = any(any(sign.isalnum() for sign in line) for line in text.lines) or text.code
        return not said and not text.in_title and not is_order(text.title)

    @property
    def confidence(self) -> Literal["high", "low"]:
        unsure = bool(self.goal) != bool(self.anchor) or (not self._text.language and self._text.weight > 40)
        return "low" if unsure else "high"

    def missing(self) -> tuple[Missing, ...]:
        if self.goal and self.anchor and not self._open:
            return ()
        return tuple(dict.fromkeys(self._gaps()))

    def _gaps(self) -> list[Missing]:
        text = self._text
        gaps = list[Missing]()
        title = fold(text.title)
        whole = fold(" ".join((text.title, *text.lines[:100])))
        written = text.weight + sum(map(len, text.code))
        if text.dropped.placeholders + text.dropped.empty_headings >= 2 and written < 40:
            gaps.append("form")
        if text.dropped.pictures and (written < 40 or not (self.goal or written >= 200)):
            gaps.append("picture")
        if self._open:
            wish = QUALITY.found(whole) and not self.goal and not _choices(text)
            gaps.append("speed" if wish and SPEED.found(whole) else "quality" if wish else "choice")
        if _is_about_tests(text) and not self.anchor:
            gaps.append("test")
        if SPEED.found(title if FAILS.found(whole) else whole) and not self.goal:
            gaps.append("speed")
        if not written:
            gaps.append("text")
        if text.links and not (self.goal and self.anchor) and written < 200:
            gaps.append("link")
        if _only_repeats(text):
            gaps.append("criteria")
        if len(_wishes(text)) >= 2 and not self.anchor:
            gaps.append("focus")
        if QUALITY.found(title) and not self.goal:
            gaps.append("quality")
        if not self.anchor and (self.goal or FAILS.found(whole)):
            gaps.append("picture" if text.dropped.pictures else "place")
        if not self.goal:
            gaps.append(
                "picture" if text.dropped.pictures and not self.anchor else "result" if FAILS.found(whole) else "goal"
            )
        if not self.anchor:
            gaps.append("place")
        return gaps

    def reasons(self) -> tuple[str, ...]:
        known = [self.goal or NO_GOAL, self.anchor or NO_ANCHOR]
        if self._open:
            known.insert(0, self._open)
        dropped = self._text.dropped
        counts = {
            "pictures": dropped.pictures,
            "lines of the form": dropped.placeholders,
            "ticked boxes": dropped.ticked,
            "headings without text": dropped.empty_headings,
            "quotations": dropped.quotes,
            "remarks that are not shown": len(self._text.hidden),
        }
        passed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return (*known, *([f"not read: {passed}"] if passed else []))


def _goal(text: TicketText) -> str:
    """What says how it is when it is done, or nothing."""
    if _swapped(text):
        return ""
    criteria = [line for line in text.expected if not _repeats(line, text.title) and not _is_wish(line)]
    if criteria:
        return f"{len(criteria)} line{'s say' if len(criteria) > 1 else ' says'} what is expected"
    if text.frames:
        return "its stack trace names the error"
    for part in sentences((text.title, *text.lines)):
        folded = fold(part)
        if _ends_in_question(part) and not places_in(part):
            continue
        if is_order(part) and not _is_wish(part) and not _repeats_wish(part, text):
            return "a sentence says what has to be"
        if CONTRAST.found(folded) and (places_in(part) or text.anchors):
            return "a sentence says what it is and what it should be"
    quoted = [anchor for anchor in text.anchors if anchor.kind in ("quote", "code")]
    if TYPO.found(fold(" ".join((text.title, *text.lines[:20])))) and len(quoted) >= 2:
        return "it quotes the wrong and the right words"
    named = (
        text.in_title
        or text.versions
        or text.hosts
        or any(a.kind in ("code", "path", "symbol", "endpoint") for a in text.anchors)
    )
    if CHANGE.begins(fold(text.title)) and named:
        return "its title orders a certain change"
    if FAILS.found(fold(" ".join((text.title, *text.lines[:20])))) and _test_file(text):
        return "a test that it names passes"
    return ""


def _anchor(text: TicketText) -> str:
    """What a developer can look for, or nothing."""
    found = next((one for one in text.anchors if one.kind != "value"), None) or next(iter(text.anchors), None)
    if found:
        return f"it names “{for_chat(found.text, MOST_QUOTE)}”"
    if text.frames:
        return f"its stack trace leads to “{for_chat(text.frames[0], MOST_QUOTE)}”"
    if text.steps >= ENOUGH_STEPS:
        return f"it gives {text.steps} steps"
    if len([line for line in text.expected if not _repeats(line, text.title)]) >= ENOUGH_CRITERIA:
        return "its criteria say where"
    if any(is_order(part) and has_condition(part) and not _is_wish(part) for part in sentences(text.lines)):
        return "a sentence says when"
    changes = CHANGE.begins(fold(text.title))
    if changes and (text.versions or text.hosts):
        return f"it names “{for_chat((*text.hosts, *text.versions)[0], MOST_QUOTE)}”"
    return ""


def _is_wish(sentence: str) -> bool:
    """Does it only ask for better or faster, without a measure or a thing that it names in quotes or code?"""
    folded = fold(sentence)
    if any(sign.isdigit() for sign in sentence) or not QUALITY.found(folded):
        return False
    return bool(SPEED.found(folded)) or not any(anchor.kind in ("quote", "code") for anchor in places_in(sentence))


def _repeats_wish(sentence: str, text: TicketText) -> bool:
    return sentence != text.title and _repeats(sentence, text.title)


def _repeats(line: str, title: str) -> bool:
    """Does it say little that the title does not say?"""
    known = _stems(title)
    new = [stem for stem in _stems(line) if not any(stem.startswith(one) or one.startswith(stem) for one in known)]
    return len(new) * 3 <= len(_stems(line)) or not _stems(line)


_LEAST = 3


def _stems(text: str) -> list[str]:
    words = fold(text).split()
    dense = [word for word in words if weight(word) > len(word)]
    pairs = [word[at : at + 2] for word in dense for at in range(max(1, len(word) - 1))]
    return [word[:4] for word in words if len(word) >= _LEAST and word not in dense] + pairs


def _swapped(text: TicketText) -> bool:
    """What must be stands under what is, and the other way round."""
    inside = (line for section in text.sections if section.role == "expected" for line in section.lines)
    lines = tuple(inside)
    return (
        bool(lines and text.actual)
        and any(map(is_order, sentences(text.actual)))
        and not any(map(is_order, sentences(lines)))
    )


def _only_repeats(text: TicketText) -> bool:
    return bool(text.expected) and all(_repeats(line, text.title) or _is_wish(line) for line in text.expected)


def _is_about_tests(text: TicketText) -> bool:
    words = fold(" ".join((text.title, *text.lines[:5])))
    return FAILS.found(words) != "" and any(word in words for word in _TESTS)


_TESTS = (" test ", " tests ", " flaky ", "prueba", "teste ", "тест", "测试", "テスト", "테스트")


def _test_file(text: TicketText) -> bool:
    names = (anchor.text.casefold() for anchor in text.anchors if anchor.kind in ("path", "code"))
    return any(("test" in name or "spec" in name) and ("/" in name or "." in name or "::" in name) for name in names)


def _wishes(text: TicketText) -> list[str]:
    return [part for part in sentences(text.lines) if is_order(part) or WISHES.found(fold(part))]


def _open_choice(text: TicketText) -> str:
    """What the ticket itself has not decided, or nothing."""
    if text.expected:
        return ""
    if _leaves_open(text):
        return OPEN_DECISION
    for part in sentences(text.lines):
        if not _ends_in_question(part) or _is_request(part, text.language):
            continue
        if not places_in(part) or ASKS.found(fold(part)) or OR.found(fold(part)):
            return OPEN
    return ""


def _choices(text: TicketText) -> tuple[str, ...]:
    """What the ticket offers to choose from: its list, where it asks; else two names with an `or` between them."""
    asks = [part for part in sentences((text.title, *text.lines)) if _ends_in_question(part)]
    if not (asks or _leaves_open(text)) or text.expected:
        return ()
    if 2 <= len(text.items) <= MOST_CHOICES:
        return tuple(for_chat(" ".join(item.split()), MOST_CHOICE) for item in text.items)
    listed = next(filter(None, map(_enumerated, sentences(text.lines))), ())
    if listed:
        return tuple(for_chat(" ".join(part.split()), MOST_CHOICE) for part in listed)
    for part in asks:
        words = part.strip(" ?？").split()
        for at in range(1, len(words) - 1):
            pair = words[at - 1].strip(",.:;"), words[at + 1].strip(",.:;?")
            if OR.is_all_of(fold(words[at])) and all(len(one) > 1 and one[0].isupper() for one in pair) and at > 1:
                return pair
    return ()


def _is_definite(text: TicketText) -> bool:
    """Does an answer name a thing that a developer can look for?"""
    return bool(text.anchors or text.code or text.frames)


def _is_bare(text: TicketText) -> bool:
    """Is the name of the thing all that it says?"""
    said = " ".join(text.lines)
    if text.code or text.frames or len(text.anchors) > 1 or CHANGE.found(fold(said)) or _MEASURE.search(said):
        return False
    for anchor in text.anchors:
        said = said.replace(anchor.text, " ")
    return len(_stems(EMPTY_WORDS.without(fold(said)))) <= MOST_BARE


def _spells_out(text: TicketText) -> bool:
    """Does it say how large, or what is meant and what is not? That it happens to somebody else as well says neither.

    A number alone says nothing: people also count days, users and sprints.
    """
    said = " ".join(text.lines)
    folded = fold(said)
    if weight(folded) < 8 or _is_wish(said) or ALSO.found(folded):
        return False
    return bool(_MEASURE.search(said) or LIMITS.found(folded))


_MEASURE = re.compile(
    r"\d\s?(?:px|pt|r?em|ms|s|secs?|seconds?|sekund\w{0,3}|secondes?|segundos?|second[io]|seconden|сек\w{0,5}|[kmg]b)(?!\w)"
    r"|\d\s?(?:秒|초|ミリ秒|毫秒|像素|文字|글자|字)",
    re.IGNORECASE,
)


def _quote(item: WorkItem, text: TicketText, missing: Missing) -> str:
    """The line of the ticket that the question is about."""
    title = text.title or item.title
    if missing in ("goal", "place", "result", "choice", "speed", "quality"):
        for part in sentences(text.lines):
            folded = fold(part)
            if (
                missing == "choice"
                and (not _ends_in_question(part) or _is_request(part, text.language))
                and not _enumerated(part)
            ):
                continue
            if missing == "speed" and not SPEED.found(folded):
                continue
            if missing in ("result", "place") and not FAILS.found(folded):
                continue
            if missing in ("goal", "quality"):
                break
            if len(part) <= 2 * MOST_QUOTE:
                return part
    return title
