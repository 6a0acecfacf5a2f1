"""Reads what a webhook only pointed at."""

from __future__ import annotations

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.events import Event
from factory_core.ports import Pointer

from .client import RelayfileClient
from .connection import check_connection
from .objects import events_of


class RelayfileReader:
    """ports.PointerReader."""

    def __init__(self, client: RelayfileClient, config: FactoryConfig) -> None:
        self._client, self._config = client, config

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def read(self, pointer: Pointer) -> tuple[Event, ...]:
        """A file that is gone meanwhile says nothing: its deletion is an event of its own."""
        file = await self._client.read_file(pointer.path)
        return events_of(pointer, file, self._config) if file else ()
