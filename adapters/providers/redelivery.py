"""How ports.Redelivery walks a sender's list of what it could not deliver; the place is kept between the turns."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from factory_core.errors import ConnectionLost, Problem
from factory_core.ports import Redelivered

logger = logging.getLogger("factory.sweep")


class Page(NamedTuple):
    """The ids in a page that are to be asked for, and the sender's cursor of the next page; empty: it was the last."""

    ids: Iterable[str]
    following: str


class Place(NamedTuple):
    """The sender's cursor of the page, and the last id in it that was asked for. `again`: one before it was refused."""

    page: str = ""
    after: str = ""
    again: bool = False

    @classmethod
    def read(cls, cursor: str) -> Place:
        again, after, page = (*cursor.split("\n", 2), "", "")[:3]
        return cls(page, after, again == "again" and bool(after or page))

    def __str__(self) -> str:
        return f"{'again' if self.again else ''}\n{self.after}\n{self.page}"


async def walk(
    pages: Callable[[str], Awaitable[Page]], ask: Callable[[str], Awaitable[None]], cursor: str, calls: int
) -> Redelivered:
    """Page by page, and in a page by id, from the cursor on, with at most so many calls: one lists, another one acts.

    One that is refused lets the others pass, and after the last page the walk begins anew, for its sake. A wish for a
    pause, or a lost connection, ends the turn; it is raised if nothing was asked for yet, so that no place is lost.
    """
    place, asked = Place.read(cursor), 0
    while calls > 1:
        page = await pages(place.page)
        calls -= 1
        for one in sorted((one for one in page.ids if _order(one) > _order(place.after)), key=_order):
            if not calls:
                return Redelivered(asked, str(place))
            refusal = await _refusal(ask(one))
            if refusal and (isinstance(refusal, ConnectionLost) or getattr(refusal, "after", None) is not None):
                if not asked:
                    raise refusal
                return Redelivered(asked, str(place))
            place = place._replace(after=one, again=place.again or bool(refusal and refusal.retryable))
            calls, asked = calls - 1, asked + 1
        place = Place(page.following, again=place.again)
        if not page.following:
            return Redelivered(asked, str(place) if place.again else "")
    return Redelivered(asked, str(place))


def _order(one: str) -> tuple[int, str]:
    """That of numbers, for ids that are some."""
    return len(one), one


async def _refusal(asked: Awaitable[None]) -> Problem | None:
    """Of one that the sender has forgotten meanwhile, or cannot send now."""
    try:
        await asked
    except Problem as problem:
        if not isinstance(problem, ConnectionLost):  # that is said once, for all that needs it
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "sweep"})
        return problem
    return None
