"""Marks around what others wrote in a prompt. They end with a digest of all that stands between them, so no text in it
can hold them: its author would have to find a text that holds its own digest.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..text.foreign_text import printable

_NAMES = ("ticket", "comments", "attachments", "answers", "feedback", "output")
_DIGEST = 20  # hex digits: 80 bits
_MARK = re.compile(r"[<＜﹤‹〈⟨❮](?=\s{0,9}[/／⁄∕]?\s{0,9}(?P<name>\w{5,20}))")


class Quoted(NamedTuple):
    """What others wrote, what it is called (one of the names above, and more), and the line of ours above it."""

    lead: str
    name: str
    text: str


class Marked(NamedTuple):
    """Sections of a prompt, and what each of their marks ends with."""

    sections: Sequence[str]
    digest: str


def marked(quoted: Iterable[Quoted]) -> Marked:
    """Each between two marks; one without text is left out."""
    texts = [one._replace(text=_without_marks(one.text)) for one in quoted if one.text]
    digest = hashlib.sha256("\0".join(one.text for one in texts).encode()).hexdigest()[:_DIGEST]
    names = [f"{one.name}-{digest}" for one in texts]
    sections = [f"{one.lead}\n<{name}>\n{one.text}\n</{name}>" for one, name in zip(texts, names, strict=True)]
    return Marked(sections, digest)


def _without_marks(text: str) -> str:
    """Without what nobody sees; what a model could read as a mark, however it is spelled, is none."""
    return _MARK.sub(_spaced, printable(text))


def _spaced(match: re.Match[str]) -> str:
    name = unicodedata.normalize("NFKC", match["name"]).casefold()
    return f"{match[0]} " if name.startswith(_NAMES) else match[0]
