"""What a running factory says on standard error: arrows for people, JSON lines for programs, no more than asked."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from factory_core.status_report.spelling import one_line

from .output import Output
from .redact import keep, redacted

FIELDS = ("action", "item", "from", "to", "provider", "delivery", "what", "status", "ms")


def log_to(out: Output, *, verbose: bool, as_json: bool) -> None:
    """Warnings and faults; with `verbose` the traffic too."""
    handler = _Handler(out, _json_line if as_json else _arrow)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("factory").setLevel(logging.INFO if verbose else logging.WARNING)


class _Handler(logging.Handler):
    def __init__(self, out: Output, spelled: Any) -> None:
        super().__init__()
        self._out, self._spelled = out, spelled

    def emit(self, record: logging.LogRecord) -> None:
        said = record.__dict__
        if self._spelled is _arrow and "from" in said and said["from"] == said["to"]:
            return
        line = redacted(self._spelled(record), self._out.environment)
        kept = self._kept(record)
        self._out.say(f"{line} (the traceback is in {kept})" if kept else line)

    def _kept(self, record: logging.LogRecord) -> str:
        """Tracebacks go to a file; nobody reads them in passing."""
        if not record.exc_info or self._spelled is not _arrow:
            return ""
        fault = redacted(logging.Formatter().formatException(record.exc_info), self._out.environment)
        return keep(fault, self._out.environment)


def _json_line(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    said = {name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}
    fault = {"fault": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
    line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
    return json.dumps({**line, **said, **fault}, ensure_ascii=False, default=str)


def _arrow(record: logging.LogRecord) -> str:
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
