"""RunQueue in this process's memory: for tests and simulation. It keeps JSON, as the durable ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from factory_core.errors import StoreUnavailable, VersionConflict
from factory_core.payload import to_json
from factory_core.runs.queued_run import QueuedRun, Worker

from ..record_sql import decode


class InMemoryRunQueue:
    """One tenant's. Others get a turn at each call. `reachable = False` makes every call raise StoreUnavailable."""

    def __init__(self) -> None:
        self.reachable = True
        self._runs: dict[str, str] = {}
        self._due: dict[str, datetime | None] = {}  # beside the bodies, as a durable queue's index is
        self._workers: dict[str, Worker] = {}

    async def get_run(self, run_id: str) -> QueuedRun | None:
        await self._turn()
        body = self._runs.get(run_id)
        return decode(QueuedRun, body) if body else None

    async def put_run(self, run: QueuedRun) -> QueuedRun:
        await self._turn()
        body = self._runs.get(run.run_id)
        if run.version != (decode(QueuedRun, body).version if body else 0):
            raise VersionConflict
        saved = run.model_copy(update={"version": run.version + 1})
        self._runs[run.run_id], self._due[run.run_id] = to_json(saved), saved.due_at
        await asyncio.sleep(0)
        return saved

    async def delete_run(self, run_id: str) -> None:
        await self._turn()
        self._runs.pop(run_id, None)
        self._due.pop(run_id, None)

    async def due_runs(self, now: datetime, limit: int) -> Sequence[str]:
        await self._turn()
        due = sorted((due_at, run_id) for run_id, due_at in self._due.items() if due_at and due_at <= now)
        return [run_id for _, run_id in due[:limit]]

    async def runs_of(self, work_item_id: str) -> Sequence[QueuedRun]:
        await self._turn()
        return [run for run in self._all() if run.order and run.order.work_item_id == work_item_id]

    async def put_worker(self, worker: Worker) -> None:
        await self._turn()
        self._workers[worker.id] = worker

    async def workers(self, since: datetime) -> Sequence[Worker]:
        await self._turn()
        return [worker for worker in self._workers.values() if worker.seen_at and worker.seen_at >= since]

    def _all(self) -> list[QueuedRun]:
        return [decode(QueuedRun, body) for body in self._runs.values()]

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise StoreUnavailable("the run queue cannot be reached", why="it was cut off", fix="factory check")
