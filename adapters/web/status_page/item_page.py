"""item_page(): one item, whole, from its ItemReport and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from factory_core.status.formatting import clock, iso
from factory_core.status.schema import Fact, ItemReport, LogLine

from .glyphs import glyph
from .html import Html, anchor, foreign, given, join, tag
from .layout import Page, command, document, foot, place_of, top
from .page import RENEWS, look

MOST_OPEN = 40  # lines of the history; older ones fold
_ENDED = {"done": ("check", "done"), "cancelled": ("cancelled", "cancelled"), "failed": ("stopped", "given up")}


def item_page(report: ItemReport) -> Page:
    """Now, next, what to type; what happened, newest first; the facts."""
    item, now = report.item, report.generated_at
    main = join(
        tag("p", anchor("All items", "/"), class_="back"),
        _head(report),
        tag("div", tag("div", _did(report.output), _happened(report.log, now)), _facts(report.facts), class_="two"),
    )
    head = top(report, f"{now.astimezone(UTC):%H:%M:%S} UTC", ". ", place_of(item.key), RENEWS)
    return document(
        f"{item.key}, factory, {report.tenant}", "alarm" if item.reason else "check", head, main, foot(report)
    )


def _head(report: ItemReport) -> Html:
    item = report.item
    key = tag("span", foreign(item.key), class_="key") if item.title else None
    quote = given("q", item.quote and foreign(item.quote))
    said = tag("p", report.sentence, " " if item.quote else None, quote, given("small", report.next))
    sign = glyph("line", "in line") if item.state == "queued" else glyph(*_ENDED.get(item.state, look(item)))
    act = tag("a", item.link.words, href=item.link.url) if item.link else None
    return tag(
        "header",
        key,
        tag("h1", foreign(item.title or item.key)),
        tag("div", sign, said, class_="now"),
        given("div", join(act, *map(command, report.commands)), class_="do2"),
        class_="ihead",
    )


def _did(output: tuple[str, ...]) -> Html | None:
    """What the agent did last, in its own words."""
    if not output:
        return None
    heading = tag("h2", "What the agent did ", tag("span", "last line newest", class_="n"), id="h-output")
    return tag("section", heading, tag("pre", foreign("\n".join(output))), class_="sec", aria_labelledby="h-output")


def _happened(log: tuple[LogLine, ...], now: datetime) -> Html:
    heading = tag("h2", "What happened ", tag("span", f"{len(log)}, newest first", class_="n"), id="h-log")
    recent, older = ([_entry(line, now) for line in part] for part in (log[:MOST_OPEN], log[MOST_OPEN:]))
    folded = tag("details", tag("summary", f"{len(older)} older"), tag("ol", *older, class_="tl"), id="older")
    return tag(
        "section",
        heading,
        tag("ol", *recent, class_="tl"),
        folded if older else None,
        class_="sec",
        aria_labelledby="h-log",
    )


def _entry(line: LogLine, now: datetime) -> Html:
    at = line.at.astimezone(UTC)
    when = f"{at:%H:%M:%S}" if at.date() == now.astimezone(UTC).date() else clock(at, now)
    said = tag("div", tag("h3", foreign(line.text)), given("blockquote", line.quote and foreign(line.quote)))
    return tag("li", tag("time", when, datetime=iso(at)), glyph(f"by-{line.by}", line.by), said)


def _facts(facts: tuple[Fact, ...]) -> Html:
    pairs = (join(tag("dt", fact.name), tag("dd", anchor(foreign(fact.value), fact.url))) for fact in facts)
    return tag("section", tag("h2", "Facts", id="h-facts"), tag("dl", *pairs, class_="facts"), class_="sec")
