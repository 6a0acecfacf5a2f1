"""RunQueue in the same SQLite as the records: the SQL is record_sql's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from factory_core.runs.queued_run import QueuedRun, Worker

from .. import record_sql as sql
from .state_store import Database, due_in


class SqliteRunQueue:
    """One tenant's part of the database."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant

    async def get_run(self, run_id: str) -> QueuedRun | None:
        rows = await self._database.read(sql.select_run(self._tenant, run_id))
        return sql.decode(QueuedRun, rows[0][0]) if rows else None

    async def put_run(self, run: QueuedRun) -> QueuedRun:
        saved = sql.successor(run)
        await self._database.write(sql.put_run(self._tenant, saved))
        return saved

    async def delete_run(self, run_id: str) -> None:
        await self._database.write(sql.delete_run(self._tenant, run_id))

    async def due_runs(self, now: datetime, limit: int) -> Sequence[str]:
        return await due_in(self._database, "runs", self._tenant, sql.select_due_runs(self._tenant, now, limit))

    async def runs_of(self, work_item_id: str) -> Sequence[QueuedRun]:
        rows = await self._database.read(sql.select_runs_of(self._tenant, work_item_id))
        return [sql.decode(QueuedRun, body) for (body,) in rows]

    async def put_worker(self, worker: Worker) -> None:
        await self._database.write(sql.put_worker(self._tenant, worker))

    async def workers(self, since: datetime) -> Sequence[Worker]:
        rows = await self._database.read(sql.select_workers(self._tenant, since))
        return sql.readable(Worker, (body for (body,) in rows))
