"""WorkerQueueFleet: runs wait in line, and workers on other machines take them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from factory_core.errors import Retryable, Terminal, VersionConflict
from factory_core.runs import queued_run as steps
from factory_core.runs.queued_run import RunState, Worker
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from .leases import Leases


class WorkerQueueFleet:
    """Implements ports.Fleet and run_queue.WorkerFleet. `tell` lets workers know of a run in line, at least once."""

    def __init__(self, leases: Leases, tell: Callable[[str], Awaitable[None]]) -> None:
        self.leases, self._tell = leases, tell
        self._queue, self._clock = leases.queue, leases.clock

    async def start(self, order: RunOrder) -> RunReport:
        known = await self._queue.get_run(order.run_id)
        if known is None:
            await self._put(order)
        elif known.order is None:
            await self.leases.change(order.run_id, lambda run: steps.started_late(run, order, self._clock()))
        report = await self.look(order.run_id)
        if report is None:
            raise Retryable(f"The run {order.run_id} is gone", why="it was forgotten meanwhile", fix="factory status")
        if report.status is RunStatus.WAITING:
            await self._tell(order.run_id)
        return report

    async def look(self, run_id: str) -> RunReport | None:
        run = await self.leases.change(run_id, lambda run: steps.expire(run, self._clock()))
        return steps.report_of(run) if run else None

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        run = await self._queue.get_run(run_id)
        return run.tail[-lines:] if run else ()

    async def stop(self, run_id: str) -> None:
        """Returns when it has ended; raises Retryable until its worker has said so or has lost it."""
        run = await self.leases.change(
            run_id, lambda run: steps.want_stop(steps.expire(run, self._clock()), self._clock())
        )
        if run is None:
            await self._refuse_start(run_id)
        elif run.state is not RunState.ENDED:
            rules = self.leases.rules
            why = f"its worker {run.holder} hears of it with its next heartbeat"
            after = rules.heartbeat.total_seconds()
            raise Retryable(f"The run {run_id} has not stopped yet", why=why, fix="factory status", after=after)

    async def publish(self, run_id: str) -> str:
        """The worker has pushed before it reported; this is the head that it named."""
        run = await self._queue.get_run(run_id)
        if run is None or run.report is None or run.report.status is not RunStatus.SUCCEEDED or not run.head:
            why = "it did not end with commits that its worker pushed"
            raise Terminal(f"The run {run_id} has nothing to publish", why=why, fix="factory status")
        return run.head

    async def forget(self, work_item_id: str) -> None:
        runs = await self._queue.runs_of(work_item_id)
        alive = next((run for run in runs if run.state is not RunState.ENDED), None)
        if alive:
            raise Retryable(f"{work_item_id} still has a run", why=f"it is {alive.state}", fix="factory status")
        for run in runs:
            await self._queue.delete_run(run.run_id)

    async def workers(self) -> Sequence[Worker]:
        return await self._queue.workers(self._clock() - timedelta(days=1))

    async def _put(self, order: RunOrder) -> None:
        before = await self._queue.get_run(order.previous_run) if order.previous_run else None
        try:
            await self._queue.put_run(steps.queued(order, self._clock(), before.holder if before else ""))
        except VersionConflict:
            await self.start(order)  # the same start, or its stop, was faster

    async def _refuse_start(self, run_id: str) -> None:
        try:
            await self._queue.put_run(steps.stopped_before(run_id, self._clock()))
        except VersionConflict:
            await self.stop(run_id)  # its start was faster
