"""The stores keep the laws of their ports in a real Durable Object: many callers, one object per tenant."""

from __future__ import annotations

import secrets

import pytest

from tests.stores.conformance.run_queue_laws import RunQueueLaws
from tests.stores.conformance.state_store_laws import HandClock, StateStoreLaws

from .deployed import Deployed
from .remote import Probe, Remote
from .runtime import Runtime


class Objects:
    """New tenants' objects for each law. `cut`: their tables are gone, so that no statement can be executed."""

    def __init__(self, runtime: Runtime) -> None:
        self.clock = HandClock()
        self._runtime, self._name = runtime, secrets.token_hex(6)
        self._opened: dict[str, Probe] = {}

    def probe(self, tenant: str) -> Probe:
        name = f"{self._name}-{tenant.encode().hex()}"
        return self._opened.setdefault(tenant, Probe(self._runtime, "STORE", name))

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        sql = "INSERT INTO in_flight (tenant, work_item_id, version, body) VALUES (?, ?, ?, ?)"
        self.probe(tenant)("execute", sql, tenant, work_item_id, version, body)

    def cut(self) -> None:
        for probe in self._opened.values():
            for table in ("in_flight", "clarifications", "batches", "runs", "workers"):
                probe("execute", f"DROP TABLE {table}")


class StoreWorld(Objects):
    async def open(self, tenant: str) -> Remote:
        return Remote(self.probe(tenant), "store", lambda: (tenant, self.clock.now))

    async def open_queue(self, tenant: str) -> Remote:
        return Remote(self.probe(tenant), "queue", lambda: (tenant,))

    def everything(self) -> str:
        rows = [
            row
            for probe in self._opened.values()
            for (table,) in probe("execute", "SELECT name FROM sqlite_master WHERE type = 'table'")
            if not table.startswith(("_", "sqlite_"))
            for row in probe("execute", f"SELECT * FROM {table}")
        ]
        return "\n".join(map(str, rows))


class QueueWorld(Objects):
    async def open(self, tenant: str) -> Remote:
        return Remote(self.probe(tenant), "queue", lambda: (tenant,))


class TestDurableObjectStateStore(StateStoreLaws):
    examples = 6  # each call is a request

    @pytest.fixture
    def world(self, deployed: Deployed) -> StoreWorld:
        return StoreWorld(deployed.runtime)


class TestDurableObjectRunQueue(RunQueueLaws):
    @pytest.fixture
    def world(self, deployed: Deployed) -> QueueWorld:
        return QueueWorld(deployed.runtime)
