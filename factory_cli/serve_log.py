"""What a running factory says on standard error: arrows for people, JSON lines for programs, no more than asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from factory_core.status_report.spelling import one_line

from .output import Output
from .redact import keep, redacted

Hide = Callable[[str], str]  # takes secrets out of a text
MOST_TEXT = 2000  # characters of one value in a line; of a traceback, its end
MOST_FAULT = 8000
PER_MINUTE = 60  # lines of one kind that anybody can cause
FIELDS = ("action", "item", "from", "to", "provider", "delivery", "what", "status", "ms")


def log_to(out: Output, *, verbose: bool, as_json: bool) -> None:
    """Warnings and faults; with `verbose` the traffic too."""
    handler = _Handler(out, _json_line if as_json else _arrow)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("factory").setLevel(logging.INFO if verbose else logging.WARNING)


class Rate(logging.Filter):
    """Lets through so many lines a minute from one place of the code, where others decide how often it logs.

    The first line that is let through again says how many were not. Traffic that was accepted is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, int, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status", None)
        refused = getattr(record, "action", "") == "refused" or (isinstance(status, int) and status >= 400)
        if record.levelno < logging.WARNING and not refused:
            return True
        kind = (record.pathname, record.lineno, status)
        since, count = self._kinds.get(kind, (record.created, 0))
        if abs(record.created - since) >= 60:
            if count > PER_MINUTE:
                record.msg, record.args = f"{record.getMessage()} ({count - PER_MINUTE} more like it before)", ()
            since, count = record.created, 0
        self._kinds[kind] = since, count + 1
        return count < PER_MINUTE


class _Handler(logging.Handler):
    def __init__(self, out: Output, spelled: Any) -> None:
        super().__init__()
        self._out, self._spelled = out, spelled
        self.addFilter(Rate())

    def emit(self, record: logging.LogRecord) -> None:
        said = record.__dict__
        if self._spelled is _arrow and "from" in said and said["from"] == said["to"]:
            return
        line = self._spelled(record, lambda text: redacted(text, self._out.environment))
        kept = self._kept(record)
        self._out.say(f"{line} (the traceback is in {kept})" if kept else line)

    def _kept(self, record: logging.LogRecord) -> str:
        """Tracebacks go to a file; nobody reads them in passing."""
        if not record.exc_info or self._spelled is not _arrow:
            return ""
        fault = redacted(logging.Formatter().formatException(record.exc_info), self._out.environment)
        return keep(fault, self._out.environment)


def _json_line(record: logging.LogRecord, hide: Hide) -> str:
    """Only ASCII: no terminal is steered by what somebody sent."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    said = {name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}
    line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(), **said}
    shown = {name: value if isinstance(value, int) else hide(str(value))[:MOST_TEXT] for name, value in line.items()}
    if record.exc_info:
        shown["fault"] = hide(logging.Formatter().formatException(record.exc_info))[-MOST_FAULT:]
    return json.dumps(shown)


def _arrow(record: logging.LogRecord, hide: Hide) -> str:
    return hide(_arrow_line(record))


def _arrow_line(record: logging.LogRecord) -> str:
    """`16:02:11  -->  linear  Issue.update ACME-142  7c1e40  signed`."""
    at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
    said = record.__dict__
    match said.get("action"):
        case "webhook":
            what, delivery = one_line(str(said["what"]), 60), str(said["delivery"])[:6]
            return f"{at}  -->  {said['provider']:9} {what:40}  {delivery}  signed"
        case "answered":
            return f"{at}  <--  {said['status']} in {said['ms']} ms"
        case "refused":
            return f"{at}  -->  {one_line(record.getMessage())}"
        case action if "from" in said:
            by = one_line(str(action).partition(":")[0]).replace("_", " ")
            return f"{at}  ·    {said['item']}  {said['from']} → {said['to']}  by {by}"
    return f"{at}  {'!' if record.levelno >= logging.WARNING else '·'}    {one_line(record.getMessage())}"
