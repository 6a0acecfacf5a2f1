"""Text in one of Unicode's normal forms, in a time that grows with it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal

MOST_MARKS = 30  # combining ones in a row


def normal_form(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The Unicode normal form, in a time that grows with the text: marks are put in order in one that grows with the
    square of their run, so of a run 30 count, as in UAX #15's Stream-Safe Text Format."""
    return text if text.isascii() else unicodedata.normalize(form, "".join(_in_short_runs(text)))


def _in_short_runs(text: str) -> Iterator[str]:
    run = 0
    for sign in text:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run <= MOST_MARKS:
            yield sign
