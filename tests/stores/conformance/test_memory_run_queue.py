"""InMemoryRunQueue keeps the laws of the port."""

from __future__ import annotations

import pytest

from adapters.stores.memory.run_queue import InMemoryRunQueue

from .run_queue_laws import RunQueueLaws

pytestmark = pytest.mark.pure


class MemoryWorld:
    def __init__(self) -> None:
        self.queues: dict[str, InMemoryRunQueue] = {}

    async def open(self, tenant: str) -> InMemoryRunQueue:
        return self.queues.setdefault(tenant, InMemoryRunQueue())

    def cut(self) -> None:
        for queue in self.queues.values():
            queue.reachable = False


class TestInMemoryRunQueue(RunQueueLaws):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()
