"""LocalFleet: runs agents on this machine, each under a supervisor that lives on when the server does not."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from factory_core.dispatch.run import RunOrder, RunReport, RunStatus
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal
from factory_core.ports import Clock

from . import workspace
from .code_host import SignIn, Unwatched
from .engine import Engine, Seen
from .engines import ENGINES
from .environment import check_names, for_engine, for_git
from .git import GitFailed, git
from .processes import MARK, end_marked
from .publish import publish
from .run_files import RunFiles, directory_name
from .supervise import Errand, spawn

log = logging.getLogger(__name__)

Credentials = Callable[[str], Mapping[str, str]] | SignIn
"""Clone address → extra environment for the git calls that speak with that host (see git.http_credential)."""
REACH = 20.0  # seconds, for asking the code host whether it accepts the credential


class LocalFleet:
    """Implements ports.Fleet. Set `finished` before `start` or `adopt`: it is awaited once for each run that ended.

    `finished` may raise a Problem, and is then called again later; after a crash of the server between its return and
    the note of it, the same report comes a second time.
    """

    def __init__(
        self,
        home: Path,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        credentials: Credentials = lambda clone_url: {},
        engines: Mapping[str, Engine] = ENGINES,
        pass_environment: Iterable[str] = (),
        idle_after: timedelta = timedelta(minutes=10),
        grace: timedelta = timedelta(seconds=5),
        push_within: timedelta = timedelta(minutes=5),
        poll: float = 0.2,
    ) -> None:
        """Raise ConfigProblem when `pass_environment` names a secret. `environment` is usually os.environ.

        A push is ended after `push_within`, which must be over before whoever asked for it stops waiting.
        """
        passed = tuple(pass_environment)
        check_names(passed)
        self.finished: Callable[[RunReport], Awaitable[None]] = _nobody
        self._home, self._clock, self._engines = home.resolve(), clock, engines
        self._code_host = Unwatched(credentials) if callable(credentials) else credentials
        self._refused = False  # the credential, when git spoke with the code host last
        self._engine_environment = for_engine(environment, passed)
        self._git_environment = for_git(environment)
        self._idle_after, self._grace, self._push_within, self._poll = idle_after, grace, push_within, poll
        self._followed: dict[str, asyncio.Task[None]] = {}

    async def start(self, order: RunOrder) -> RunReport:
        """Raises Terminal for an engine that does not exist or is not installed, and for a password in the address;
        ConnectionLost while the code host is known to refuse the credential, for a run would fail over that."""
        run = self._run(order.run_id)
        if not _is_begun(run):
            errand = self._errand(order)

            async def begin(credential: Mapping[str, str]) -> None:
                await self._reach(order, credential)
                await _begin(run, order, errand.model_copy(update={"credential": credential}))

            await self._code_host.signed_in(order.clone_url, begin)
        self._follow(run, order.run_id)
        return await self.look(order.run_id) or _starting(order)

    async def look(self, run_id: str) -> RunReport | None:
        run = self._run(run_id)
        order = run.order()
        if order is None:
            return None
        return run.result() or await self._lost(run, order) or run.progress() or _starting(order)

    def fence(self, run_id: str, at: float) -> None:
        """The run ends by itself when boot_clock() passes `at`, whether or not this process lives. Move it to renew."""
        self._run(run_id).save_fence(at)

    async def stop(self, run_id: str) -> None:
        """Returns when it has ended; raises Retryable when that takes much longer than the grace."""
        run = self._run(run_id)
        if run.result():
            return
        run.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        run.stop.touch()  # also for a run that is unknown yet: its start may be under way, and will find this
        if run.order() is None:
            return
        for _ in range(int((self._grace.total_seconds() + 10) / 0.05)):
            report = await self.look(run_id)
            if report is None or report.ended_at or not run.progress():
                return
            await asyncio.sleep(0.05)
        raise Retryable(f"The run {run_id} does not stop", why="its processes still live", fix="factory status")

    async def publish(self, run_id: str) -> str:
        """Raises Retryable when the code host does not answer, Terminal with its words when it refuses, ConnectionLost
        when it refuses the credential."""
        run = self._run(run_id)
        order, report = run.order(), run.result()
        if order is None or report is None or report.status is not RunStatus.SUCCEEDED:
            raise Terminal(
                f"The run {run_id} has nothing to publish", why="it did not end with commits", fix="factory status"
            )

        async def push(credential: Mapping[str, str]) -> str:
            space = self._workspace(order, self._push_within, credential)
            return await asyncio.to_thread(publish, space, self._code_host.vendor(order.clone_url))

        return await self._code_host.signed_in(order.clone_url, push)

    async def adopt(self) -> None:
        """Call once when the server starts: every run that was not reported is followed again."""
        for run, order in self._runs():
            if not run.reported.exists() and (run.result() or run.progress()):
                self._follow(run, order.run_id)

    async def close(self) -> None:
        """Stop following; the runs live on, and the next server adopts them."""
        tasks = tuple(self._followed.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        run = self._run(run_id)
        order = run.order()
        if order is None or not run.output.exists():
            return ()
        engine = self._engine(order)
        said: list[str] = []
        for line in _last_bytes(run.output, 256_000).splitlines():
            progress = engine.read(line, Seen()).progress
            if progress and said[-1:] != [progress]:
                said.append(progress)
        return tuple(said[-lines:])

    async def forget(self, work_item_id: str) -> None:
        """Remove the item's work tree and all that was kept of its runs. Call it when its record is deleted, too."""
        runs = [(run, order) for run, order in self._runs() if order.work_item_id == work_item_id]
        for _, order in runs:
            report = await self.look(order.run_id)
            if report and not report.ended_at:
                raise Retryable(f"{work_item_id} still has a run", why=f"it is {report.status}", fix="factory status")
        for run, order in runs:
            await asyncio.to_thread(workspace.remove, self._workspace(order))
            shutil.rmtree(run.path)
        shutil.rmtree(self._memory(work_item_id), ignore_errors=True)

    async def forget_old(self, age: timedelta) -> None:
        """Forget items whose runs have all ended, and been told, so long ago: for who hears of no end of an item."""
        before, fresh, old = self._clock() - age, set[str](), set[str]()
        for run, order in self._runs():
            report = run.result() if run.reported.exists() else None
            (old if report and report.ended_at and report.ended_at < before else fresh).add(order.work_item_id)
        for item in old - fresh:
            await self.forget(item)

    def _run(self, run_id: str) -> RunFiles:
        return RunFiles(self._home / "runs" / directory_name(run_id))

    def _runs(self) -> list[tuple[RunFiles, RunOrder]]:
        runs = map(RunFiles, sorted((self._home / "runs").glob("*")))
        return [(run, order) for run in runs if (order := run.order())]

    def _memory(self, work_item_id: str) -> Path:
        return self._home / "memory" / directory_name(work_item_id)

    def _engine(self, order: RunOrder) -> Engine:
        if order.engine not in self._engines:
            known = ", ".join(self._engines)
            raise Terminal(
                f"No engine {order.engine!r} for {order.name}",
                why=f"the local fleet knows {known}",
                fix=f"In factory.config.yaml: set agents.engine to one of {known}",
            )
        return self._engines[order.engine]

    def _errand(self, order: RunOrder) -> Errand:
        engine = self._engine(order)
        if urlsplit(order.clone_url).password:
            raise Terminal(
                f"The address of {order.repository} holds a password",
                why="it would stand in process lists and in git's configuration",
                fix=f"In factory.config.yaml: take the password out of repositories.{order.repository}.cloneUrl",
            )
        own = {MARK: self._mark(order)}
        return Errand(
            home=self._home,
            engine=engine.name,
            command=tuple(engine.command(order, self._memory(order.work_item_id))),
            environment={**self._engine_environment, **engine.environment(), **own},
            git_environment=self._git_environment,
            vendor=self._code_host.vendor(order.clone_url),
            idle_after=self._idle_after,
            grace=self._grace,
        )

    def _mark(self, order: RunOrder) -> str:
        """Tells this run's processes from all others on this machine, those of another factory as well."""
        return f"{self._home}:{order.run_id}"

    def _workspace(
        self, order: RunOrder, patience: timedelta = timedelta(minutes=5), credential: Mapping[str, str] | None = None
    ) -> workspace.Workspace:
        tick = _deadline(patience.total_seconds())
        return workspace.Workspace(self._home, order, self._git_environment, credential or {}, tick)

    async def _reach(self, order: RunOrder, credential: Mapping[str, str]) -> None:
        """Raise ConnectionLost if the code host refuses the credential, where there is reason to ask first."""
        vendor = self._code_host.vendor(order.clone_url)
        if not vendor or not (self._refused or self._code_host.in_doubt):
            return
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        signed = {**self._git_environment, **credential}
        asked = partial(git, self._home, "ls-remote", "--quiet", "--", order.clone_url, "HEAD", environment=signed)
        try:
            await asyncio.to_thread(asked, tick=_deadline(REACH))
        except GitFailed as error:
            if error.unauthorised:
                raise ConnectionLost(vendor, str(error)[-300:]) from None
        self._refused = False

    async def _lost(self, run: RunFiles, order: RunOrder) -> RunReport | None:
        """The report of a run whose supervisor is dead; None while it lives.

        A run that never began is lost only in words: starting it again begins it.
        """
        held = run.lock()
        if held is None:
            return None
        try:
            if done := run.result():  # written between the first look and the lock
                return done
            begun = run.progress()
            lost = (begun or _starting(order)).model_copy(
                update={"status": RunStatus.LOST, "ended_at": self._clock(), "why": "its supervisor is gone"}
            )
            if begun:
                await asyncio.to_thread(end_marked, self._mark(order))
                run.save_result(lost)
            return lost
        finally:
            os.close(held)

    def _follow(self, run: RunFiles, run_id: str) -> None:
        if run_id not in self._followed and not run.reported.exists():
            task = asyncio.create_task(self._until_reported(run, run_id), name=f"follow {run_id}")
            self._followed[run_id] = task
            task.add_done_callback(lambda _: self._followed.pop(run_id, None))

    async def _until_reported(self, run: RunFiles, run_id: str) -> None:
        while (report := await self.look(run_id)) is None or report.ended_at is None:  # noqa: ASYNC110 - files, not events
            await asyncio.sleep(self._poll)
        self._refused = self._refused or bool(report.lost)
        delay, said = 1.0, ""
        while not run.reported.exists():
            try:
                await self.finished(report)
                run.reported.touch()
            except Problem as problem:
                if not isinstance(problem, ConnectionLost) or said != problem.why:  # that lasts, and is said once
                    log.warning(
                        "the end of a run could not be told: %s: %s", problem.what, problem.why,
                        extra={"action": "report", "run": run_id},
                    )  # fmt: skip
                said = problem.why
                await asyncio.sleep(delay)
                delay = min(delay * 2, 60.0)


def _is_begun(run: RunFiles) -> bool:
    return run.progress() is not None or run.result() is not None


async def _begin(run: RunFiles, order: RunOrder, errand: Errand) -> None:
    """Begin the run, unless the same start was faster."""
    if _is_begun(run):
        return
    if run.order() is None:
        run.save_order(order)
    held = run.lock()
    if held is not None:
        await asyncio.to_thread(spawn, run, held, errand)


async def _nobody(report: RunReport) -> None:
    raise Terminal(f"Nobody hears that {report.run_id} ended", why="finished is not set", fix="factory serve")


def _starting(order: RunOrder) -> RunReport:
    return RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STARTING)


def _deadline(seconds: float) -> Callable[[], None]:
    """A tick that gives up after so long."""
    end = time.monotonic() + seconds

    def tick() -> None:
        if time.monotonic() > end:
            raise GitFailed("it took too long")

    return tick


def _last_bytes(path: Path, size: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")
