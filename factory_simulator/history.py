"""What is told of one play: each happening, and the law that was broken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import Problem


class Violation(NamedTuple):
    law: str
    why: str
    at: float


class Happening(NamedTuple):
    """One line of the history; `what` is made into words only when somebody reads it."""

    at: float
    tenant: int | None
    item: str
    what: str | tuple[InFlightRecord, InFlightRecord, str]

    def words(self) -> str:
        where = "" if self.tenant is None else f"{self.tenant}:{self.item} "
        return f"{self.at:13.3f}  {where}{self.what if isinstance(self.what, str) else _moved(*self.what)}"


def _moved(before: InFlightRecord, after: InFlightRecord, name: str) -> str:
    outbox = " ".join(planned.effect.kind for planned in after.outbox)
    news = [entry.text for entry in after.log[len(before.log) :]]
    said = f" {' '.join(news)}" if news else ""
    return f"{name} writes v{after.version}: {before.state} → {after.state} [{outbox}]{said}"


class _FaultsOfOurs(logging.Handler):
    """Passes on what the core isolates and logs: a mistake in the code, which would stop only the item that met it."""

    def __init__(self, found: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and getattr(record, "action", "") in ISOLATED and not isinstance(error, Problem):
            self._found(error)


ISOLATED = frozenset({"check_in", "mend", "sweep"})
"""Actions of log lines whose errors are a mistake in the code: no schedule raises anything but a Problem there."""


@contextmanager
def quiet(found: Callable[[BaseException], None]) -> Iterator[None]:
    """What the core logs of ten thousand crashes is not printed; `found` gets the mistakes in the code among it."""
    before, handlers, faults = logging.root.manager.disable, logging.root.handlers[:], _FaultsOfOurs(found)
    logging.root.handlers[:] = [faults]
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.root.handlers[:] = handlers
