"""What of a list cannot be read: the others come all the same, and at the end it is said which were passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from factory_core.errors import NewerRecord, UnreadableRecord

T = TypeVar("T")
MOST_NAMED = 10


class UnreadableRecords:
    """One walk through a list. `tell()` at its end raises UnreadableRecord if there was any."""

    def __init__(self) -> None:
        self._passed_over: dict[str, UnreadableRecord] = {}

    def read(self, name: str, decode: Callable[[], T]) -> T | None:
        """The record; None when it cannot be read."""
        try:
            return decode()
        except UnreadableRecord as problem:
            self._passed_over[name] = problem
            return None

    def add(self, name: str, problem: UnreadableRecord) -> None:
        self._passed_over[name] = problem

    def raise_if_any(self) -> None:
        for first in self._passed_over.values():
            names = sorted(self._passed_over)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            named = f"{', '.join(names[:MOST_NAMED])}{more}"
            if all(isinstance(problem, NewerRecord) for problem in self._passed_over.values()):
                what = f"written by a newer release of the factory, and left as they are: {named}"
                raise NewerRecord(what, why=first.why, fix=first.fix)
            raise UnreadableRecord(f"{named} cannot be read", why=first.why, fix=first.fix)
