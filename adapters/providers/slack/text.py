"""Slack's own escaping. https://docs.slack.dev/messaging/formatting-message-text"""

from __future__ import annotations

import re

from factory_core.text.foreign_text import printable

LONGEST = 3_900  # characters before escaping; Slack advises 4,000 and cuts at 40,000, escaping makes 5 of 1 at worst
_MEMBER = re.compile(r"[UW](?=[A-Z0-9]*[0-9])[A-Z0-9]{1,30}")  # ids have digits, names seldom
_MENTION = re.compile(r"<(?:@[UW][A-Z0-9]{1,30}|!subteam\^S[A-Z0-9]{1,30}|!(?:here|channel|everyone))(?:\|[^<>]*)?>")


def mention(person: str) -> str:
    """How Slack mentions the person or the group of this id, or of this mention; empty for anything else."""
    known = person.strip()
    if _MEMBER.fullmatch(known):
        return f"<@{known}>"
    return known if _MENTION.fullmatch(known) else ""


def escape(text: str) -> str:
    """Text as Slack must get it: nothing in it is a link or a mention."""
    shown = printable(text)
    cut = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What the person typed."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
