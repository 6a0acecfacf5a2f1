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
from functools import partial
from typing import Any

from factory_core.dispatch import circuit
from factory_core.dispatch.batch import Batch, Circuit
from factory_core.errors import ConnectionLost, EngineUnavailable, Problem, Retryable, Terminal
from factory_core.runs.queued_run import RunLost
from factory_core.runs.run import ENDED, RunOrder, RunReport, RunStatus, unstarted

from ...clockwork import Clockwork
from ..local_engines.boot_clock import boot_clock
from ..local_engines.fleet import LocalFleet
from .claim_store import ClaimStore
from .client import FactoryClient
from .protocol import HeartbeatAnswer, Offered

log = logging.getLogger("factory.worker")
TRUSTED = 2 / 3  # of a lease
KEEP = timedelta(days=14)  # work trees of items that nobody came back to; a later run begins from the branch
TIDY_EVERY = 3600.0  # seconds
LONGEST_DELAY = 30.0  # seconds between two tries to reach the factory
NO_ROOM = 30.0  # seconds that one round of the claims waits for room
ONE_RUN_WAITS = (
    600.0  # seconds for a credential, where a machine was started for one run: the next one is given a new one
)


class Backoff:
    """How long to wait after each problem in a row, not in step with the other workers."""

    def __init__(self) -> None:
        self._delay = 1.0

    def after(self, problem: Problem, about: str) -> timedelta:
        """Log the problem too."""
        log.warning("%s: %s: %s", about, problem.what, problem.why)
        wait = getattr(problem, "after", None) or self._delay * random.uniform(0.5, 1.0)  # noqa: S311
        self._delay = min(self._delay * 2, LONGEST_DELAY)
        return timedelta(seconds=wait)

    def reset(self) -> None:
        self._delay = 1.0


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
    over: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def order(self) -> RunOrder:
        return self.claim.order

    @property
    def loop(self) -> str:
        return f"heartbeat of {self.order.run_id}"


class QueueWorker:
    """`fleet` is this worker's alone, and its `finished` becomes ours."""

    def __init__(
        self,
        client: FactoryClient,
        fleet: LocalFleet,
        kept: ClaimStore,
        slots: int,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._client, self._fleet, self._kept, self._slots, self._clock = client, fleet, kept, slots, clock
        self._patience = float("inf")  # seconds that a run may wait for a credential here
        self._engines, self._circuits = client.worker.engines, Batch()  # of the engines that cannot work here
        self._host = kept.worker_id
        self._held: dict[str, Held] = {}
        self._room = asyncio.Event()
        self._asking, self._tidies, self._backoff = asyncio.Lock(), False, Backoff()
        self._known = self._once = False  # did the factory answer? Is there one claim only?
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.clockwork = Clockwork(lambda: datetime.now(UTC))
        fleet.finished = self.finished

    async def run(self, *, once: bool = False, only: str = "") -> None:
        """Work until cancelled; `once`: until one claim was answered and every run that is held has ended; `only`: this
        run is claimed and no other.

        The first contact may raise what only a person can fix (NeedsPerson, Refused); later, every problem is
        transient. A fault of ours ends the loop that met it, which begins again; with `once` it is raised, for nobody
        looks after a machine that was started for one run.
        """
        self._once = once
        if once:  # a machine that was started for one run: the next one has another
            self._patience, self._host = ONE_RUN_WAITS, ""
        for claim in self._kept.claims():
            self._hold(claim)
        await self._fleet.adopt()
        if once:
            work: asyncio.Task[Any] = asyncio.create_task(self._one_run(only))
        else:
            work = asyncio.create_task(asyncio.Event().wait())
            self.clockwork.start("tidy", self._tidy, every=TIDY_EVERY, within=1800)
            self.clockwork.start("claims", self._take, every=0, within=120)
            self.clockwork.start("runs", self._fleet.adopt, every=60, within=60)
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

    async def _one_run(self, only: str) -> None:
        await self._tidy()
        while not self._has_room():
            await self._next_room()
        await self._claim(only)
        while self._held:
            await self._next_room()

    async def _take(self) -> timedelta:
        """One round of the claims."""
        if not self._has_room():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._next_room(), NO_ROOM)
            return timedelta(0)
        try:
            async with self._asking:
                wait = await self._claim()
        except Problem as problem:
            if self._known or isinstance(problem, Retryable):
                return self._backoff.after(problem, "no run can be claimed")
            self._raise(problem)
            return timedelta(hours=1)
        self._backoff.reset()
        return wait

    async def _claim(self, only: str = "") -> timedelta:
        """When to ask for the next one. Raises Problem."""
        self._client.worker = self._client.worker.model_copy(update={"engines": self._working_engines()})
        answer = await self._client.claim(only)
        self._known = True
        if answer.run:
            self._kept.keep(answer.run)
            self._hold(answer.run)
        return timedelta(seconds=0 if answer.run else answer.retry_after_s)

    async def _tidy(self) -> None:
        """While no run is claimed: it could be of an item that is being forgotten."""
        self._tidies = True
        try:
            async with self._asking:
                await self._fleet.forget_old(KEEP)
        except Problem as problem:
            log.warning("old work trees are not removed: %s: %s", problem.what, problem.why)
        finally:
            self._tidies = False
            self._room.set()

    def _has_room(self) -> bool:
        """While a run waits for a credential, others would wait here, too: they are left to other workers."""
        waits = any(held.waits_for for held in self._held.values())
        return len(self._held) < self._slots and not waits and not self._tidies

    async def _next_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    def _hold(self, claim: Offered) -> None:
        held = self._held[claim.order.run_id] = Held(claim)
        self._circuits = circuit.probed_by(self._circuits, claim.order.work_item_id, claim.order.engine)
        self.clockwork.start(held.loop, partial(self._keep, held), every=0, within=600)

    def _raise(self, fault: Exception) -> None:
        """From run()."""
        if not self._fault.done():
            self._fault.set_exception(fault)

    async def _keep(self, held: Held) -> timedelta:
        """One heartbeat, from the confirmation of the offer until the end is reported; when the next one is due."""
        try:
            answer = await self._beat(held)
            with contextlib.suppress(ConnectionLost):  # it was logged, and is tried again after a heartbeat
                await self._obey(held, answer)
        except RunLost as lost:
            if not held.over:  # else its end was reported while we asked
                await self._let_go(held, lost.why)
            return timedelta(0)
        except Problem as problem:
            return held.backoff.after(problem, held.order.name)
        except Exception as fault:
            if self._once:
                self._raise(fault)
            raise
        held.backoff.reset()
        return timedelta(seconds=answer.heartbeat_s)

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
        held.over = True
        self.clockwork.stop(held.loop)
        self._room.set()

    async def _drain(self) -> None:
        """Agents live on under their supervisors; a last heartbeat gives the next start the most time to find them."""
        await self.clockwork.close()
        with contextlib.suppress(TimeoutError):
            last = (self._beat(held) for held in self._held.values() if held.fence)
            await asyncio.wait_for(asyncio.gather(*last, return_exceptions=True), 5.0)
        await self._fleet.close()


def _say(held: Held, what: str, why: str = "") -> None:
    about = {"action": "run", "item": held.order.name}
    log.info("%s %s%s", held.order.name, what, f" ({why})" if why else "", extra=about)


def _starting(order: RunOrder) -> RunReport:
    return RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STARTING)


def _ended(order: RunOrder, status: RunStatus, why: str, lost: str = "") -> RunReport:
    return RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=status, why=why, lost=lost)
