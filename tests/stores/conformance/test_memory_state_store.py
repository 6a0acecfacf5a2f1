"""InMemoryStateStore keeps the laws of the port."""

from __future__ import annotations

import pytest

from adapters.stores.memory.run_queue import InMemoryRunQueue
from adapters.stores.memory.state_store import Entry, InMemoryStateStore

from .state_store_laws import HandClock, StateStoreLaws

pytestmark = pytest.mark.pure


class MemoryWorld:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.stores: dict[str, InMemoryStateStore] = {}
        self.queues: dict[str, InMemoryRunQueue] = {}

    async def open(self, tenant: str) -> InMemoryStateStore:
        return self.stores.setdefault(tenant, InMemoryStateStore(self.clock))

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        (await self.open(tenant))._in_flight[work_item_id] = Entry(version, body)

    async def open_queue(self, tenant: str) -> InMemoryRunQueue:
        return self.queues.setdefault(tenant, InMemoryRunQueue())

    def everything(self) -> str:
        held = [value for one in (*self.stores.values(), *self.queues.values()) for value in vars(one).values()]
        return "\n".join(repr(row) for part in held if isinstance(part, dict) for row in part.items())

    def cut(self) -> None:
        for store in self.stores.values():
            store.reachable = False


class TestInMemoryStateStore(StateStoreLaws):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()
