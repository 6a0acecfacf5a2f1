"""A tiny HTML builder: every text is cleaned and escaped, unless it is Html already."""

from __future__ import annotations

import html
import re

from factory_core.status.formatting import clean

VOID = frozenset({"meta", "link", "br"})
# A duration never breaks over two lines: `38 min`, `1 h 06`, `3 d 4 h`.
_UNBROKEN = re.compile(r"(?<=\d) (?=(?:s|min|h|d)\b)|(?<=\d [hd]) (?=\d)")
_ADDRESS = re.compile(r"https?://|/(?!/)|#")


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


Node = str | None


def text(node: Node) -> Html:
    """Escaped and clean, unless it is markup."""
    if node is None or isinstance(node, Html):
        return Html(node or "")
    return Html(html.escape(_UNBROKEN.sub("\u00a0", clean(node))))


def join(*nodes: Node) -> Html:
    return Html("".join(map(text, nodes)))


def tag(name: str, /, *nodes: Node, **attributes: str | float | None) -> Html:
    """One element. `class_` is class, `aria_label` is aria-label; None leaves an attribute out."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    written = "".join(f' {key}="{html.escape(str(value))}"' for key, value in pairs)
    return Html(f"<{name}{written}>" + ("" if name in VOID else f"{join(*nodes)}</{name}>"))


def given(name: str, node: Node, /, **attributes: str | float | None) -> Html:
    """The element if there is something in it."""
    return tag(name, node, **attributes) if node else Html("")


def foreign(words: str) -> Html:
    """Text that others wrote: its reading direction ends where it ends."""
    return tag("bdi", words)


def anchor(node: Node, href: str | None, **attributes: str | None) -> Html:
    """A link, or the bare words when the address is none that may be followed."""
    return tag("a", node, href=href, **attributes) if href and _ADDRESS.match(href) else text(node)
