"""What is told of one play: each happening, and the law that was broken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from factory_core.dispatch.records import InFlightRecord


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


@contextmanager
def quiet() -> Iterator[None]:
    """What the core logs of ten thousand crashes interests nobody."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
