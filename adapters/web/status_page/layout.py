"""What all pages share: the document under its content security policy, the top line, the foot."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple
from urllib.parse import quote

from factory_core.status.schema import Document, ItemSummary

from .glyphs import glyph, icon
from .html import Html, anchor, foreign, join, tag
from .script import SCRIPT
from .style import STYLE


def _digest(source: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() + "'"


POLICY = (
    f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Page(NamedTuple):
    """A page and the policy that it must be served under."""

    html: str
    csp: str

    @property
    def headers(self) -> dict[str, str]:
        """Everything that the page is to be sent with; the ETag is what its script asks about."""
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": self.csp,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "ETag": f'"{hashlib.sha256(self.html.encode()).hexdigest()[:32]}"',
        }


def document(
    title: str, shape: str, top: Html, main: Html, foot: Html, bar: Html | None = None, aged: bool = False
) -> Page:
    """The whole page. `shape` is the tab's icon; `bar` a warning above all; `aged` drains the colours."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href=icon(shape)),
        tag("style", Html(STYLE)),
    )
    body = tag(
        "body",
        anchor("Skip to what matters", "#main", class_="skip"),
        tag("div", bar, id="bar", class_="bar" if bar else None, role="alert" if bar else None),
        tag("div", top, tag("main", main, id="main", class_="aged" if aged else None), foot, class_="wrap"),
        tag("script", Html(SCRIPT)),
    )
    return Page("<!doctype html>\n" + tag("html", head, body, lang="en") + "\n", POLICY)


def top(of: Document | None, now: str, age: str, here: str, renews: str) -> Html:
    """Whose factory, what time it is there, how old this is. Without a script the last words are a link."""
    whose = tag("span", f"{of.tenant}, {of.environment}") if of else None
    brand = tag("div", glyph("factory"), anchor("factory", "/"), whose, class_="brand")
    renew = anchor("Renew", here, id="renew", data_live=renews)
    return tag("header", brand, tag("div", tag("b", now), age, renew, id="fresh"), class_="top")


def foot(of: Document | None) -> Html:
    said = (
        f"factory {of.version}" if of else None,
        "This page only reads. It can change nothing.",
        anchor("status.json", "/status.json"),
        anchor("health", "/healthz"),
        "All times UTC",
    )
    return tag("footer", *(tag("span", words) for words in said if words))


def place_of(key: str) -> str:
    """The item's own page."""
    return f"/items/{quote(key, safe='')}"


def title_of(item: ItemSummary) -> Html:
    """The title as a link to the item's page; nothing where titles are hidden."""
    return anchor(foreign(item.title), place_of(item.key)) if item.title else Html("")


def key_of(item: ItemSummary) -> Html:
    """The key; it is the link where titles are hidden."""
    return tag("span", foreign(item.key) if item.title else anchor(foreign(item.key), place_of(item.key)), class_="key")


def command(words: str) -> Html:
    """One click selects it; there is no script for that. A line breaks between words only."""
    spaced = [node for word in words.split(" ") for node in (" ", tag("i", word))]
    return tag("code", *spaced[1:], class_="cmd")


def what_to_do(words: str) -> Html:
    """A fix: a command to copy, or a sentence."""
    return command(words) if words.startswith("factory ") else tag("span", words)


def number_of(item: ItemSummary, before: str = "PR ") -> Html:
    """The pull request's number, linked where its address may be followed."""
    return join(before, anchor(f"#{item.pr.number}", item.pr.url)) if item.pr else Html("")
