"""What every host logs: one JSON document a line, with the same fields, on whatever the platform gives it to print on.

`at`, `level`, `logger` and `message` are in each line; the others where they apply. Only ASCII, so that no terminal is
steered by what somebody sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

Hide = Callable[[str], str]  # takes secrets out of a text

FIELDS = (
    "tenant", "action", "item", "run", "from", "to", "provider", "delivery", "what", "status", "ms", "repeated",
    "aws_request_id",
)  # fmt: skip
MOST_TEXT = 2000  # characters of one value in a line; of a traceback, its end
MOST_FAULT = 8000
NOTHING: Mapping[str, object] = MappingProxyType({})

_TENANT: ContextVar[str] = ContextVar("tenant", default="")


@contextmanager
def of_tenant(name: str) -> Iterator[None]:
    """What is logged in this block, and in the tasks that it starts, is about this tenant."""
    before = _TENANT.set(name)
    try:
        yield
    finally:
        _TENANT.reset(before)


def tenant_of(record: logging.LogRecord) -> str:
    """Whom the line is about, as far as the place that logs it knows."""
    return str(getattr(record, "tenant", "") or _TENANT.get())


def json_line(record: logging.LogRecord, hide: Hide, more: Mapping[str, object] = NOTHING) -> str:
    """The record as one line; a value that is no number becomes text, is redacted and cut. `more`: a host's fields."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    values = {name: getattr(record, name, None) for name in FIELDS} | dict(more)
    fields = {name: value for name, value in values.items() if value not in (None, "")}
    if tenant := tenant_of(record):
        fields = {"tenant": tenant} | fields
    line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()} | fields
    shown = {name: value if isinstance(value, int) else hide(str(value))[:MOST_TEXT] for name, value in line.items()}
    if record.exc_info:
        shown["fault"] = hide(logging.Formatter().formatException(record.exc_info))[-MOST_FAULT:]
    return json.dumps(shown)


class PrintedLines(logging.Handler):
    """For platforms that pass on what is printed. Never raises."""

    def __init__(self, hide: Hide) -> None:
        super().__init__()
        self.setFormatter(_JsonLines(hide))

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            print(self.format(record), flush=True)


class _JsonLines(logging.Formatter):
    def __init__(self, hide: Hide) -> None:
        super().__init__()
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return written_line(record, self._hide)


def written_line(record: logging.LogRecord, hide: Hide, more: Mapping[str, object] = NOTHING) -> str:
    """As json_line, and a line that cannot be made is replaced by one that says so."""
    try:
        return json_line(record, hide, more)
    except BaseException as error:  # saying something must not stop the work
        return json_line(unwritable(record, error), hide)


def unwritable(record: logging.LogRecord, error: BaseException) -> logging.LogRecord:
    """What is logged instead of a record that cannot be made a line: where it is from, and nothing of what it says."""
    about = (record.filename, record.lineno, type(error).__name__)
    text = "the line of %s:%s cannot be written: %s"
    return logging.LogRecord("factory.log", logging.ERROR, record.pathname, record.lineno, text, about, None)
