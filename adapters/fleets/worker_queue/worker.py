"""A worker: takes runs from the factory, has them done by the local fleet, and says how they go.

It trusts its lease only as long as its own clock says, counted from before it asked for it; every run carries that
moment as its fence, and its supervisor ends the agent there even when this process is dead or frozen. A third of the
lease is left for the stop. Nothing is pushed, and nothing begun, unless the lease is known to be held.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from factory_core.dispatch import circuit
from factory_core.dispatch.batch import Batch, Circuit
from factory_core.dispatch.queued_run import RunLost
from factory_core.dispatch.run import ENDED, RunOrder, RunReport, RunStatus, unstarted
from factory_core.errors import ConnectionLost, EngineUnavailable, Problem, Retryable, Terminal

from ..local_engines.boot_clock import boot_clock
from ..local_engines.fleet import LocalFleet
from .client import FactoryClient
from .kept import Kept
from .protocol import HeartbeatAnswer, Offered

log = logging.getLogger("factory.worker")
TRUSTED = 2 / 3  # of a lease
KEEP = timedelta(days=14)  # work trees of items that nobody came back to; a later run begins from the branch
TIDY_EVERY = 3600.0  # seconds
LONGEST_DELAY = 30.0  # seconds between two tries to reach the factory
ONE_RUN_WAITS = (
    600.0  # seconds for a credential, where a machine was started for one run: the next one is given a new one
)


@dataclass
class Held:
    """A run that is ours, as far as we know until `fence` (by boot_clock)."""

    claim: Offered
    fence: float = 0.0
    begun: bool = False  # by this process
    lost: bool = False
    stopping: bool = False
    waits_for: str = ""  # the vendor that refuses this worker's credential
    waits_since: float = 0.0  # by boot_clock
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def order(self) -> RunOrder:
        return self.claim.order


class QueueWorker:
    """`fleet` is this worker's alone, and its `finished` becomes ours."""

    def __init__(
        self, client: FactoryClient, fleet: LocalFleet, kept: Kept, slots: int, clock: Callable[[], float] = boot_clock
    ) -> None:
        self._client, self._fleet, self._kept, self._slots, self._clock = client, fleet, kept, slots, clock
        self._patience = float("inf")  # seconds that a run may wait for a credential here
        self._engines, self._circuits = client.worker.engines, Batch()  # of the engines that cannot work here
        self._host = kept.worker_id
        self._held: dict[str, Held] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fleet.finished = self.finished

    async def run(self, *, once: bool = False, only: str = "") -> None:
        """Work until cancelled; `once`: until one claim was answered and every run that is held has ended; `only`: this
        run is claimed and no other.

        The first contact may raise what only a person can mend (NeedsPerson, Refused); later, everything is weather.
        """
        if once:  # a machine that was started for one run: the next one has another
            self._patience, self._host = ONE_RUN_WAITS, ""
        for claim in self._kept.claims():
            self._hold(claim)
        await self._fleet.adopt()
        work = asyncio.create_task(self._work(once, only))
        try:
            await asyncio.wait({work, self._fault}, return_when=asyncio.FIRST_COMPLETED)
            await (work if work.done() else self._fault)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._drain()

    async def finished(self, report: RunReport) -> None:
        """The local fleet's word that a run ended: push what there is, and report. A Problem: once more, later."""
        held = self._held.get(report.run_id)
        if held is None or held.lost:
            return
        report, head = await self._published(held, report.model_copy(update={"host": self._host}))
        self._note_engine(held, report)
        try:
            await self._client.report(report.run_id, held.claim.epoch, report, head)
            _say(held, f"ended: {report.status}", report.why)
        except RunLost as lost:
            _say(held, "ended, and is not ours any more", lost.why)
        self._drop(held)

    async def _work(self, once: bool, only: str) -> None:
        await self._take(once, only)
        await asyncio.gather(*self._holding)

    async def _take(self, once: bool, only: str) -> None:
        known, delay, tidied = False, 1.0, -TIDY_EVERY
        while True:
            await self._has_room()
            if self._clock() - tidied > TIDY_EVERY:
                await self._tidy()
                tidied = self._clock()
            try:
                self._client.worker = self._client.worker.model_copy(update={"engines": self._working_engines()})
                answer = await self._client.claim(only)
                if answer.run:
                    self._kept.keep(answer.run)
            except Problem as problem:
                if not known and (once or not isinstance(problem, Retryable)):
                    raise
                delay = await _pause(problem, delay, "no run can be claimed")
                continue
            known, delay = True, 1.0
            if answer.run:
                self._hold(answer.run)
            if once:
                return
            if not answer.run:
                await asyncio.sleep(answer.retry_after_s)

    async def _tidy(self) -> None:
        try:
            await self._fleet.forget_old(KEEP)
        except Problem as problem:
            log.warning("old work trees are not removed: %s: %s", problem.what, problem.why)

    async def _has_room(self) -> None:
        """While a run waits for a credential, others would wait here, too: they are left to other workers."""
        while len(self._held) >= self._slots or any(held.waits_for for held in self._held.values()):
            self._room.clear()
            await self._room.wait()

    def _hold(self, claim: Offered) -> None:
        held = self._held[claim.order.run_id] = Held(claim)
        self._circuits = circuit.probed_by(self._circuits, claim.order.work_item_id, claim.order.engine)
        task = asyncio.create_task(self._keep(held), name=f"hold {claim.order.run_id}")
        self._holding.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """A fault of ours ends the worker, so that it is seen: the next start adopts what lives."""
        self._holding.discard(task)
        if not task.cancelled() and (fault := task.exception()) and not self._fault.done():
            self._fault.set_exception(fault)

    async def _keep(self, held: Held) -> None:
        """Heartbeats, from the confirmation of the offer until the end is told."""
        delay = 1.0
        while not held.over.is_set():
            try:
                answer = await self._beat(held)
                await self._obey(held, answer)
            except RunLost as lost:
                if not held.over.is_set():  # else its end was told while we asked
                    await self._let_go(held, lost.why)
                return
            except ConnectionLost:
                pass  # it was said, and is tried again after a heartbeat
            except Problem as problem:
                delay = await _pause(problem, delay, held.order.name)
                continue
            delay = 1.0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(held.over.wait(), answer.heartbeat_s)

    async def _beat(self, held: Held) -> HeartbeatAnswer:
        run_id, asked = held.order.run_id, self._clock()
        known = await self._fleet.look(run_id)
        tail = await self._fleet.tail(run_id)
        report = (known or _starting(held.order)).model_copy(update={"lost": held.waits_for, "host": self._host})
        answer = await self._client.heartbeat(run_id, held.claim.epoch, report, tail)
        held.fence = asked + answer.lease_s * TRUSTED
        self._fleet.fence(run_id, held.fence)
        return answer

    async def _obey(self, held: Held, answer: HeartbeatAnswer) -> None:
        """Begin what is confirmed, stop what is to be stopped; a run that a predecessor began is begun but once."""
        held.stopping = answer.stop
        if answer.stop and await self._fleet.look(held.order.run_id) is None:
            await self.finished(_ended(held.order, RunStatus.STOPPED, "it was stopped before it began"))
        elif answer.stop:
            await self._fleet.stop(held.order.run_id)
        elif not held.begun:
            await self._begin(held)
            held.begun = True

    async def _begin(self, held: Held) -> None:
        order = held.order
        try:
            if held.claim.elsewhere and await self._fleet.look(order.run_id) is None:
                await self._fleet.forget(order.work_item_id)
            await self._fleet.start(order)
            self._note_accepted(held)
            _say(held, f"{order.title[:60]!r} in {order.repository}, {order.engine}")
        except ConnectionLost as problem:
            if not self._waits_too_long(held, problem):
                raise
            await self.finished(_ended(order, RunStatus.FAILED, problem.why, lost=problem.provider))
        except EngineUnavailable as problem:
            await self.finished(unstarted(order, problem))
        except Terminal as problem:
            await self.finished(_ended(order, RunStatus.FAILED, f"{problem.what}: {problem.why}"))

    def _working_engines(self) -> tuple[str, ...]:
        """Without those that cannot work here; when its clock has passed, such an engine gets one run."""
        now, at_work = datetime.now(UTC), {held.order.engine for held in self._held.values()}
        open_circuits = self._circuits.circuits.values()
        paused = {one.engine for one in open_circuits if now < one.retry_at or one.engine in at_work}
        return tuple(engine for engine in self._engines if engine not in paused)

    def _note_engine(self, held: Held, report: RunReport) -> None:
        """By how a run ended here: runs of an engine that cannot work are left to other workers."""
        now, item, engine = datetime.now(UTC), held.order.work_item_id, held.order.engine
        before = self._circuits.circuits.get(engine)
        if report.status is RunStatus.LIMITED:
            fault = Circuit(
                engine=engine, fault=report.fault, why=report.why, fix=report.fix, since=now,
                retry_at=report.retry_at or now,
            )  # fmt: skip
            self._circuits = circuit.opened(self._circuits, item, fault, now)
            if before is None:
                log.error("%s cannot work here: %s. Fix: %s", engine, report.why, report.fix or circuit.FIX)
        elif report.status not in (RunStatus.LOST, RunStatus.STOPPED):
            self._circuits = circuit.closed(self._circuits, item, engine, "")
            if before and engine not in self._circuits.circuits:
                log.warning("%s works here again", engine)

    async def _published(self, held: Held, report: RunReport) -> tuple[RunReport, str]:
        if report.status is not RunStatus.SUCCEEDED:
            return report, ""
        if self._clock() > held.fence:
            why = "the factory was not heard, and may have given the run to another worker"
            raise Retryable(f"{report.run_id} cannot be pushed yet", why=why, fix="factory worker --help")
        if held.waits_for and held.stopping:
            return report.model_copy(update={"status": RunStatus.STOPPED, "why": "it was stopped before its push"}), ""
        try:
            head = await self._fleet.publish(report.run_id)
            self._note_accepted(held)
            return report, head
        except ConnectionLost as problem:
            if not self._waits_too_long(held, problem):
                raise
            lost = {"status": RunStatus.FAILED, "why": problem.why, "lost": problem.provider}
            return report.model_copy(update=lost), ""
        except Terminal as problem:
            return report.model_copy(update={"status": RunStatus.FAILED, "why": f"{problem.what}: {problem.why}"}), ""

    def _waits_too_long(self, held: Held, problem: ConnectionLost) -> bool:
        """That it waits is said once; the factory is told with each heartbeat."""
        if not held.waits_for:
            log.error("%s waits: %s: %s", held.order.name, problem.what, problem.why)
            held.waits_since = self._clock()
        held.waits_for = problem.provider
        return self._clock() - held.waits_since > self._patience

    def _note_accepted(self, held: Held) -> None:
        held.waits_for = ""
        self._room.set()

    async def _let_go(self, held: Held, why: str) -> None:
        _say(held, "is not ours any more", why)
        held.lost = True
        with contextlib.suppress(Retryable):  # its fence ends it, too
            known = await self._fleet.look(held.order.run_id)
            if known is not None and known.status not in ENDED:
                await self._fleet.stop(held.order.run_id)
        self._drop(held)

    def _drop(self, held: Held) -> None:
        self._kept.drop(held.order.run_id)
        self._held.pop(held.order.run_id, None)
        held.over.set()
        self._room.set()

    async def _drain(self) -> None:
        """Agents live on under their supervisors; a last heartbeat gives the next start the most time to find them."""
        for task in self._holding:
            task.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            last = (self._beat(held) for held in self._held.values() if held.fence)
            await asyncio.wait_for(asyncio.gather(*last, return_exceptions=True), 5.0)
        await self._fleet.close()


async def _pause(problem: Problem, delay: float, about: str) -> float:
    """Say it, wait (not in step with the other workers), and give the next delay."""
    log.warning("%s: %s: %s", about, problem.what, problem.why)
    await asyncio.sleep(getattr(problem, "after", None) or delay * random.uniform(0.5, 1.0))  # noqa: S311
    return min(delay * 2, LONGEST_DELAY)


def _say(held: Held, what: str, why: str = "") -> None:
    about = {"action": "run", "item": held.order.name}
    log.info("%s %s%s", held.order.name, what, f" ({why})" if why else "", extra=about)


def _starting(order: RunOrder) -> RunReport:
    return RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STARTING)


def _ended(order: RunOrder, status: RunStatus, why: str, lost: str = "") -> RunReport:
    return RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=status, why=why, lost=lost)
