"""Whether git's marks of a conflict stand in a text. Pure."""

from __future__ import annotations

import itertools
import re

_MARK = re.compile(rb"^(<{7,} [^\r\n]+|={7,}|>{7,} [^\r\n]+)\r?$", re.MULTILINE)


def conflict_markers(content: bytes) -> int:
    """How many pairs of two marks in their order, at least one of them with its label.

    A line of seven `=` alone underlines a heading; `>` seven times quotes a letter. Longer marks, which git writes
    where the attribute `conflict-marker-size` says so, count in their pairs with `<`.
    """
    marks = [found[1].split(b" ")[0] for found in _MARK.finditer(content)]
    pairs = [(one[:1], two[:1], len(one)) for one, two in itertools.pairwise(marks) if len(one) == len(two)]
    return sum(
        (one, two) in ((b"<", b"="), (b"<", b">")) or (one, two, size) == (b"=", b">", 7) for one, two, size in pairs
    )
