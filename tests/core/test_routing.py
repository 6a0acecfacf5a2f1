"""Where an item belongs: by the first rank of rules that agrees, else by a person's choice. Never by a guess."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.choices import MOST_SHOWN, chosen
from factory_core.dispatch.prose import prose_of
from factory_core.dispatch.records import InFlightRecord, State, Summary
from factory_core.dispatch.repository_question import question
from factory_core.dispatch.routing import (
    MOST_REMEMBERED,
    RememberedRoute,
    Route,
    Undecided,
    find_route,
    project_name,
    remember,
)
from factory_core.dispatch.triage import triage
from factory_core.dispatch.vocabulary import LANGUAGES
from factory_core.text.normal_form import MOST_MARKS, normal_form

from .growth import assert_linear, repeated
from .world import START, World, config_of, run, ticket

pytestmark = pytest.mark.pure

BOTH = {"byLabel": {"area:api": "acme/api", "area:web": "acme/shop"}, "byProject": {}}
WORDS = {
    "byProject": {},
    "byKeyword": [{"pattern": "api", "repository": "acme/api"}, {"pattern": "cart|支付", "repository": "acme/shop"}],
}


def repository(*, remembered: str = "", answer: str = "", rules: dict[str, object], **fields: object) -> str:
    """Where the ticket goes; of an open choice the repositories, joined by `|`."""
    known = {project_name("Mobile"): RememberedRoute(repository=remembered, key="ACME-9", at=START)}
    item = ticket(**{"description": "", "project": "Mobile", **fields})  # type: ignore[arg-type]
    found = find_route(item, config_of(routing=rules), answer, known if remembered else None)
    return found.repository if isinstance(found, Route) else "|".join(found.repositories)


def test_the_first_rank_that_matches_decides_and_its_reason_says_what_else_did() -> None:
    rules = {
        **BOTH,
        "byProject": {"Mobile": "acme/shop"},
        "byKeyword": [{"pattern": "cart", "repository": "acme/shop"}],
    }
    item = ticket(labels=("Area: API",), project="mobile", title="The cart")
    found = find_route(item, config_of(routing=rules))
    assert isinstance(found, Route) and found.repository == "acme/api" and not found.chosen
    also = "project Mobile → acme/shop, keyword cart → acme/shop"
    assert found.why == f"label area:api; other rules that match: {also}"
    default = find_route(ticket(project="Other"), config_of(routing={"byProject": {}, "default": "acme/api"}))
    assert isinstance(default, Route) and default.why == "default: no rule matches"


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        (BOTH, {"labels": ("area:web", "area:api")}),
        ({"byProject": {"Mobile": "acme/api", "mobile ": "acme/shop"}}, {}),
        (WORDS, {"title": "The cart calls the API"}),
        ({"byProject": {}}, {}),
        ({"byProject": {}}, {"project": ""}),
        ({**BOTH, "default": "acme/shop"}, {"labels": ("area:web", "area:api")}),
    ],
)
def test_rules_that_disagree_or_do_not_match_leave_a_choice(
    rules: dict[str, object], fields: dict[str, object]
) -> None:
    """A default does not decide between rules that match."""
    assert set(repository(rules=rules, **fields).split("|")) == {"acme/shop", "acme/api"}
    assert repository(rules=rules, answer="acme/api", **fields) == "acme/api"
    assert "|" in repository(rules=rules, answer="acme/else", **fields)


def test_rules_that_agree_leave_none() -> None:
    rules = {"byProject": {}, "byLabel": {"a": "acme/api", "b": "acme/api"}}
    assert repository(rules=rules, labels=("a", "b")) == "acme/api"


def test_the_configuration_wins_over_what_was_chosen() -> None:
    """Neither an answer nor the memory of one goes where the rules do not leave it open."""
    mapped = {"byProject": {"Mobile": "acme/shop"}}
    assert repository(rules=mapped, remembered="acme/api", answer="acme/api") == "acme/shop"
    assert repository(rules={"byProject": {}}, remembered="acme/api") == "acme/api"
    assert repository(rules={"byProject": {}}, remembered="acme/api", answer="acme/shop") == "acme/shop"
    assert "|" in repository(rules={"byProject": {}}, remembered="acme/gone")
    assert "|" in repository(rules={"byProject": {}}, remembered="acme/api", project="")


@pytest.mark.parametrize(
    ("configured", "written"),
    [("Shop", " shop\u00a0"), ("Café", unicodedata.normalize("NFD", "CAFÉ")), ("A  B", "a b"), ("x/y", "X / Y")],
)
def test_a_project_is_one_however_it_is_written(configured: str, written: str) -> None:
    assert repository(rules={"byProject": {configured: "acme/api"}}, project=written) == "acme/api"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Capital letters", ""), ("The API answers 500", "acme/api"), ("an apiary", ""), ("api_key", ""),
        ("修复支付页面", "acme/shop"), ("apiが落ちる", "acme/api"), ("carts", ""), ("(cart)", "acme/shop"),
        ("```\napi call failed\n```", ""), ("> the api said", ""), ("- [ ] api", ""), ("- [x] api", ""),
        ("<!-- api -->", ""), ("<!-- never closed api", ""), ("2026-11-02 10:00:01 ERROR api", ""),
        ("\tapi.call()", ""), ("https://example.test/api", ""), ("![api](https://example.test/api.png)", ""),
        ("    at api.Call (api.js:3)", ""), ("~~~\ncart\n~~~\nThe api", "acme/api"), ("- in the cart", "acme/shop"),
        ("$ curl api", ""), ("java.lang.Error: api\n\tat api.Call(Call.java:1)", ""), ("api.main()", ""),
        ("Nov  2 10:00:01 host api[12]: died", ""), ("E   api failed", ""), ("goroutine 1 of the api", ""),
        ("Error handling of the API is wrong", "acme/api"), ("IndexError in the cart", "acme/shop"),
        ("At checkout the cart is empty", "acme/shop"),
    ],
)  # fmt: skip
def test_a_keyword_is_a_whole_word_of_what_a_person_wrote(text: str, found: str) -> None:
    """Not in logs, code, quotes, boxes, comments or addresses; scripts without blanks have no ends of words."""
    assert repository(rules=WORDS, title="Fix it", description=text) == (found or "acme/shop|acme/api")


def test_a_pattern_that_says_where_words_end_means_what_it_says() -> None:
    rules = {"byProject": {}, "byKeyword": [{"pattern": r"\binvoice", "repository": "acme/api"}]}
    assert repository(rules=rules, title="Send INVOICES") == "acme/api"
    assert "|" in repository(rules=rules, title="Send preinvoices")


@pytest.mark.parametrize(
    "piece", ["<!--", "```\n", "~~~", "![", "> ", "- [ ]", "a", "\n", "https://", "[a](", "at a(", "é"]
)
def test_no_text_keeps_routing_busy(piece: str) -> None:
    """200 kB of anything: one pass over it, and patterns that backtrack nowhere else either."""
    rules = {
        "byProject": {},
        "byKeyword": [{"pattern": p, "repository": "acme/api"} for p in (r"(a+)+z", r"(\w+\s?)*!")],
    }
    config = config_of(routing=rules)
    assert_linear(lambda text: find_route(ticket(project="", description=text), config), repeated(piece), 200_000)


MARKS = "\u0301\u0316"
"""Putting combining marks in order takes a time that grows with the square of their run, where nobody bounds it."""


@pytest.mark.parametrize("field", ["title", "description", "project", "label", "answer"])
def test_no_run_of_combining_marks_keeps_triage_or_routing_busy(field: str) -> None:
    config = config_of(routing={**BOTH, "byProject": {"y": "acme/api"}, "byKeyword": WORDS["byKeyword"]})

    def read(text: str) -> None:
        fields: dict[str, object] = {"labels": (text,)} if field == "label" else {field: text}
        item = ticket(**{"project": "x", **fields}) if field != "answer" else ticket()
        find_route(item, config)
        triage(item, [text] if field == "answer" else [], config)
        chosen(text, OFFERED)

    assert_linear(read, lambda length: "a" + repeated(MARKS)(length), 200_000)


def test_a_few_marks_are_part_of_a_word() -> None:
    assert normal_form("e\u0301") == "é" and normal_form("Ａ", "NFKC") == "A"
    assert len(normal_form("a" + "\u0316" * 100)) == 1 + MOST_MARKS


def test_prose_keeps_what_it_should() -> None:
    text = "One `word`.\n\n1. first\n    more of it\n\n    code()\n\n[a page](https://example.test/x)\n> no\n"
    assert prose_of(text).replace("1. ", "").split() == ["One", "`word`.", "first", "more", "of", "it", "a", "page"]


OFFERED = ("acme/shop", "acme/api", "acme/api-docs")


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("2", 2), (" 2. ", 2), ("#2", 2), ("Option 2, please!", 2), ("**2**", 2), ("2番です", 2), ("第2", 2), ("２", 2),
        ("no. 2", 2), ("acme/api", 2), ("`ACME/API`.", 2), ("it belongs to acme/api", 2), ("acme/apiです", 2),
        ("https://code.example/acme/api", 2), ("<https://code.example/acme/api.git>", 2), ("api", 2), ("the shop", 1),
        ("acme/api-docs", 3), ("4", 0), ("0", 0), ("-1", 0), ("1 2", 0), ("1 or 2", 0), ("in 2 days", 0), ("2 days", 0),
        ("not acme/api", 0), ("acme/api ではない", 0), ("nicht acme/api", 0), ("acme/api or acme/shop", 0),
        ("acme/api?", 0), ("acme/api？", 0), ("acme/mobile", 0), ("evil/acme/api", 0), ("acme/shopping", 0), ("hm", 0),
        ("https://evil.test/x/acme/api", 0), ("acme/api/src/cart.py", 0), ("The shop owner reported it", 0), ("", 0),
        ("acme/api " + "x" * 300, 0),
    ],
)  # fmt: skip
def test_an_answer_picks_exactly_one_of_what_was_offered_or_nothing(text: str, picked: int) -> None:
    assert chosen(text, OFFERED) == (OFFERED[picked - 1] if picked else "")


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    known: dict[str, RememberedRoute] = {}
    for n in range(MOST_REMEMBERED + 5):
        known = remember(known, f" Project {n}", RememberedRoute(repository="acme/api", key=f"ACME-{n}", at=START))
    assert len(known) == MOST_REMEMBERED and "project 0" not in known and f"project {MOST_REMEMBERED + 4}" in known
    again = remember(known, "PROJECT 5", RememberedRoute(repository="acme/shop", key="ACME-1", at=START))
    assert len(again) == MOST_REMEMBERED and list(again)[-1] == "project 5"
    assert remember({}, "  ", RememberedRoute(repository="acme/api", key="A-1", at=START)) == {}
    assert len(Batch(routes=known).model_dump_json()) < 8_000


def test_a_ticket_of_an_unknown_project_asks_once_and_its_answer_routes_the_next_ones() -> None:
    """The question offers the configuration's repositories; an edit does not repeat it; a pick starts the work."""

    async def story() -> None:
        world = World()
        await world.add(ticket(project="Mobile"))
        assert await world.state() is State.WAITING and world.said() == []
        (question,) = world.channel.threads["C1:1.0"]
        assert "Which repository does ACME-1 belong to?" in question and "project Mobile" in question
        assert "1. acme/shop\n2. acme/api" in question
        await world.add(ticket(project="Mobile", title="Rename total to amount, please"))
        assert await world.state() is State.WAITING and world.channel.threads["C1:1.0"] == [question]
        await world.hear(world.reply("acme/mobile"), world.reply("hm"), world.reply("2?"))
        assert await world.state() is State.WAITING and world.fleet.orders == {}
        assert len(world.channel.threads["C1:1.0"]) == 2  # which answers count is said once
        await world.hear(world.reply("2"))
        record = await world.record()
        assert record.state is State.RUNNING and record.route and record.route.repository == "acme/api"
        await world.agent_ends()
        await world.add(ticket("ACME-2", project="mobile "))
        second = await world.record("ACME-2")
        assert second.route and second.route.why == "the answer on ACME-1, remembered for project mobile"
        assert second.route.repository == "acme/api" and len(world.channel.threads) == 1

    run(story())


def test_who_may_not_answer_does_not_route() -> None:
    async def story() -> None:
        world = World(clarification={"whoMayAnswer": ["U7"]})
        await world.add(ticket(project="Mobile"))
        await world.hear(world.reply("2", author="U8"))
        assert await world.state() is State.WAITING and (await world.store.get_batch()).routes == {}
        await world.hear(world.reply("2", author="U7"))
        assert await world.state() is State.RUNNING

    run(story())


def test_a_correction_before_the_triage_counts_and_an_answer_after_the_end_takes_it_up_again() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket(project="Mobile"))
        for reply in (world.reply("1"), world.reply("sorry, acme/api")):
            await world.factory.recorder.accept(reply)
        await world.settle()
        record = await world.record()
        assert record.route and record.route.repository == "acme/api"
        assert (await world.store.get_batch()).routes["mobile"].repository == "acme/api"
        await world.add(ticket("ACME-2", project="Web"))
        for _ in range(9):
            await world.later(timedelta(days=1))
        assert await world.state("ACME-2") is State.FAILED
        await world.hear(world.reply("dunno", thread="C1:2.0"))
        assert await world.state("ACME-2") is State.FAILED
        await world.hear(world.reply("acme/shop", thread="C1:2.0"))
        routed = (await world.record("ACME-2")).route
        assert routed and routed.repository == "acme/shop"

    run(story())


def test_a_refusal_is_no_answer_to_where_it_belongs() -> None:
    async def story() -> None:
        world = World()
        await world.add(ticket(project="Mobile"))
        await world.hear(world.reply("Please don't work on this, it is obsolete"))
        assert (await world.state(), world.fleet.orders) == (State.BLOCKED, {})

    run(story())


def test_words_after_the_pick_are_an_answer_like_any_other() -> None:
    """Nobody is told once more which repositories there are."""

    async def story() -> None:
        world = World()
        await world.add(ticket(project="Mobile"))
        for reply in (world.reply("1"), world.reply("And rename it in `shop/page.py`, too.")):
            await world.factory.recorder.accept(reply)
        await world.settle()
        assert len(world.channel.threads["C1:1.0"]) == 1 and "shop/page.py" in world.fleet.orders.popitem()[1].task

    run(story())


def test_of_very_many_repositories_the_record_holds_what_was_listed_and_any_name_counts() -> None:
    async def story() -> None:
        world = World(repositories={f"acme/r{n}": {} for n in range(300)})
        await world.add(ticket(project="Mobile"))
        record = await world.record()
        assert record.clarification and len(record.clarification.repositories) == MOST_SHOWN
        assert f"… and {302 - MOST_SHOWN} more, by name" in record.clarification.question
        await world.hear(world.reply("21"), world.reply("> 1. acme/shop\n> 2. acme/api\nacme/r299"))
        routed = (await world.record()).route
        assert routed and routed.repository == "acme/r299"

    run(story())


def test_without_any_repository_a_person_must_act() -> None:
    async def story() -> None:
        world = World(repositories={}, routing={"byProject": {}})
        world.config = world.config.model_copy(update={"repositories": {}})
        world.factory = world.new_factory("worker-2")
        await world.add(ticket(project="Mobile"))
        record = await world.record()
        assert record.block and record.block.reason == "unroutable" and len(world.said()) == 1

    run(story())


def test_one_project_is_asked_about_once_for_each_ticket_that_came_before_the_answer() -> None:
    """What waits already is answered in its own thread; nothing is routed behind a question that stands."""

    async def story() -> None:
        world = World()
        await world.add(ticket(project="Mobile"))
        await world.add(ticket("ACME-2", project="Mobile"))
        await world.hear(world.reply("2"))
        assert (await world.state(), await world.state("ACME-2")) == (State.RUNNING, State.WAITING)

    run(story())


@pytest.mark.parametrize("language", [*LANGUAGES, "sv", ""])
def test_the_question_is_in_the_tickets_language(language: str) -> None:
    """An unknown one is asked in English; each names the ticket, the rules, the choices and the project."""
    undecided = Undecided(why="", rules="label a → acme/api", repositories=("acme/api", "acme/shop"))
    record = InFlightRecord(work_item_id="ACME-1", item=Summary.of(ticket(project="Mobile \x1b[2J")))
    text = question(record, undecided, language)
    assert all(part in text for part in ("ACME-1", "label a → acme/api", "1. acme/api\n2. acme/shop", "Mobile [2J"))
    assert ("Which repository" in text) == (language in ("en", "sv", "")) and "{" not in text


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=20), max_size=5, unique=True))
def test_an_answer_picks_only_what_was_offered(text: str, options: list[str]) -> None:
    assert chosen(text, options) in {"", *options}


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=4), st.text(max_size=20), st.text(max_size=12))
def test_a_route_leads_only_to_a_repository_of_the_configuration(
    text: str, labels: list[str], project: str, named: str
) -> None:
    """Whatever a ticket says, a person answers or the memory holds."""
    config = config_of(routing={**WORDS, "byLabel": {"a": "acme/api", "b": "acme/shop"}})
    item = ticket(title=text[:50], description=text, labels=tuple(labels), project=project)
    known = {project_name(project): RememberedRoute(repository=named, key="ACME-9", at=START)}
    found = find_route(item, config, named, known)
    repositories = {found.repository} if isinstance(found, Route) else set(found.repositories)
    assert repositories and repositories <= set(config.repositories)


def test_undecided_says_which_rules_disagree() -> None:
    found = find_route(ticket(labels=("area:web", "area:api"), project=""), config_of(routing=BOTH))
    assert isinstance(found, Undecided)
    assert found.why == "2 rules match: label area:api → acme/api, label area:web → acme/shop"
