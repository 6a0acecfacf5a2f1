"""Labels are compared as people mean them: by their words, however a group is written in front of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..text.normal_form import normal_form

_BETWEEN = re.compile(  # and signs that decorate a name: `❓question`, `type → spike`, `duplicate?`
    r"[\s:/_\-–—.|?!…()\[\]{}*›»>,;\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d]+"
)


def words_of(label: str) -> tuple[str, ...]:
    """`Exec / Pair`, `exec: pair`, `exec-pair` and `exec:pair` have the same ones."""
    folded = normal_form(label, "NFKC").casefold()
    return tuple(word for word in _BETWEEN.split(folded) if word) or tuple(folded.split())


def plain(label: str) -> str:
    """Its words, to compare it by."""
    return " ".join(words_of(label))


def first_of(wanted: Iterable[str], labels: Iterable[str]) -> str:
    """The first of the wanted labels that is among them, as it is spelled in `wanted`; empty when none is."""
    known = {words_of(label) for label in labels}
    return next((label for label in wanted if words_of(label) in known), "")


def first_stop(wanted: Iterable[str], labels: Iterable[str]) -> str:
    """The same, and without the group too: a tracker may show `pair` of the group `exec` without its parent."""
    known = {words_of(label) for label in labels}
    return next((label for label in wanted if words_of(label) in known or _alone(label) in known), "")


def _alone(label: str) -> tuple[str, ...]:
    group, colon, _ = label.partition(":")
    return words_of(label)[len(words_of(group)) :] if colon else words_of(label)
