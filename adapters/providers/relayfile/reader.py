"""Reads what a webhook only pointed at; and what relayfile told without being heard."""

from __future__ import annotations

from datetime import datetime

from adapters.providers.redelivery import Page, walk
from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.events import Event
from factory_core.payload import text
from factory_core.ports import Change, Clock, Pointer, Redelivered

from .client import DeadLetter, RelayfileClient
from .connection import check_connection
from .objects import events_of
from .paths import reply_in
from .webhook import read_change


class RelayfileReader:
    """ports.PointerReader, ports.ChangeFeed and ports.Redelivery."""

    def __init__(self, client: RelayfileClient, config: FactoryConfig, clock: Clock) -> None:
        self._client, self._config, self._clock = client, config, clock

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
        """Ours among the dead letters, page by page, for as long as what they started is surely remembered.

        `since` does not matter to them: one stays dead until a replay of it arrives, and is asked for in each walk.
        """
        remembered = self._clock() - self._config.runner.keep_finished / 2

        async def page(place: str) -> Page:
            found = await self._client.dead_letters(place)
            return Page([one.id for one in found.letters if self._is_ours(one, remembered)], found.cursor)

        return await walk(page, self._client.replay, cursor, calls)

    def _is_ours(self, letter: DeadLetter, remembered: datetime) -> bool:
        """Sent to this tenant's address, and not so long ago; what a letter does not say speaks for it."""
        here = letter.url.endswith(f"/hooks/{self._config.tenant}/relayfile")
        return (here or not letter.url) and (letter.failed_at is None or letter.failed_at >= remembered)
