"""Reading a table of a SQLite file of which a page is damaged: what is on the page is hidden, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from factory_core.errors import UnreadableRecord

from ..record_sql import Statement, select_from

LAST = 1 << 48  # no table of ours has had so many rows
Read = Callable[[Statement], Awaitable[Sequence[Sequence[Any]]]]


class Row(NamedTuple):
    """Of `in_flight` or `runs`; `wake_at` in microseconds since 1970, None when nothing is due."""

    rowid: int
    tenant: str
    name: str
    wake_at: int | None
    body: str


async def rows_around_damage(read: Read, table: str) -> AsyncIterator[Row]:
    """Every row that can be read, in the order of rowids, one at a time."""
    rowid = 1
    while True:
        try:
            rows = await read(select_from(table, rowid))
        except UnreadableRecord:
            rowid = await _behind(read, table, rowid)
            continue
        if not rows:
            return
        row = Row(*rows[0])
        yield row
        rowid = row.rowid + 1


async def _behind(read: Read, table: str, rowid: int) -> int:
    """The first rowid behind this one from which something can be read: pages cover spans of rowids."""
    damaged, step = rowid, 1
    while not await _readable(read, table, rowid + step):
        damaged, step = rowid + step, step * 2
    found = rowid + step
    while found - damaged > 1:
        middle = (damaged + found) // 2
        if await _readable(read, table, middle):
            found = middle
        else:
            damaged = middle
    return found


async def _readable(read: Read, table: str, rowid: int) -> bool:
    if rowid > LAST:
        return True  # behind it there is nothing
    try:
        await read(select_from(table, rowid))
    except UnreadableRecord:
        return False
    return True
