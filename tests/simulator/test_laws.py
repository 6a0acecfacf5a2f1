"""What the laws say anew of the product is what the product says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from factory_core.dispatch import comments
from factory_core.dispatch.effects import PostComment
from factory_core.dispatch.events import CheckedIn, PullRequestOpened
from factory_core.dispatch.pull_request import PullRequest
from factory_core.dispatch.records import Block, InFlightRecord, State
from factory_core.dispatch.transitions import transition
from factory_simulator.deadlines import REVIEW_WAITS
from factory_simulator.final_laws import MERGED, REVIEW, SAID, STOPS
from factory_simulator.schedule import Schedule, Ticket
from factory_simulator.vendors import QUESTION

pytestmark = pytest.mark.pure
CONFIG = Schedule(seed=1, tickets=(Ticket(key="ACME-1"),)).config(0)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PULL = PullRequest(repository="acme/shop", number=1, branch="b", base="main", url="https://code.example/1")
OPENED = PullRequestOpened(id="opened", work_item_id="ACME-1", at=NOW, pull_request=PULL, summary="Renamed it.")
BLOCK = Block(reason="unroutable", why="No repository.", fix="In the ticket: name one")


def _said_in_review() -> str:
    """What is said of a pull request that has waited for so long that people are reminded of it."""
    waits = InFlightRecord(work_item_id="ACME-1", version=1, state=State.IN_REVIEW, since=NOW, pull_request=PULL)
    at = NOW + CONFIG.merge.remind_after
    decided = transition(waits, CheckedIn(id="deadline", work_item_id="ACME-1", at=at), CONFIG)
    assert decided
    return next(effect.body for effect in decided.effects if isinstance(effect, PostComment))


def test_each_comment_is_known_by_its_beginning() -> None:
    """A law that counts comments by words that nobody writes any more counts nothing."""
    merged = InFlightRecord(work_item_id="ACME-1", version=1, state=State.MERGING, pull_request=PULL)
    written = {
        MERGED: comments.summary(merged, NOW, CONFIG),
        STOPS: comments.blocked(BLOCK),
        REVIEW: comments.ready_for_review(merged, OPENED),
        "This has waited for a person": comments.still_blocked(BLOCK, "3 d"),
        "Nobody answered within": comments.gave_up(CONFIG),
        REVIEW_WAITS: _said_in_review(),
    }
    assert written.keys() == SAID.keys()
    assert [begins for begins, words in written.items() if not words.startswith(begins)] == []


def test_a_question_is_known_by_its_end() -> None:
    """A channel in which no question is known is answered by nobody."""
    asked = comments.question(InFlightRecord(work_item_id="ACME-1"), "Which page?", CONFIG)
    assert asked.endswith(QUESTION) and not comments.reminder(InFlightRecord(work_item_id="ACME-1")).endswith(QUESTION)
