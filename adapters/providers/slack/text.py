"""Slack's own escaping. https://docs.slack.dev/messaging/formatting-message-text"""

from __future__ import annotations

from collections.abc import Iterable

from factory_core.dispatch.foreign_text import printable

LONGEST = 3_900  # characters before escaping; Slack advises 4,000 and cuts at 40,000, escaping makes 5 of 1 at worst


def escape(text: str, mentions: Iterable[str] = ()) -> str:
    """Text as Slack must get it: nothing in it is a link or a mention, but for one of these that it begins with.

    The factory addresses people in the first words; further on, the same characters are somebody else's (a ticket's).
    """
    shown = printable(text)
    cut = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    live = next((mention for mention in mentions if mention and cut.startswith(mention)), "")
    return live + _entities(cut.removeprefix(live))


def unescape(text: str) -> str:
    """What the person typed."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
