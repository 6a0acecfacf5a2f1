"""stale_page(): the floor when the store does not answer. Old numbers are never shown as new."""

from __future__ import annotations

from datetime import datetime

from factory_core.status.formatting import clock, count, duration
from factory_core.status.schema import StatusReport

from .glyphs import glyph
from .html import Html, foreign, given, join, tag
from .layout import Page, command, document, foot, top
from .page import needs, shape_of, time_of, whose

_PAST = {
    "intake-down": "Intake was down at {at}.",
    "needs-auth": "A connection needed a new credential at {at}.",
    "engine-paused": "An engine could not work at {at}.",
    "needs-person": "{count} needed a person at {at}.",
    "budget": "New work was stopped at {at}: budget reached.",
    "moving": "All was moving at {at}. Nothing needed you.",
    "idle": "There was nothing to do at {at}.",
}


def stale_page(last_report: StatusReport | None, now: datetime, why: str) -> Page:
    """The store does not answer: what was known, in the past tense. `why` is a sentence. To be sent with a 503."""
    if last_report is None:
        main = tag(
            "section", tag("h1", glyph("warning"), "Nothing is known yet.", aria_live="polite"), class_="verdict"
        )
        head = top(None, f"{time_of(now)} UTC", ". ", "/", "Trying again.")
        return document(
            "factory", "alarm", head, main, foot(None), _warning("This page has no numbers.", why, ""), True
        )
    at = last_report.data_at
    past = _PAST[last_report.verdict.level].format(at=clock(at, now), count=count(last_report.verdict.count, "item"))
    heading = tag("h1", glyph(shape_of(last_report)), past, aria_live="polite")
    main = join(
        tag("section", heading, _were(last_report), class_="verdict"),
        needs(last_report.needs, last_report.generated_at),
    )
    head = top(last_report, f"{time_of(now)} UTC", f", data from {time_of(at)}. ", "/", "Trying again.")
    old = f"This page is {duration((now - at).total_seconds())} old."
    bar = _warning(old, why, f" Below is the floor as of {time_of(at)}.")
    return document(f"(!) {whose(last_report)}", "alarm", head, main, foot(last_report), bar, True)


def _were(report: StatusReport) -> Html:
    """The detail of the verdict, in the past tense."""
    others, longest = len(report.moving), report.verdict.longest
    moved = (
        f"{'The other ' if report.needs else ''}{others} {'was' if others == 1 else 'were'} moving. "
        if others
        else None
    )
    wait = f"The longest wait was {duration(longest.seconds)}: {longest.key}." if longest else None
    return given("p", join(moved, wait))


def _warning(old: str, why: str, below: str) -> Html:
    meanwhile = " Meanwhile webhooks get a 503: their senders try again, and the check-in fetches what they do not. "
    said = tag("span", tag("b", old), " ", foreign(why), below, meanwhile, command("factory check"))
    return tag("div", glyph("warning", "degraded"), said)
