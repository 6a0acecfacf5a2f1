"""What workers do to the line of runs: take one, keep it, end it. Each step is a pure one of the core, saved."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from factory_core.config import Workers
from factory_core.dispatch.moments import bounded_run
from factory_core.errors import Problem, Terminal, VersionConflict
from factory_core.ports import Clock
from factory_core.run_queue import RunQueue
from factory_core.runs import queued_run as steps
from factory_core.runs.queued_run import QueuedRun, RunState, Worker
from factory_core.runs.run import RunReport, RunStatus

LOOKED_AT = 100  # runs of the line in one look
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=10)  # between two looks at a run in trouble

logger = logging.getLogger("factory.workers")
T = TypeVar("T")


class Look(NamedTuple):
    """What a claim found of a run. `waits`: it is in line, and not for this worker."""

    offered: QueuedRun | None = None
    waits: bool = False


class Trouble(NamedTuple):
    """A run that could not be looked at, so often in a row, and when that is tried again."""

    failures: int
    again: datetime


class Leases:
    """One tenant's. Set `finished` before use: it is awaited for each run that ended, at least once, with one report.

    `began` is awaited at most once for each run that a worker confirmed; a crash or a failure may lose that.
    """

    def __init__(self, queue: RunQueue, clock: Clock, rules: Workers) -> None:
        self.queue, self.clock, self.rules = queue, clock, rules
        self.finished: Callable[[RunReport], Awaitable[None]] = _nobody
        self._troubles: dict[str, Trouble] = {}
        self.began: Callable[[RunReport], Awaitable[None]] = _ignore

    async def heard(self, worker: Worker) -> None:
        """The worker is there."""
        await self.queue.put_worker(worker.model_copy(update={"seen_at": self.clock()}))

    async def claim(self, worker: Worker) -> QueuedRun | None:
        """The run that has waited longest for such a worker, offered to it; None when there is none."""
        for run_id in await self._due():
            if (look := await self.try_offer(run_id, worker)) and look.offered:
                return look.offered
        return None

    async def try_offer(self, run_id: str, worker: Worker) -> Look | None:
        """The same as offer(); None for a run in trouble, whose turn comes again."""
        return await self._isolated(run_id, self.offer(run_id, worker))

    async def offer(self, run_id: str, worker: Worker, *, sent: bool = False) -> Look:
        """Offer this run to the worker, if it is in line for such a one; `sent`: that was started for this run."""
        run, now = await self.settle(run_id), self.clock()
        if run is None or run.state is not RunState.WAITING:
            return Look()
        if not steps.can_take(run, worker, now, self.rules, sent=sent):
            return Look(waits=True)
        try:
            return Look(await self.queue.put_run(steps.offer(run, worker, now, self.rules)))
        except VersionConflict:
            return Look()  # another worker was faster

    async def heartbeat(
        self, run_id: str, worker: Worker, epoch: int, said: RunReport, tail: Sequence[str]
    ) -> QueuedRun:
        """Raises RunLost when the worker must end its agent; `stop_wanted` in the answer asks for the same."""
        now, confirms = self.clock(), False

        def beat(run: QueuedRun) -> QueuedRun:
            nonlocal confirms
            confirms = run.state is RunState.OFFERED
            return steps.heartbeat(run, worker.id, epoch, said, tail, now, self.rules)

        run = await self._held(run_id, beat)
        if confirms and run.report:
            await self._isolated(run_id, self.began(run.report))
        return run

    async def report(self, run_id: str, worker: Worker, epoch: int, said: RunReport, head: str) -> None:
        """Return when the end is saved, and told; where its item is in trouble, the tick tells it. Raises RunLost."""
        now = self.clock()
        run = await self._held(run_id, lambda run: steps.report(run, worker.id, epoch, said, head, now))
        await self._isolated(run_id, self._told(run))

    async def refuse_heartbeat(self, run_id: str, worker: Worker, epoch: int, why: str) -> None:
        """Its holder's heartbeat cannot be read: it keeps no lease, and the reason is kept. Raises RunLost."""
        await self._held(run_id, lambda run: steps.refuse_heartbeat(run, worker.id, epoch, why))
        logger.error("%s: the heartbeat of %s cannot be read: %s", run_id, worker.id, why, extra={"action": "leases"})

    async def quarantine(self, run_id: str, worker: Worker, epoch: int, why: str) -> None:
        """Its holder's last word cannot be read: the run ends with that reason. Raises RunLost."""
        now = self.clock()
        run = await self._held(run_id, lambda run: steps.quarantine(run, worker.id, epoch, why, now))
        logger.error("%s: the report of %s cannot be read: %s", run_id, worker.id, why, extra={"action": "leases"})
        await self._isolated(run_id, self._told(run))

    async def gone(self, run_id: str, epoch: int, status: RunStatus, why: str) -> None:
        """The machine that was started for the run is no more. Returns when that is saved, and an end is told."""
        run = await self.change(run_id, lambda run: steps.gone(run, epoch, status, why, self.clock()))
        if run:
            await self._told(run)

    async def settle(self, run_id: str) -> QueuedRun | None:
        """The run as it stands, with what time has done to it, and its end told."""
        run = await self.change(run_id, lambda run: steps.expire(run, self.clock()))
        return await self._told(run) if run else None

    async def settle_due(self) -> Sequence[str]:
        """For the host's tick: leases that have run out, ends that were not told. Which runs are in line after that."""
        settled = [await self._isolated(run_id, self.settle(run_id)) for run_id in await self._due()]
        return [run.run_id for run in settled if run and run.state is RunState.WAITING]

    async def change(self, run_id: str, step: Callable[[QueuedRun], QueuedRun]) -> QueuedRun | None:
        """Apply the step to the newest version, however often somebody else saves first."""
        while (run := await self.queue.get_run(run_id)) is not None:
            changed = step(bounded_run(run, self.clock(), self.rules))
            if changed == run:
                return run
            try:
                return await self.queue.put_run(changed)
            except VersionConflict:
                continue
        return None

    async def _held(self, run_id: str, step: Callable[[QueuedRun], QueuedRun]) -> QueuedRun:
        run = await self.change(run_id, step)
        if run is None:
            raise steps.lost(run_id, "nobody here knows it")
        return run

    async def _due(self) -> Sequence[str]:
        """The runs to look at. One in trouble is looked at ever less often, and keeps no other from its turn."""
        now = self.clock()
        due = await self.queue.due_runs(now, LOOKED_AT + len(self._troubles))
        self._troubles = {run_id: self._troubles[run_id] for run_id in due if run_id in self._troubles}
        waits = {run_id for run_id, trouble in self._troubles.items() if now < trouble.again}
        return [run_id for run_id in due if run_id not in waits][:LOOKED_AT]

    async def _isolated(self, run_id: str, work: Awaitable[T]) -> T | None:
        """None when it fails, whatever the reason: that is the run's alone. A store that is away is away for all."""
        try:
            done = await work
        except Exception as error:
            if isinstance(error, Problem) and error.everywhere:
                raise
            before = self._troubles.get(run_id, Trouble(0, self.clock()))
            pause = min(FIRST_PAUSE * 2 ** min(before.failures, 20), LONGEST_PAUSE)
            self._troubles[run_id] = Trouble(before.failures + 1, self.clock() + pause)
            if isinstance(error, Problem):
                logger.error("%s: %s: %s", run_id, error.what, error.why, extra={"action": "leases"})
            else:
                logger.exception("%s is passed over", run_id, extra={"action": "leases"})
            return None
        self._troubles.pop(run_id, None)
        return done

    async def _told(self, run: QueuedRun) -> QueuedRun:
        if run.state is not RunState.ENDED or run.told or run.report is None:
            return run
        await self.finished(run.report)
        return await self.change(run.run_id, steps.told) or run


async def _ignore(report: RunReport) -> None:
    """Who looks at runs by itself needs no word of their beginning."""


async def _nobody(report: RunReport) -> None:
    raise Terminal(f"Nobody hears that {report.run_id} ended", why="finished is not set", fix="factory serve")
