"""Lists of Linear's that come page by page: read to their end, or as far as is sensible."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

logger = logging.getLogger("factory.linear")
MOST_PAGES = 10  # of 50: nothing that a person reads is longer


class Node(BaseModel):
    """Something of Linear's, of which only the fields that we use are read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, alias_generator=to_camel, populate_by_name=True)


class PageInfo(Node):
    has_next_page: bool = False
    end_cursor: str | None = None


N = TypeVar("N")


class Page(Node, Generic[N]):
    """https://linear.app/developers/pagination"""

    nodes: tuple[N, ...] = ()
    page_info: PageInfo = PageInfo()

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        """Webhooks give a plain list."""
        return {"nodes": given} if isinstance(given, list) else given

    @property
    def next(self) -> str:
        """The cursor of the next page; empty after the last one."""
        return (self.page_info.end_cursor or "") if self.page_info.has_next_page else ""


async def whole(first: Page[N], fetch: Callable[[str], Awaitable[Page[N] | None]]) -> Page[N]:
    """The page with the nodes of all that follow it; `fetch` gets the page after a cursor."""
    nodes, cursor = list(first.nodes), first.next
    for _ in range(MOST_PAGES - 1):
        if not cursor:
            return Page[N](nodes=tuple(nodes))
        page = await fetch(cursor)
        nodes, cursor = nodes + list(page.nodes if page else ()), page.next if page else ""
    if cursor:
        logger.warning("a list was read only up to %d entries", len(nodes), extra={"action": "read"})
    return Page[N](nodes=tuple(nodes))
