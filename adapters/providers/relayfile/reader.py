"""Reads what a webhook only pointed at; and what relayfile told without being heard."""

from __future__ import annotations

import contextlib
from datetime import datetime

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.events import Event
from factory_core.errors import Terminal
from factory_core.intake.payload import text
from factory_core.ports import Change, Pointer, Redelivered

from .client import RelayfileClient
from .connection import check_connection
from .objects import events_of
from .paths import reply_in
from .webhook import read_change


class RelayfileReader:
    """ports.PointerReader, ports.ChangeFeed and ports.Redelivery."""

    def __init__(self, client: RelayfileClient, config: FactoryConfig) -> None:
        self._client, self._config = client, config

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def read(self, pointer: Pointer) -> tuple[Event, ...]:
        """A file that is gone meanwhile says nothing: its deletion is an event of its own."""
        file = await self._client.read_file(pointer.path)
        return events_of(pointer, file, self._config) if file else ()

    async def changes(self, cursor: str, now: datetime) -> tuple[Change, ...]:
        """Of the files behind pointers only replies are worth a call: an issue's canonical path tells its key, so its
        aliases say nothing more, and open pull requests are read again anyway."""
        if not cursor:
            newest = await self._client.newest()
            return (Change(cursor=newest),) if newest else ()
        vendors = frozenset(self._config.providers())
        page = await self._client.events(cursor)
        changes = []
        for line in page.changes:
            events, pointers = read_change(line, vendors, now)
            replies = tuple(pointer for pointer in pointers if reply_in(pointer.path).ts)
            changes.append(Change(cursor=text(line, "eventId") or page.cursor, events=events, pointers=replies))
        return tuple(changes)

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        """Dead letters say when they failed, not when they will be forgotten: `since` does not matter to them.

        The cursor is the last one that was asked for: one that fails again and again lets the others pass.
        """
        pages = max(1, calls // 4)
        turn = sorted(letter for letter in await self._client.dead_letters(pages) if letter > cursor)
        asked = turn[: max(1, calls - pages)]
        for letter in asked:
            with contextlib.suppress(Terminal):  # relayfile has forgotten it meanwhile
                await self._client.replay(letter)
        return Redelivered(len(asked), asked[-1] if len(asked) < len(turn) else "")
