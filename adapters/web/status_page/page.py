"""page(): the floor at a glance, from a StatusReport and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from factory_core.status.formatting import ago, clock, cost, duration, iso, money
from factory_core.status.schema import STATIONS, Finished, Item, LineReport, Queued, StatusReport, Vitals
from factory_core.status.text import finished_words

from .glyphs import busy, glyph, stations
from .html import Html, foreign, given, join, tag
from .layout import Page, command, document, foot, key_of, number_of, title_of, top, what_to_do

MOST_ROWS = 50
RENEWS = "Renews every 15\u00a0s."
Listed = TypeVar("Listed", Item, Queued, Finished)


def page(report: StatusReport) -> Page:
    """What needs a person, the lines, the vital signs, what moves, what waits, what is finished: in this order."""
    now = report.generated_at
    first = needs(report.needs, now) or _start(report) or _vitals(report.vitals)
    main = join(
        _verdict(report),
        tag("div", first, _lines(report.lines, now), class_="two"),
        _vitals(report.vitals) if report.needs else None,
        _moving(report.moving, now),
        tag("div", _queue(report.queue), _finished(report.finished, now), class_="pair"),
    )
    age = f", {duration((now - report.data_at).total_seconds())} old. "
    head = top(report, f"{time_of(now)} UTC", age, "/", RENEWS)
    return document(_title(report), shape_of(report), head, main, foot(report))


def time_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def whose(report: StatusReport) -> str:
    return f"factory, {report.tenant}"


def _title(report: StatusReport) -> str:
    return f"({report.verdict.count}) {whose(report)}" if report.verdict.count else whose(report)


def shape_of(report: StatusReport) -> str:
    """Triangle: act. Clock: look. Check: all is well."""
    if report.verdict.level in {"intake-down", "needs-auth", "engine-paused", "needs-person", "budget"}:
        return "alarm"
    return "clock" if any(line.status in {"quiet", "down"} for line in report.lines) else "check"


def _verdict(report: StatusReport) -> Html:
    said = report.verdict
    heading = tag("h1", glyph(shape_of(report)), tag("span", said.sentence), aria_live="polite")
    todo = join(" ", what_to_do(said.fix_in_words)) if said.fix_in_words else None
    return tag("section", heading, tag("p", said.detail, todo), class_="verdict")


def needs(items: Sequence[Item], now: datetime) -> Html:
    if not items:
        return Html("")
    heading = tag("h2", f"Needs a person, {len(items)}", class_="vh", id="h-needs")
    return tag(
        "section", heading, _list(items, lambda item: _need(item, now), "need"), class_="sec", aria_labelledby="h-needs"
    )


def _need(item: Item, now: datetime) -> Html:
    shape, word = look(item)
    since = tag(
        "div",
        duration(item.since_s) if item.since_s is not None else "–",
        tag("small", "since ", tag("time", clock(item.since, now), datetime=iso(item.since))) if item.since else None,
        class_="since",
    )
    act = tag("a", item.link.words, href=item.link.url) if item.link else None
    return tag(
        "li",
        glyph(shape, word),
        tag("h3", key_of(item), title_of(item)),
        since,
        tag("p", item.why, " " if item.quote else None, given("q", item.quote and foreign(item.quote)), class_="why"),
        tag("p", item.then, class_="then"),
        tag("p", act, what_to_do(item.fix_in_words) if item.fix_in_words else None, class_="do"),
        class_=None if shape == "stopped" else "q",
    )


def look(item: Item) -> tuple[str, str]:
    """The sign of an item in flight, and its word."""
    if item.reason in {"waiting-clarification", "approval"}:
        return ("waiting", "waiting for an answer") if item.reason != "approval" else ("review", "ready to merge")
    if item.reason:
        return "stopped", "stopped"
    return ("review", "in review") if item.state == "in-review" else ("working", "working")


def _lines(lines: Sequence[LineReport], now: datetime) -> Html:
    heading = tag("h2", "Lines in and out", id="h-lines")
    listed = tag("ul", *(_line(line, now) for line in lines), class_="lines")
    return tag("section", heading, listed, class_="sec", aria_labelledby="h-lines")


def _line(line: LineReport, now: datetime) -> Html:
    signs = {
        "ok": ("check", "fine"),
        "quiet": ("warning", "quiet"),
        "down": ("stopped", "down"),
        "needs-auth": ("stopped", "needs a new credential"),
        "paused": ("stopped", "cannot work"),
        "unknown": ("line", "unknown"),
    }
    heard = tag("time", ago(line.last_event_at, now), datetime=iso(line.last_event_at)) if line.last_event_at else None
    fine = line.status == "ok"
    right = join(line.note if fine else None, ", " if fine and line.note and heard else None, heard) or line.status
    todo = what_to_do(line.fix_in_words) if line.fix_in_words else None
    said = (line.note, " " if line.note and todo else None, todo) if not fine else ()
    return tag(
        "li",
        glyph(*signs[line.status]),
        tag("b", line.title),
        tag("span", right, class_="t"),
        given("p", join(*said), class_="note"),
    )


def _vitals(vitals: Vitals) -> Html:
    oldest = f"oldest {duration(vitals.queue_oldest_s)}" if vitals.queue_oldest_s is not None else "nothing waits"
    agents = f"{vitals.agents_busy} of {vitals.agents_max} agents busy"
    today = vitals.today
    drawn = given("dd", busy(vitals.agents_busy, vitals.agents_max), class_="p")
    cells = (
        ("In flight", str(vitals.in_flight), drawn, agents),
        ("In line", str(vitals.queue), None, oldest),
        ("Spent today", money(today.spent_usd), None, _left(vitals)),
        ("Merged, last 24 h", str(vitals.merged_24h), None, None),
    )
    return tag("dl", *(_vital(*cell) for cell in cells), class_="vitals", aria_label="Vital signs")


def _left(vitals: Vitals) -> str:
    reserved = f", {money(vitals.today.reserved_usd)} reserved" if vitals.today.reserved_usd else ""
    return f"of {money(vitals.budget_usd)}{reserved}; every item on record: {cost(vitals.spent_usd, vitals.cost_known)}"


def _vital(name: str, value: str, drawn: Html | None, words: str | None) -> Html:
    return tag("div", tag("dt", name), tag("dd", value, class_="v"), given("dd", words, class_="d"), drawn)


def _moving(items: Sequence[Item], now: datetime) -> Html:
    """The roles are said, since a grid on a phone drops a table's own."""
    if not items:
        return Html("")
    heads = (
        ("it", "Item"),
        ("st", "Where it stands"),
        ("in", "In this stage"),
        ("sp", "Spent"),
        ("lp", "Last progress"),
    )
    columns = (tag("th", name, role="columnheader", scope="col", class_=column) for column, name in heads)
    head = tag("thead", tag("tr", *columns, role="row"), role="rowgroup")
    body = tag("tbody", *(_row(item, now) for item in items[:MOST_ROWS]), role="rowgroup")
    heading = tag("header", _heading("Moving", len(items), "h-mv"), tag("p", "Slowest first."))
    table = tag("table", head, body, class_="mv", role="table", aria_labelledby="h-mv")
    return tag("section", heading, table, _more(len(items)), class_="sec", aria_labelledby="h-mv")


def _row(item: Item, now: datetime) -> Html:
    shape, word = look(item)
    engine = f"{item.engine}, try {item.try_}" if item.engine and item.try_ else None
    sub = _dotted(key_of(item), item.repo, engine, number_of(item))
    named = tag("div", given("div", title_of(item), class_="ttl"), tag("div", sub, class_="sub"))
    colour = {"review": "look", "working": "work"}[shape]
    where = join(stations(item.stage_index, STATIONS, colour), tag("div", item.where, class_="w"))
    here = duration(item.since_s) if item.since_s is not None else "–"
    when = tag("time", ago(item.progress_at, now), datetime=iso(item.progress_at)) if item.progress_at else "–"
    cells = (
        ("it", tag("div", glyph(shape, word), named, class_="row1")),
        ("st", join(where, given("div", item.then, class_="no"))),
        ("in", tag("b", here)),
        (
            "sp",
            join(tag("b", cost(item.spent_usd, item.cost_known)), tag("div", f"cap {money(item.cap_usd)}", class_="u")),
        ),
        ("lp", join(tag("b", when), given("div", item.progress and foreign(item.progress), class_="u"))),
    )
    return tag("tr", *(tag("td", cell, role="cell", class_=column) for column, cell in cells), role="row")


def _queue(items: Sequence[Queued]) -> Html:
    return _section("In line", "h-line", items, lambda item: _entry(
        item, "line", "in line", duration(item.since_s) if item.since_s is not None else None, item.why
    ))  # fmt: skip


def _finished(items: Sequence[Finished], now: datetime) -> Html:
    shapes = {"merged": "check", "done": "check", "cancelled": "cancelled", "given up": "stopped"}

    def entry(item: Finished) -> Html:
        when = tag("time", clock(item.since, now), datetime=iso(item.since)) if item.since else None
        return _entry(item, shapes[item.outcome], item.outcome, when, finished_words(item))

    return _section("Just finished", "h-done", items, entry)


def _entry(item: Queued | Finished, shape: str, word: str, right: str | None, said: str) -> Html:
    first = tag("span", title_of(item) or key_of(item), class_="ttl")
    sub = _dotted(key_of(item) if item.title else None, said)
    return tag("li", glyph(shape, word), first, tag("span", right, class_="r"), tag("span", sub, class_="sub"))


def _section(name: str, mark: str, items: Sequence[Listed], entry: Callable[[Listed], Html]) -> Html:
    if not items:
        return Html("")
    listed = _list(items, entry, "list")
    return tag("section", _heading(name, len(items), mark), listed, class_="sec", aria_labelledby=mark)


def _heading(name: str, number: int, mark: str) -> Html:
    return tag("h2", name, " ", tag("span", str(number), class_="n"), id=mark)


def _list(items: Sequence[Listed], entry: Callable[[Listed], Html], kind: str) -> Html:
    return join(tag("ul", *map(entry, items[:MOST_ROWS]), class_=kind), _more(len(items)))


def _more(number: int) -> Html:
    rest = number - MOST_ROWS
    return tag("p", f"…{rest} more: ", command("factory status --all"), class_="more") if rest > 0 else Html("")


def _dotted(*nodes: str | None) -> Html:
    said = [node for node in nodes if node]
    return join(*[part for node in said for part in (" · ", node)][1:])


def _start(report: StatusReport) -> Html:
    if not report.start:
        return Html("")
    steps = (tag("li", step.words, " ", command(step.command) if step.command else None) for step in report.start)
    return tag("section", tag("h2", "Give it its first ticket", id="h-start"), tag("ol", *steps), class_="empty")
