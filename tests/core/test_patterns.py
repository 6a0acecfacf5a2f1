"""A pattern of the configuration means what it means to `re`, and no text makes it slow."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable

import pytest

from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.dispatch.routing import Route, Undecided, find_route
from factory_core.errors import ConfigProblem
from factory_core.text.patterns import MOST_STEPS, Pattern, Unsupported
from factory_core.work_item import ItemState, Source, WorkItem

from .growth import assert_linear, repeated

pytestmark = pytest.mark.pure

LONG = 20_000
FUZZED = 4 if sys.platform == "emscripten" else 20  # patterns
EVIL = [
    r"^([a-z]+ ?)+: billing",
    r"(a+)+$",
    r"([a-zA-Z]+)*$",
    r"(a|aa)+$",
    r"(a|a?)+$",
    r"(.*a){30}$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(x+x+)+y",
    r".*foo.*bar.*baz",
    r"\s+$",
    r"(a?){60}a{60}b",
    r"^(\w+\s?)*$",
    r"(a|b|ab)*c",
    r"((a|b)*a(a|b){90})c",
    r"(?:(?:a*)*)*b",
]
TEXTS: list[Callable[[int], str]] = [
    repeated("a"),
    lambda length: "a" * length + "!",
    repeated("ab"),
    lambda length: " " * length + "x",
    repeated("foo"),
    repeated("x"),
    repeated("\n"),
    lambda length: "".join(random.Random(length).choices("ab", k=length)),
]


@pytest.mark.parametrize("source", EVIL)
def test_a_pattern_that_backtracks_for_years_reads_each_character_once(source: str) -> None:
    pattern = Pattern(source)
    for text in TEXTS:
        assert_linear(pattern.matches, text, LONG)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (r"(a+)\1", "a back reference"),
        (r"(?P<x>a)(?P=x)", "a back reference"),
        (r"(a)?(?(1)b|c)", "a condition"),
        (r"foo(?=bar)", "a lookaround"),
        (r"(?<!not )urgent", "a lookaround"),
        (r"(?!)", "a lookaround"),
        (r"(?>a+)b", "atomic"),
        (r"a++b", "possessive"),
        (r"(?a)\w", "flags"),
        (r"(?a:\w)", "flags"),
        (r"[ab]{300}", f"more than {MOST_STEPS} steps"),
        (r"a{4000000000}", "repeat"),
        (r"((((){200}){200}){200}){200}", "repeats nothing"),
        ("(" * 5000 + ")" * 5000, "nested"),
        ("(a", "no regular expression"),
    ],
)
def test_what_no_automaton_can_do_is_refused_with_the_configuration(source: str, why: str) -> None:
    with pytest.raises(ConfigProblem) as problem:
        _config(source)
    assert "byKeyword" in problem.value.what and why in problem.value.why and problem.value.fix


@pytest.mark.parametrize("seed", range(40))
def test_it_finds_what_re_finds(seed: int) -> None:
    """Random patterns of everything that is supported, on short texts, where `re` cannot be slow."""
    chance = random.Random(seed)
    compared = 0
    while compared < 60:
        source = _drawn(chance, 3)
        try:
            expected, pattern = re.compile(source, re.IGNORECASE), Pattern(source)
        except (re.error, Unsupported):
            continue
        compared += 1
        for _ in range(12):
            text = "".join(chance.choices("aAbB_1 \n-éÉßſK\u212a", k=chance.randint(1, 9)))
            assert pattern.matches(text) == bool(expected.search(text)), (source, text)


def test_no_pattern_that_is_accepted_is_slow() -> None:
    """Random ones, larger, on long texts of few characters."""
    chance = random.Random(8)
    tried = 0
    while tried < FUZZED:
        try:
            pattern = Pattern(_drawn(chance, 5))
        except (re.error, Unsupported):
            continue
        tried += 1
        for text in (TEXTS[-1], TEXTS[0], lambda length: "".join(map(chr, range(0x4E00, 0x4E00 + length)))):
            assert_linear(pattern.matches, text, LONG)


def test_a_ticket_is_routed_by_a_pattern_whatever_its_text() -> None:
    config = _config(r"^([a-z]+ ?)+: billing")
    slow = _item("please look at the checkout again because", "it is broken")
    assert isinstance(find_route(slow, config), Undecided)
    found = find_route(_item("Please look at this: billing is wrong", ""), config)
    assert isinstance(found, Route) and found.repository == "acme/shop"


def _config(pattern: str) -> FactoryConfig:
    document = {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
        "repositories": {"acme/shop": {}},
        "routing": {"byKeyword": [{"pattern": pattern, "repository": "acme/shop"}]},
    }  # fmt: skip
    return read_config(document, file="factory.config.yaml", model=config_model())


def _item(title: str, description: str) -> WorkItem:
    source = Source(provider="linear", external_id="1")
    return WorkItem(id="A-1", key="A-1", title=title, description=description, state=ItemState.READY, source=source)


ATOMS = [
    "a", "b", "B", "é", "ß", "k", "_", "1", ".", r"\w", r"\W", r"\d", r"\s", r"\S", "[ab]", "[^a]", "[a-k]", r"[\w-]",
    r"[^\s_]", r"\n", " ", "-",
]  # fmt: skip
EDGES = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{,2}", "{2,}"]


def _drawn(chance: random.Random, depth: int) -> str:
    kind = chance.random()
    if depth == 0 or kind < 0.25:
        return chance.choice(EDGES) if chance.random() < 0.15 else chance.choice(ATOMS)
    if kind < 0.5:
        return "".join(_drawn(chance, depth - 1) for _ in range(chance.randint(1, 3)))
    if kind < 0.7:
        return "(" + "|".join(_drawn(chance, depth - 1) for _ in range(chance.randint(1, 3))) + ")"
    if kind < 0.9:
        return f"(?:{_drawn(chance, depth - 1)}){chance.choice(REPEATS)}"
    return f"({chance.choice(['?i:', '?s:', '?m:', '?-i:', '?x:', '?ms-i:'])}{_drawn(chance, depth - 1)})"
