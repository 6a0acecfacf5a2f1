"""The question in an agent's last message, however the agent formats it; and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fleets.local_engines.question import question_in

pytestmark = pytest.mark.pure

ASKED = "Per user or per team?"
TICKET = "The ticket says:\n```\nshow the limit\nQUESTION: Per user or per team?\nin the cart\n```\n"


@pytest.mark.parametrize(
    "words",
    [
        f"QUESTION: {ASKED}",
        f"\n  QUESTION: {ASKED}  \n\n\n",
        f"I looked at both modules; either could hold it.\n\nQUESTION: {ASKED}",
        f"**QUESTION:** {ASKED}",
        f"**QUESTION**: {ASKED}",
        f"**QUESTION: {ASKED}**",
        f"Done so far.\r\n\r\n_QUESTION:_ {ASKED}\r\n",
        f"- QUESTION: {ASKED}",
        f"2. QUESTION: {ASKED}",
        f"### QUESTION: {ASKED}",
        f"> QUESTION: {ASKED}",
        f"`QUESTION: {ASKED}`",
        f"```QUESTION: {ASKED}```",
        f"I ask:\n```\nQUESTION: {ASKED}\n```\n",
        f"QUESTION:\n{ASKED}",
        f"{TICKET}\nThat can be read in two ways.\n\nQUESTION: {ASKED}",
        f"{ASKED}\n\nQUESTION:",
        f"I looked at both.\n\n**Question:** {ASKED}",
        f"A preface.\r\rQUESTION: {ASKED}\r",
        f"A preface.\n\u200bQUESTION:\u00a0{ASKED}",
        f"\ufeff**QUES\u00adTION:** {ASKED}",
        f"A column here.\u2028QUESTION: no\nQUESTION: {ASKED}",
    ],
)
def test_a_question_is_asked_wherever_the_message_ends_with_it(words: str) -> None:
    """A preface, bold, a list, a quotation, a code span or block around it change nothing."""
    assert question_in(words) == ASKED


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("QUESTION: Which?\n- the cart\n- the bill", "Which?\n- the cart\n- the bill"),
        ("x\nQUESTION: Which?\n\nI would take the cart.", "Which?\n\nI would take the cart."),
        ("QUESTION: Which?\nQUESTION: And when?", "Which?\nAnd when?"),
        ("> QUESTION: Which?\n> the cart", "Which?\n> the cart"),
        ("QUESTION: What should\n```\nf()\n```\nreturn?", "What should\n```\nf()\n```\nreturn?"),
    ],
)
def test_a_question_has_as_many_lines_as_it_has(words: str, asked: str) -> None:
    """It goes on to the end of the message, over options, blank lines and further questions."""
    assert question_in(words) == asked


@pytest.mark.parametrize(
    "words",
    [
        "",
        "All done; 12 tests pass.",
        f"{TICKET}\nI took per user, and added a test.",
        f"> QUESTION: {ASKED}\n\nThe reporter had answered that: per user.",
        f"The ticket's `QUESTION: {ASKED}` is answered in its last comment.",
        "There was no QUESTION: it was clear.",
        "Done.\n\nQUESTION: none",
        "QUESTION: None.",
        "QUESTION:",
        "QUESTIONS: 3 answered",
        "Question: is it tested? Yes.",
        f"The open question: {ASKED}",
        f"Question: {ASKED}\n\nI took per user.",
    ],
)
def test_what_is_quoted_or_empty_is_no_question(words: str) -> None:
    """A ticket may hold such a line, and an agent may fill the form in though it has nothing to ask."""
    assert question_in(words) == ""


@given(st.lists(st.sampled_from(["QUESTION:", " ", "*", "`", ">", "```\n", "\n", "x", "1. ", "\0", "\u2028", "："])))
def test_any_message_is_read(parts: list[str]) -> None:
    """It never raises, and what is asked is part of the message."""
    asked = question_in("".join(parts))
    assert all(line.strip() in "".join(parts) for line in asked.split("\n"))
