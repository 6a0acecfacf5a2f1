"""Labels are compared as people mean them: whatever their case, and however a group is written in front of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

_GROUP = re.compile(r"\s*[:/]\s*")


def plain(label: str) -> str:
    """`Exec / Pair`, `exec: pair` and `exec:pair` are one label."""
    return " ".join(_GROUP.sub(":", label).split()).casefold()


def first_of(wanted: Iterable[str], labels: Iterable[str]) -> str:
    """The first of the wanted labels that is among them, as it is spelled in `wanted`; empty when none is."""
    known = {plain(label) for label in labels}
    return next((label for label in wanted if plain(label) in known), "")
