"""One limiter for lines that repeat: the first at once, then how many there were and the last one, ever less often."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock

from .log_lines import tenant_of

FIRST_PERIOD, LONGEST_PERIOD = 60.0, 3600.0  # seconds between two counts of the same kind; each is twice the one before
MOST_TEXTS = 20  # lines of one kind in a period, if each says something else
MOST_KINDS = 1000  # that are remembered at once


@dataclass(slots=True)
class _Kind:
    """`held`: how many lines were not let through in this period, and the last of them."""

    until: float
    period: float = FIRST_PERIOD
    texts: set[int] = field(default_factory=set)
    held: int = 0
    last: logging.LogRecord | None = None
    last_text: int = 0


class RepeatLimiter:
    """A kind is logger, level, place in the code, tenant and HTTP status. `clock`: monotonic, in seconds.

    Limited are warnings, and traffic that was refused: others decide how often those come. May be used by threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._counted: list[logging.LogRecord] = []

    def passes(self, record: logging.LogRecord) -> bool:
        """May the line be written now? If not, it is counted."""
        status = getattr(record, "status", None)
        refused = getattr(record, "action", "") == "refused" or (isinstance(status, int) and status >= 400)
        if record.levelno < logging.WARNING and not refused:
            return True
        text = hash((record.getMessage(), repr(record.exc_info[1]) if record.exc_info else ""))
        key = (record.name, record.levelno, record.pathname, record.lineno, tenant_of(record), status)
        with self._lock:
            now = self._clock()
            kind = self._kinds.get(key)
            if kind is not None and now >= kind.until:
                kind = self._rolled(key, kind, now)
            if kind is None:
                kind = self._kinds[key] = _Kind(now + FIRST_PERIOD)
                if len(self._kinds) > MOST_KINDS:
                    oldest = next(iter(self._kinds))
                    self._rolled(oldest, self._kinds.pop(oldest), now)
            if text not in kind.texts and len(kind.texts) < MOST_TEXTS:
                kind.texts.add(text)
                return True
            kind.held, kind.last, kind.last_text = kind.held + 1, _without_fault(record), text
            return False

    def counted(self, *, at_once: bool = False) -> Iterator[logging.LogRecord]:
        """For each kind whose period is over, its last line with the number in `repeated`; `at_once`: for all kinds."""
        with self._lock:
            now = self._clock()
            for key, kind in list(self._kinds.items()):
                if at_once or now >= kind.until:
                    self._rolled(key, kind, now)
            counted, self._counted = self._counted, []
        yield from counted

    def _rolled(self, key: tuple[object, ...], kind: _Kind, now: float) -> _Kind | None:
        """Begin the next period of a kind that goes on; forget one that has been silent."""
        if kind.last is None:
            self._kinds.pop(key, None)
            return None
        record = kind.last
        record.__dict__["repeated"] = kind.held
        record.msg, record.args = f"{record.getMessage()} ({kind.held} more like it since the line before)", ()
        self._counted.append(record)
        period = min(kind.period * 2, LONGEST_PERIOD)
        kind.until, kind.period, kind.texts, kind.held, kind.last = now + period, period, {kind.last_text}, 0, None
        return kind


def _without_fault(record: logging.LogRecord) -> logging.LogRecord:
    """A copy that holds on to nothing of the place that logged it: its traceback was in the first line."""
    kept = copy.copy(record)
    kept.msg, kept.args = record.getMessage(), ()
    kept.__dict__["tenant"] = tenant_of(record)
    if record.exc_info:
        kept.msg = f"{kept.msg}: {record.exc_info[1]!r}"
        kept.exc_info = kept.exc_text = None
    return kept
