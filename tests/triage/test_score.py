"""Triage, measured: a figure that falls fails the build. On the half that nobody tunes to the floors are looser."""

from __future__ import annotations

from collections import Counter

import pytest

from .scoring import LABELS, PARTS, Share, figures, rows

pytestmark = pytest.mark.pure

LANGUAGES = {"en", "de", "fr", "es", "pt", "sv", "ja", "zh", "ko", "ru"}
LOOSER = {"tuned": 1.0, "kept": 1.5}


def at_most(found: Share, count: int, total: int, part: str) -> bool:
    """No larger a share than `count` of `total`, or one and a half times it on the half that is kept."""
    return found.count * total <= LOOSER[part] * count * found.total


def rest(found: Share) -> Share:
    return Share(found.total - found.count, found.total)


@pytest.mark.parametrize("part", PARTS)
def test_what_starts_is_what_should(part: str) -> None:
    """Started though it should not, at most 3 of 52; not started though it could, 8 of 31; questions that miss what is
    missing, 30 of 100. No agent does a person's work."""
    found = figures(part)
    assert at_most(found.false_clear, 3, 52, part), found
    assert at_most(found.false_ask, 8, 31, part), found
    assert at_most(rest(found.category), 30, 100, part), found
    assert found.not_agent_started.count == 0, found


@pytest.mark.parametrize("part", PARTS)
def test_answers_mean_what_they_say(part: str) -> None:
    """Misjudged, at most 8 of 53; no agent goes on after a refusal."""
    found = figures(part)
    assert at_most(rest(found.answers), 8, 53, part), found
    assert found.refusals_started.count == 0, found


def test_the_data_are_what_they_are_said_to_be() -> None:
    """150 tickets and 100 answers in ten languages, half of each kind kept; each answer answers a question."""
    tickets, answers = rows("tickets"), rows("answers")
    known = {ticket["id"]: ticket for ticket in tickets}
    assert (len(tickets), len(known), len(answers)) == (150, 150, 100)
    assert {ticket["language"] for ticket in tickets} == {answer["language"] for answer in answers} == LANGUAGES
    for label in LABELS:
        parts = Counter(ticket["part"] for ticket in tickets if ticket["label"] == label)
        assert abs(parts["tuned"] - parts["kept"]) <= 1
    assert all(known[answer["ticket"]]["label"] == "ask" for answer in answers)
    assert all(known[answer["ticket"]]["part"] == answer["part"] for answer in answers)
    assert all(bool(ticket.get("missing")) == (ticket["label"] == "ask") for ticket in tickets)
