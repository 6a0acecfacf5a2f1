"""Triage, routing, capacity and the merge gate: the rules that decide, as tables and laws."""

from __future__ import annotations

from time import process_time

import pytest

from factory_core.dispatch.routing import Route, route
from factory_core.dispatch.triage import triage

from .world import CLEAR, config_of, ticket

pytestmark = pytest.mark.pure

VAGUE = [
    ("Cart is off", ""),
    ("Make it faster", "It is slow."),
    ("Improve the onboarding", "Users do not like it very much, and we would like them to like it more. " * 4),
    ("???", "?" * 400),
]
WORKABLE = [
    ("Rename total to amount", CLEAR),
    ("Fix crash in parser", "`parse()` raises IndexError on an empty line; it must return an empty list instead. " * 2),
    (
        "Paginate /api/audit",
        "Given more than 100 entries, /api/audit should return pages of 100 with a next link.\n" * 2,
    ),
]


@pytest.mark.parametrize(("title", "description"), VAGUE)
def test_a_vague_ticket_is_not_clear_and_has_a_question(title: str, description: str) -> None:
    """What nobody could build is asked about, with a question that names what is missing."""
    verdict = triage(ticket(title=title, description=description), [], config_of())
    assert not verdict.clear and verdict.question.endswith(("?", ".")) and verdict.why.startswith("missing: ")


@pytest.mark.parametrize(("title", "description"), WORKABLE)
def test_a_workable_ticket_is_clear(title: str, description: str) -> None:
    """Criteria, a place and an action are enough; nobody is asked for more."""
    verdict = triage(ticket(title=title, description=description), [], config_of())
    assert verdict.clear and verdict.question == ""


@pytest.mark.parametrize(("title", "description"), VAGUE)
def test_a_real_answer_makes_a_ticket_clearer_and_a_shrug_does_not(title: str, description: str) -> None:
    """The answer joins the text; `dunno` is no answer."""
    asked = ticket(title=title, description=description)
    before = triage(asked, [], config_of()).score
    assert triage(asked, ["dunno", "Not sure …", "???", "👍", ""], config_of()).score == before
    answered = triage(asked, ["Show `amount` instead of `total` in cart.py, and add a test."], config_of())
    assert answered.clear


@pytest.mark.parametrize("piece", ["\n", "\n!", "a-", "/A", "- [\n", "`a", "a.a", "given\n"])
def test_no_text_keeps_triage_busy(piece: str) -> None:
    """Anybody's ticket and anybody's answer: the time grows with the text and no faster, for the loop stands still."""
    begun = process_time()
    triage(ticket(title="x", description=piece * (20_000 // len(piece))), ["?" * 1_000 + "x", "? a" * 300], config_of())
    assert process_time() - begun < 0.5


def test_routing_asks_label_then_project_then_keyword_then_default() -> None:
    """The first rule that answers wins, case does not matter, and none means none."""
    config = config_of(
        routing={
            "byLabel": {"Area:API": "acme/api"},
            "byProject": {"Shop": "acme/shop"},
            "byKeyword": [{"pattern": r"\binvoice", "repository": "acme/api"}],
        }
    )
    by_label = route(ticket(labels=("area:api",)), config)
    assert by_label == Route(repository="acme/api", engine="console", why="label Area:API")
    assert route(ticket(project="shop"), config) == Route(repository="acme/shop", engine="console", why="project Shop")
    by_keyword = route(ticket(project="", title="Send INVOICES"), config)
    assert by_keyword is not None and by_keyword.repository == "acme/api"
    assert route(ticket(project="Mobile"), config) is None
    with_default = config_of(routing={"default": "acme/api"})
    assert route(ticket(project="Mobile"), with_default) == Route(
        repository="acme/api", engine="console", why="default"
    )


def test_only_listed_labels_start_when_the_rule_says_so() -> None:
    """`requireGoLabel`: a ticket without one is not eligible, and the reason names the labels."""
    config = config_of(triage={"requireGoLabel": True})
    assert triage(ticket(), [], config).why == "it has none of the labels exec:quick, exec:tdd"
    assert triage(ticket(labels=("Exec:Quick",)), [], config).eligible
