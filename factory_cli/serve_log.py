"""What a running factory says on standard error: arrows for people, JSON lines for programs, no more than asked."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from adapters.logs.log_lines import FIELDS, json_line, unwritable
from adapters.logs.repeated_lines import RepeatLimiter
from factory_core.status.formatting import one_line

from .log_writer import LineWriter
from .output import Output
from .redact import keep, redacted

LAST_WORDS = 2.0  # seconds that the end of the process waits for the reader of the log


def log_to(out: Output, *, verbose: bool, as_json: bool) -> LogHandler:
    """Warnings and faults; with `verbose` the traffic too. What Python would print by itself becomes a line, too."""
    handler = LogHandler(out, as_json=as_json)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("factory").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_died
    return handler


class LogHandler(logging.Handler):
    """Neither raises nor waits, whatever is logged and whatever becomes of the reader."""

    def __init__(self, out: Output, *, as_json: bool, limiter: RepeatLimiter | None = None) -> None:
        super().__init__()
        self._out, self._as_json = out, as_json
        self._limiter = limiter or RepeatLimiter()
        self.writer = LineWriter(out.stderr, more=self._counted, lost=self._lost)

    def handle(self, record: logging.LogRecord) -> bool:
        """As the base class, which would let a failing filter stop whoever logs."""
        with suppress(Exception):
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_shown(record) and self._limiter.passes(record):
                self.writer.put(self._line(record))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the text of an argument meets
            about = unwritable(record, error)
            if self._limiter.passes(about):
                self.writer.put(self._line(about))

    def flush(self) -> None:
        self.writer.drain(LAST_WORDS)

    def close(self) -> None:
        """Also what was counted and not yet said."""
        with suppress(Exception):
            for line in self._counted(at_once=True):
                self.writer.put(line)
        self.flush()
        super().close()

    def _is_shown(self, record: logging.LogRecord) -> bool:
        """People are not shown that an item stays where it is."""
        moved = record.__dict__
        return self._as_json or "from" not in moved or moved["from"] != moved["to"]

    def _line(self, record: logging.LogRecord) -> str:
        if self._as_json:
            return json_line(record, self._hide)
        line = _arrow_line(record, lambda value: one_line(self._hide(str(value))))
        kept = self._kept(record)
        return self._out.shown(f"{line} (the traceback is in {kept})" if kept else line)

    def _kept(self, record: logging.LogRecord) -> str:
        """Tracebacks go to a file; nobody reads them in passing."""
        if not record.exc_info:
            return ""
        return keep(self._hide(logging.Formatter().formatException(record.exc_info)), self._out.environment)

    def _counted(self, *, at_once: bool = False) -> Iterator[str]:
        for record in self._limiter.counted(at_once=at_once):
            yield self._line(record)

    def _lost(self, number: int) -> str:
        text = "%s lines of the log are lost here: nobody read it, or it could not be written"
        return self._line(logging.LogRecord("factory.log", logging.WARNING, __file__, 0, text, (number,), None))

    def _hide(self, text: str) -> str:
        return redacted(text, self._out.environment)


def _arrow_line(record: logging.LogRecord, shown: Callable[[object], str]) -> str:
    """`16:02:11Z  -->  linear  Issue.update ACME-142  7c1e40  signed`."""
    at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%SZ")
    said = {name: shown(value) for name, value in record.__dict__.items() if name in FIELDS}
    match said.get("action"):
        case "webhook" if "repeated" not in said:
            return f"{at}  -->  {said['provider']:9} {one_line(said['what'], 60):40}  {said['delivery'][:6]}  signed"
        case "answered":
            return f"{at}  <--  {said['status']} in {said['ms']} ms"
        case "refused":
            return f"{at}  -->  {shown(record.getMessage())}"
        case action if "from" in said:
            by = str(action).partition(":")[0].replace("_", " ")
            return f"{at}  ·    {said['item']}  {said['from']} → {said['to']}  by {by}"
    return f"{at}  {'!' if record.levelno >= logging.WARNING else '·'}    {shown(record.getMessage())}"


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    about = type(unraisable.exc_value).__name__, getattr(unraisable.object, "__qualname__", "")
    logging.getLogger("factory.process").error("nobody could be given a %s of %s", *about)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    fault = None if args.exc_value is None else (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("factory.process").error("the thread %s ended", name, exc_info=fault)
