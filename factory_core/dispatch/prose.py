"""What a person wrote in a ticket as sentences: no code, logs, traces, quotes, boxes, hidden text or addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .ticket_text import read_ticket

_ITEM = re.compile(r"\s{0,99}(?:[-*+]|\d{1,9}[.)])\s")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_BY_MACHINE = re.compile(
    r"\s{0,99}(?:"
    # a log
    r"\[?\d{4}[-/]\d\d[-/]\d\d[T ,]{1,3}\d\d:\d\d|\[?\d\d:\d\d:\d\d\b|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d"
    r"|\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b[\]: ]"
    # a trace
    r"|at\s{1,99}\S{1,300}(?:\s?\(|:\d)|File\s{1,99}\"|Traceback\b|Caused by:|\.\.\. \d+ more|goroutine \d|panic:|E {3}"
    r"|[\w.$]{1,200}(?:Error|Exception)(?::|\s{0,99}$)|[\w.$/]{1,200}\([^()\n]{0,200}\)\s{0,99}$"
    # a command
    r"|(?:[\w.-]{1,64}@[\w.-]{1,64}:\S{0,200})?[$%] "
    r")"
)


def prose_of(description: str) -> str:
    """The prose of a description, line by line. The time grows with the text and no faster."""
    read = read_ticket("", "\n".join(_by_people(description)))
    boxes = frozenset(read.boxes)
    return "\n".join(line for line in read.lines if line not in boxes)


def _by_people(text: str) -> Iterator[str]:
    """Without lines that a machine wrote, and indented code; what stands in fences is left to the reader."""
    after_blank = True
    for line in text.splitlines():
        indented = line.startswith(("    ", "\t")) and not _ITEM.match(line)
        if _FENCE.match(line) or not (_BY_MACHINE.match(line) or (after_blank and indented)):
            yield line
            after_blank = not line.strip()
