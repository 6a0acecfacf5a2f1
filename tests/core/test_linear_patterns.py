"""No pattern that reads a ticket or an answer is slow on any text: each is bounded, so the time grows with the text."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest

from factory_core.dispatch.answers import judge_answer
from factory_core.dispatch.prose import prose_of
from factory_core.dispatch.triage import triage

from .growth import assert_linear, repeated
from .world import config_of, ticket

pytestmark = pytest.mark.pure

MODULES = (
    "anchors", "answers", "asking", "choices", "hold", "labels", "prose", "question_text",
    "repository_question", "routing", "ticket_text", "triage", "vocabulary",
)  # fmt: skip
PIECES = (
    "a", "a ", "/a", "a.", "a-", "A_", "Aa", "(", "[", "<a ", "`a", '"a', "'a", "curl ", "run the ", " ", "\t", "1.",
    "\n", "a=", "--a", "https://", "http://a.", "![a", "[a](", "<!--", "@a.", "：", "「", "x.py", "*a", "| a ", "a:",
    "\u3042", "<img ", 'File "', "$(", "(a) ", "....", "A-1", "_a_a", "-- ", "#",
)  # fmt: skip
PATTERN, LENGTH, LONGER = 8_000, 20_000, 200_000


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for name in ("text.foreign_text", *(f"dispatch.{name}" for name in MODULES)):
        for key, value in vars(importlib.import_module(f"factory_core.{name}")).items():
            rows = value if isinstance(value, tuple) else (value,)
            parts = [part for row in rows for part in (row if isinstance(row, tuple) else (row,))]
            yield from ((f"{name}.{key}", part) for part in parts if isinstance(part, re.Pattern))


@pytest.mark.parametrize("pattern", [pytest.param(found, id=name) for name, found in patterns()])
def test_no_pattern_is_slow(pattern: re.Pattern[str]) -> None:
    for piece in PIECES:
        assert_linear(lambda text: sum(1 for _ in pattern.finditer(text)), repeated(piece), PATTERN)


@pytest.mark.parametrize("length", [LENGTH, pytest.param(LONGER, marks=pytest.mark.soak)])
@pytest.mark.parametrize("piece", PIECES)
def test_no_ticket_and_no_answer_is_slow(piece: str, length: int) -> None:
    def read(text: str) -> None:
        triage(ticket(title=text, description=text), [text], config_of())
        judge_answer(text, ("one", "two"))
        prose_of(text)

    assert_linear(read, repeated(piece), length)
