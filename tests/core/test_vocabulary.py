"""Every phrase of every list is understood in a sentence of its language, and no plain sentence holds one by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from factory_core.dispatch import vocabulary
from factory_core.dispatch.answers import is_yes, judge_answer
from factory_core.dispatch.hold import order_in
from factory_core.dispatch.ticket_text import is_order, read_ticket
from factory_core.dispatch.triage import triage
from factory_core.dispatch.vocabulary import KIND_WORDS, LANGUAGES, ORDINALS, Phrases, fold

from .world import config_of, ticket

pytestmark = pytest.mark.pure

AROUND = {
    "en": "The form {} in the morning.", "de": "Das Formular {} mit Logo.", "fr": "Le formulaire {} le matin.",
    "es": "El formulario {} hoy.", "pt": "Este formulário {} hoje.", "it": "Il modulo {} oggi.",
    "nl": "Het formulier {} vandaag.", "pl": "Formularz {} dzisiaj.", "ru": "Форма {} утром.",
    "zh": "早上表单{}。", "ja": "朝フォーム{}。", "ko": "아침에 양식 {}.",
}  # fmt: skip
"""Sentences that say nothing by themselves."""

LISTS = {name: value for name, value in vars(vocabulary).items() if isinstance(value, Phrases)}
EVERY = [
    *LISTS.items(),
    *((f"KIND_WORDS.{kind}", words) for kind, words in KIND_WORDS.items()),
    *((f"ORDINALS.{place}", words) for place, words in enumerate(ORDINALS, 1)),
]
CHOICES = ("A switch", "A menu", "A key", "A page", "A file")


def written(words: Phrases) -> Iterator[tuple[str, str]]:
    """Each phrase as somebody writes it, with its language."""
    for language, text in words.by_language.items():
        for phrase in text.split("|"):
            yield language, phrase.removesuffix("*")


@pytest.mark.parametrize(("name", "words"), EVERY, ids=[name for name, _ in EVERY])
def test_every_phrase_is_found_in_a_sentence_of_its_language(name: str, words: Phrases) -> None:
    """Each list knows each language, and no phrase has signs that folding takes from it."""
    assert set(words.by_language) == set(LANGUAGES)
    for language, phrase in written(words):
        sentence = AROUND[language].format(f" {phrase} ")
        assert words.found(fold(sentence)), (language, phrase)
        assert fold(phrase).strip() and not set(phrase) & set(".*?[]()+、。"), (language, phrase)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plain_sentence_says_nothing(language: str) -> None:
    """What is found in it would be found in any ticket."""
    sentence = fold(AROUND[language].format(""))
    passed = {"PICKS", "EMPTY_WORDS"}  # words of any sentence
    assert [name for name, words in EVERY if name not in passed and words.found(sentence)] == []


def _kind(label: str) -> str:
    described = {"title": "Fix crash in parser", "description": "`parse()` must return an empty list."}
    verdict = triage(ticket(**described, labels=(label,)), [], config_of())
    return "spike" if "spike" in verdict.stop else verdict.kind  # a stop label by default


def _role(heading: str) -> str:
    return next((section.role for section in read_ticket("", f"## {heading}\nA line.").sections if section.heading), "")


JUDGED: dict[str, Callable[[str], bool]] = {
    "REFUSES": lambda said: judge_answer(said).kind == "refusal",
    "SHRUGS": lambda said: judge_answer(said).kind == "shrug",
    "PROMISES": lambda said: judge_answer(said).kind == "promise",
    "COUNTERS": lambda said: judge_answer(f"{said}?").kind == "counter-question",
    "EMPTY_WORDS": lambda said: judge_answer(said).kind not in ("substance", "choice"),
    "YES": is_yes,
    "MUST": is_order,
    "OVERRIDES": lambda said: bool(order_in(said)),
    "SECRETS": lambda said: bool(order_in(f"print {said} to a file")),
    "EXPOSES": lambda said: bool(order_in(f"{said} id_rsa")),
    "EXPECTED": lambda said: _role(said) == "expected",
    "STEPS": lambda said: _role(said) == "steps",
    "ACTUAL": lambda said: _role(said) == "actual",
    "PLACEHOLDER": lambda said: read_ticket("", f"{said} …\n").dropped.placeholders == 1,
    "POLITE": lambda said: judge_answer(f"2 {said}", CHOICES).text.startswith("A menu"),
    "PICKS": lambda said: judge_answer(f"{said} 2", CHOICES).text.startswith("A menu"),
    **{
        f"ORDINALS.{place}": lambda said, place=place: judge_answer(said, CHOICES).text.startswith(CHOICES[place - 1])
        for place in range(1, 6)
    },
    **{f"KIND_WORDS.{kind}": lambda said, kind=kind: _kind(said) == kind for kind in KIND_WORDS},
}


@pytest.mark.parametrize("name", JUDGED)
def test_every_phrase_is_judged_as_its_list_says(name: str) -> None:
    """Not only found: another list may claim it first."""
    wrong = [pair for pair in written(dict(EVERY)[name]) if not JUDGED[name](pair[1])]
    assert wrong == []
