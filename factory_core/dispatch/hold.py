"""Text that a person must look at before any machine works on it. Nothing lifts that but an edit of the text itself.

Held are: orders to the reader's machine (`ignore previous instructions`), orders about the machine's own secrets,
orders to run what a link leads to, and any link or order that the rendered ticket does not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .ticket_text import TicketText
from .vocabulary import EXPOSES, MACHINE, NEVER, OVERRIDES, RUNS, SECRETS, fold

_LINK = re.compile(r"(?:https?|ftp)://|www\.|\bdata:")
_PIPED = re.compile(
    r"\b(?:curl|wget|iwr|irm|fetch)\b[^\n|]{0,300}\|\s{0,5}(?:sudo\s{1,3})?(?:\w{0,4}sh|python\d?|perl|ruby|node|iex)\b",
    re.IGNORECASE,
)
_FETCHED = re.compile(
    r"\b(?:ba|z|da)?sh\s{1,3}<\(\s{0,3}(?:curl|wget)|\$\((?:curl|wget)\b|\beval\b[^\n]{0,20}(?:curl|wget)",
    re.IGNORECASE,
)
_RUN_LINK = re.compile(  # an order begins its sentence, or follows one of a few words; `the last run: https:…` is none
    r"(?:^|[.!?,;:>*(\n-]|\b(?:and|then|to|please|must|should|just|first|now|you|will|also|or)\s)\s{0,5}(?:run|execute|source|install)"
    r"(?:\s{1,3}(?:the|this|that|a|an|following|script|file|code|commands?|installer|setup|program|binary|from|at|in|via"
    r"|under|it|what|whatever|is|stands|here)){0,8}[\s:`<(\"']{1,6}(?:https?|ftp)://",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[\n!?;。！？；]+|\.(?=\s)")
_COMMAND = re.compile(
    r"\b(?:curl|wget|chmod|sudo|rm -rf|base64|nc|ssh|scp|git push|npm i|pip install|bash|sh -c|powershell)\b",
    re.IGNORECASE,
)


def why_held(text: TicketText, raw: Iterable[str]) -> str:
    """Why a person must look at it, or nothing. `raw` is everything that an agent would be given."""
    if any(_LINK.search(hidden) for hidden in text.hidden):
        return "it holds a link that the ticket does not show"
    if any(_orders(hidden) for hidden in text.hidden):
        return "it holds an order that the ticket does not show"
    return next((why for written in raw if (why := order_in(written))), "")


def order_in(written: str) -> str:
    """The same of words that are shown."""
    if _PIPED.search(written) or _FETCHED.search(written):
        return "it pipes a download into a shell"
    if _RUN_LINK.search(written) or _runs_link(written):
        return "it orders to run what a link leads to"
    folded = fold(written)
    if OVERRIDES.found(folded):
        return "it orders to pass over instructions"
    if SECRETS.found(folded) and any(map(_exposes, _PARTS.split(written))):
        return "it orders to write down secrets of the machine"
    return ""


def _orders(hidden: str) -> bool:
    """Is it more than a form's own remark? An order for a machine, a command, or words that a shown text would be held
    for."""
    folded = fold(hidden)
    for_machine = MACHINE.found(folded) and (RUNS.found(folded) or EXPOSES.found(folded))
    secret = SECRETS.found(folded) and not NEVER.found(folded)
    return bool(for_machine or secret or _COMMAND.search(hidden) or OVERRIDES.found(folded) or order_in(hidden))


def _exposes(sentence: str) -> bool:
    folded = fold(sentence)
    return bool(SECRETS.found(folded) and EXPOSES.found(folded) and not NEVER.found(folded))


def _runs_link(written: str) -> bool:
    """In other languages than English: a sentence with a link, a word for running, and a word for a script."""
    if not _LINK.search(written):
        return False
    return any(_LINK.search(line) and _SCRIPT.search(line) and RUNS.found(fold(line)) for line in written.split("\n"))


_SCRIPT = re.compile(
    r"(?:https?|ftp)://[^\s<>]{1,500}\.(?:sh|bash|ps1|py|pl|rb|exe|bat|cmd|msi|jar|apk|run|deb|rpm)\b", re.IGNORECASE
)
