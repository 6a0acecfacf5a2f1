"""Triage, routing, capacity and the merge gate: the rules that decide, as tables and laws."""

from __future__ import annotations

import pytest

from factory_core.dispatch.triage import triage

from .growth import assert_linear, repeated
from .world import CLEAR, config_of, ticket

pytestmark = pytest.mark.pure

VAGUE = [
    ("Cart is off", "Please look at it."),
    ("Make it faster", "It is slow."),
    ("Improve the onboarding", "Users do not like it very much, and we would like them to like it more. " * 4),
]
EMPTY = [("Cart is off", ""), ("???", "?" * 400), ("[BUG]", "**Describe the bug**\nA clear and concise description.")]
WORKABLE = [
    ("Rename total to amount", CLEAR),
    ("Fix crash in parser", "`parse()` raises IndexError on an empty line; it must return an empty list instead. " * 2),
    (
        "Paginate /api/audit",
        "Given more than 100 entries, /api/audit should return pages of 100 with a next link.\n" * 2,
    ),
]


@pytest.mark.parametrize(("title", "description"), [*VAGUE, *EMPTY])
def test_a_vague_ticket_is_not_clear_and_its_question_quotes_it(title: str, description: str) -> None:
    """What nobody could build is asked about."""
    verdict = triage(ticket(title=title, description=description), [], config_of())
    assert verdict.eligible and not verdict.clear and verdict.missing and "“" in verdict.question


@pytest.mark.parametrize(("title", "description"), WORKABLE)
def test_a_workable_ticket_is_clear(title: str, description: str) -> None:
    """A goal and a place are enough; nobody is asked for more."""
    verdict = triage(ticket(title=title, description=description), [], config_of())
    assert verdict.clear and verdict.question == ""


@pytest.mark.parametrize(("title", "description"), VAGUE)
def test_a_real_answer_clears_a_ticket_and_a_shrug_does_not(title: str, description: str) -> None:
    """The answer joins the text; `dunno` is no answer."""
    asked = ticket(title=title, description=description)
    before = triage(asked, [], config_of())
    assert triage(asked, ["dunno", "Not sure …", "???", "👍", ""], config_of()) == before
    assert triage(asked, ["Show `amount` instead of `total` in cart.py, and add a test."], config_of()).clear


@pytest.mark.parametrize("calls", ["<!here> <!channel>", "<@U0ADA> <@U0GRACE>", "<!subteam^S1|web>"])
@pytest.mark.parametrize(("title", "description"), VAGUE)
def test_whom_an_answer_calls_says_nothing_and_hides_nothing(title: str, description: str, calls: str) -> None:
    """A mention is no place, and a broadcast (`<!here>`) is no placeholder of a form."""
    asked = ticket(title=title, description=description)
    assert triage(asked, [f"Show `amount` instead of `total` in cart.py. {calls}"], config_of()).clear
    assert not triage(asked, [f"{calls} it should be different"], config_of()).clear


@pytest.mark.parametrize(("title", "description"), EMPTY)
def test_no_answer_alone_clears_an_empty_ticket(title: str, description: str) -> None:
    """Else whoever answers writes the ticket."""
    asked = ticket(title=title, description=description)
    assert not triage(asked, ["Show `amount` instead of `total` in cart.py, and add a test."], config_of()).clear


@pytest.mark.parametrize(
    "label",
    [
        "Epic ⚡", "❓question", "⛔ blocked", "duplicate?", "type → spike", "Type › Spike", "WIP",
        "waiting for response", "🚧 exec:pair", "(exec) swarm", "Needs / Human decision",
    ],
)  # fmt: skip
def test_a_label_stops_however_it_is_decorated(label: str) -> None:
    title, description = WORKABLE[1]
    assert not triage(ticket(title=title, description=description, labels=(label,)), [], config_of()).eligible


@pytest.mark.parametrize("label", ["area:support", "component/meta", "team: research", "🐛 bug", "not blocked", "✅"])
def test_a_label_that_says_where_stops_nothing(label: str) -> None:
    title, description = WORKABLE[1]
    assert triage(ticket(title=title, description=description, labels=(label,)), [], config_of()).clear


@pytest.mark.parametrize(
    "title", ["EPIC - parser", "Spike – fix parser", "SPIKE fix crash in parser", "[WIP] Fix crash"]
)
def test_a_title_says_what_it_is_with_a_dash_and_in_capitals_too(title: str) -> None:
    assert not triage(ticket(title=title, description=WORKABLE[1][1]), [], config_of()).eligible


NUDGES = [
    "Thanks for looking into this!", "+1 from our team", "Me too, since version 2.3", "Any progress in 3 weeks?",
    "We have 5 customers who complain about it", "Still happening in 2024", "Moved to sprint 42", "Est. 3 points",
    "I'll be back on 12 May", "see #123", "Works for me on version 3", "Gleiches Problem bei uns seit 2 Wochen",
    "Wartet seit 14 Tagen", "Même problème chez nous depuis 3 jours", "Nos pasa igual desde hace 2 días",
    "Acontece com 3 clientes", "Anche da noi, dalla versione 2", "Bij ons ook, al 3 dagen", "U nas też, od 2 dni",
    "+1, у меня тоже", "弊社でも2週間前から発生しています", "我们也遇到了，已经3天", "저희도 3일째 같은 문제입니다",
]  # fmt: skip


@pytest.mark.parametrize("said", NUDGES)
@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Dashboard feels sluggish", "It became slower for us lately. Could you please have a look? Thanks!"),
        ("Not working", "Doesn't work after the update."),
        ("Change the invoice layout", "Should the logo go to the left, or to the right?"),
    ],
)
def test_a_number_that_measures_nothing_is_no_answer(title: str, description: str, said: str) -> None:
    """People count users, days and sprints; that somebody has it too says neither what nor where."""
    assert not triage(ticket(title=title, description=description), [said], config_of()).clear


def test_the_bare_name_of_a_place_says_where_and_not_what() -> None:
    """Then the rest is asked for."""
    asked = ticket(title="Not working", description="Doesn't work after the update.")
    assert triage(asked, [], config_of()).missing[0] == "place"
    assert triage(asked, ["on `/checkout`"], config_of()).missing == ("result",)
    assert triage(asked, ["on `/checkout`", "It should open the payment dialog."], config_of()).clear
    assert triage(asked, ["Rename `total` to `amount` in shop/cart.py"], config_of()).clear
    assert triage(asked, ["`/checkout` in under 1 s"], config_of()).clear


@pytest.mark.parametrize(
    "request_",
    [
        "Could you please have a look?", "Könnt ihr euch das bitte ansehen?", "Pourriez-vous regarder ?",
        "¿Podrían revisarlo?", "Vocês podem verificar o erro?", "Potreste guardare?", "Kunnen jullie dit bekijken?",
        "Czy możecie to sprawdzić?", "Не могли бы вы посмотреть?", "能不能帮忙看一下？", "ご確認いただけますか？",
        "확인해 주실 수 있나요?",
    ],
)  # fmt: skip
def test_a_polite_request_leaves_nothing_open(request_: str) -> None:
    """It has the form of a question, and nobody has to decide anything."""
    description = f"`src/export.py` must write UTF-8. {request_}"
    assert triage(ticket(title="Export of names", description=description), [], config_of()).clear


def test_what_a_sentence_numbers_is_offered() -> None:
    """And an answer picks it by the letter that the ticket gives it."""
    asked = ticket(
        title="Total of the cart",
        description="In `cart.py` we should (a) round each line, (b) round the total, or (c) keep 4 decimals.",
    )
    verdict = triage(asked, [], config_of())
    assert verdict.missing[0] == "choice"
    assert verdict.choices == ("round each line", "round the total", "keep 4 decimals")
    assert not triage(asked, ["d"], config_of()).clear and triage(asked, ["(b) please"], config_of()).clear


def test_a_quote_is_closed_once() -> None:
    """Whatever quotes the ticket has itself."""
    asked = ticket(title="Falscher Betrag", description="Der Betrag auf „Rechnung“ ist falsch und «alt».")
    assert triage(asked, [], config_of()).question.startswith("„Der Betrag auf 'Rechnung' ist falsch und 'alt'.“")


def test_a_question_that_needs_something_is_a_question() -> None:
    """`Need to` in a sentence that asks orders nothing."""
    asked = ticket(title="How do I use our own CA?", description="Is it supported? Which variable do I need to set?")
    assert triage(asked, [], config_of()).kind == "question"


@pytest.mark.parametrize("piece", ["\n", "\n!", "a-", "/A", "- [\n", "`a", "a.a", "given\n"])
def test_no_text_keeps_triage_busy(piece: str) -> None:
    """Anybody's ticket and anybody's answer: the time grows with the text and no faster, for the loop stands still."""
    answers = ["?" * 1_000 + "x", "? a" * 300]
    assert_linear(
        lambda text: triage(ticket(title="x", description=text), answers, config_of()), repeated(piece), 20_000
    )


def test_only_listed_labels_start_when_the_rule_says_so() -> None:
    """`requireGoLabel`: a ticket without one is not eligible, and the reason names the labels."""
    config = config_of(triage={"requireGoLabel": True})
    verdict = triage(ticket(), [], config)
    assert (verdict.eligible, verdict.why) == (False, "it has none of the labels exec:quick, exec:tdd")
    assert triage(ticket(labels=("Exec:Quick",)), [], config).eligible
