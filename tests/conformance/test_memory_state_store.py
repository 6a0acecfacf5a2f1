"""InMemoryStateStore keeps the laws of the port."""

from __future__ import annotations

import pytest

from adapters.memory.state_store import Entry, InMemoryStateStore

from .state_store_laws import HandClock, StateStoreLaws

pytestmark = pytest.mark.pure


class MemoryWorld:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.stores: dict[str, InMemoryStateStore] = {}

    async def open(self, tenant: str) -> InMemoryStateStore:
        return self.stores.setdefault(tenant, InMemoryStateStore(self.clock))

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        (await self.open(tenant))._in_flight[work_item_id] = Entry(version, body)

    def cut(self) -> None:
        for store in self.stores.values():
            store.reachable = False


class TestInMemoryStateStore(StateStoreLaws):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()
