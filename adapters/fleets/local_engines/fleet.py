"""LocalFleet: runs agents on this machine, each under a supervisor that lives on when the server does not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType

from adapters.logs.redaction import Redactor
from factory_core.config import Disk
from factory_core.errors import ConnectionLost, EngineUnavailable, Problem, Retryable, Terminal
from factory_core.ports import Clock, DiskState, WallState
from factory_core.runs.run import RunOrder, RunReport, RunStatus
from factory_core.text.addresses import credential_in

from ...stores.durable_files import cannot_write
from . import workspace
from .code_host import SignIn, Unwatched
from .disk import DiskBudget, ended_at
from .enclosure import Enclosures, command_of
from .engine import Engine, Seen, factory_progress
from .engines import ENGINES
from .environment import check_names, for_engine, for_git, write_settings
from .errand import Errand
from .git import GitFailed, Headers, credential_file, git
from .output import newest_bytes
from .processes import MARK, end_marked
from .proxy import proxy_of
from .publish import publish
from .run_files import RunFiles, directory_name
from .supervise import spawn
from .wall import AnyWall
from .wall_probe import Policy
from .watchdog import HEARTBEAT

log = logging.getLogger(__name__)

Credentials = Callable[[str], Headers] | SignIn
"""Clone address → the headers for the git calls that speak with that host (see git.http_credential)."""
STALE = timedelta(seconds=6 * HEARTBEAT)
_NO_SECRETS = Redactor()
_DEFAULT_DISK = Disk()
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
        wall: Policy = "required",
        checkouts: Mapping[str, Path] = MappingProxyType({}),
        secrets: Redactor = _NO_SECRETS,
        disk: Disk = _DEFAULT_DISK,
    ) -> None:
        """Raise ConfigProblem when `pass_environment` names a secret. `environment` is usually os.environ.

        `checkouts`: repository → the git directory of an existing checkout, whose objects are not fetched again.
        `secrets`: knows what this process knows, none of which is pushed.
        A push is ended after `push_within`, which must be over before whoever asked for it stops waiting.
        """
        passed = tuple(pass_environment)
        check_names(passed)
        self.finished: Callable[[RunReport], Awaitable[None]] = _nobody
        # Has this item ended? Its files go first. None: nobody knows, and what was not published stays.
        self.is_over: Callable[[str], Awaitable[bool | None]] = _not_known
        # (item, run) → does its record know the run? One that it does not is stopped: the store was put back.
        self.is_known: Callable[[str, str], Awaitable[bool]] = _known
        self._home, self._clock, self._engines = home.resolve(), clock, engines
        self._code_host = Unwatched(credentials) if callable(credentials) else credentials
        self._refused = False  # the credential, when git spoke with the code host last
        self._engine_environment = for_engine(environment, passed)
        self._around, self._settings = environment, self._home / "gitconfig"
        self._git_environment = for_git(environment, self._settings, passed)
        self._enclosures = Enclosures(wall, self._engine_environment, proxy_of(environment), (self._home,))
        self._idle_after, self._grace, self._push_within, self._poll = idle_after, grace, push_within, poll
        self._checkouts, self._secrets = checkouts, secrets
        self._disk = DiskBudget(self._home, disk)
        self._followed: dict[str, asyncio.Task[None]] = {}
        self._closed = threading.Event()

    async def start(self, order: RunOrder) -> RunReport:
        """Raises Terminal for an engine that does not exist, and for a password in the address; EngineUnavailable where
        this machine cannot start it; ConnectionLost while the code host is known to refuse the credential, for a run
        would fail over that."""
        run = self._run(order.run_id)
        try:
            await self._start(run, order)
        except (ConnectionLost, EngineUnavailable):
            raise
        except Retryable as problem:
            with contextlib.suppress(OSError):  # should its supervisor come up after all, it ends at once
                run.create()
                run.stop.touch()
            raise EngineUnavailable(problem.what, why=problem.why, fix=problem.fix) from None
        self._follow(run, order.run_id)
        return await self.look(order.run_id) or _starting(order.run_id, order.work_item_id)

    async def _start(self, run: RunFiles, order: RunOrder) -> None:
        if not run.begun:
            await self._refuse_without_room()
            errand = await asyncio.to_thread(self._errand, order)
            await asyncio.to_thread(self._write_settings)

            async def begin(credential: Headers) -> None:
                await self._reach(order, credential)
                await _begin(run, order, errand, credential)

            await self._code_host.signed_in(order.clone_url, begin)

    async def look(self, run_id: str) -> RunReport | None:
        """Raises Retryable when this machine cannot read its files right now."""
        run = self._run(run_id)
        order, begun = run.order(), run.progress()
        if order is None and begun is None and not run.begun:
            return None
        known = begun or _starting(run_id, order.work_item_id if order else "")
        return run.result() or await self._lost(run, known) or await self._heartbeat(run) or known

    async def _heartbeat(self, run: RunFiles) -> RunReport | None:
        """The newest one. An old one of a run that lives: this machine slept, and the next is written at once."""
        report = run.progress()
        if report and report.alive_at and self._clock() - report.alive_at > STALE:
            await asyncio.sleep(1.5)
            report = run.progress() or report
        return report

    def fence(self, run_id: str, at: float) -> None:
        """The run ends by itself when boot_clock() passes `at`, whether or not this process lives. Move it to renew.

        Raises Retryable when it cannot be written.
        """
        with cannot_write(self._home):
            self._run(run_id).save_fence(at)

    async def stop(self, run_id: str) -> None:
        """Returns when it has ended; raises Retryable when that takes much longer than the grace."""
        run = self._run(run_id)
        if run.result():
            return
        with cannot_write(self._home):
            run.create()
            run.stop.touch()  # also for a run that is unknown yet: its start may be under way, and will find this
        if run.order() is None and not run.begun:
            return
        for _ in range(int((self._grace.total_seconds() + 10) / 0.05)):
            report = await self.look(run_id)
            if report is None or report.ended_at or not run.begun:
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

        async def push(credential: Headers) -> str:
            with credential_file(credential, order.clone_url) as secret:
                space = self._workspace(order, self._push_within, secret)
                vendor = self._code_host.vendor(order.clone_url)
                return await asyncio.to_thread(publish, space, vendor, self._secrets)

        return await self._code_host.signed_in(order.clone_url, push)

    async def disk(self) -> DiskState:
        return await asyncio.to_thread(self._disk.state)

    async def adopt(self) -> None:
        """Call when the server starts, and now and then: every run that was not reported is followed again, and one
        that nobody knows any more is stopped."""
        measuring = asyncio.create_task(self._measure(), name="measure the disk")
        self._followed[measuring.get_name()] = measuring
        measuring.add_done_callback(lambda task: self._followed.pop(task.get_name(), None))
        for run in self._runs():
            try:
                if run.begun and not run.reported and (run_id := run.run_id()):
                    self._follow(run, run_id)
                    if run.result() is None and not await self.is_known(run.work_item_id(), run_id):
                        log.warning("%s is stopped: the store does not know it", run_id, extra={"run": run_id})
                        await self.stop(run_id)
            except Retryable as problem:
                log.warning("a run is not followed: %s: %s", problem.what, problem.why)

    async def close(self) -> None:
        """Stop following, and end the git calls of this process, for which its end would wait; the runs live on, and
        the next server adopts them."""
        self._closed.set()
        tasks = tuple(self._followed.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        run = self._run(run_id)
        order = run.order()
        if order is None:
            return ()
        engine = self._engine(order)
        said: list[str] = []
        for line in newest_bytes(run.output, 256_000).split(b"\n"):
            read = line.decode(errors="replace")
            progress = factory_progress(read) or engine.read(read, Seen()).progress
            if progress and said[-1:] != [progress]:
                said.append(progress)
        return tuple(said[-lines:])

    async def forget(self, work_item_id: str) -> None:
        """Remove the item's work tree and all that was kept of its runs. Call it when its record is deleted, too."""
        runs = [run for run in self._runs() if run.work_item_id() == work_item_id]
        for run in runs:
            report = await self.look(run.run_id())
            if report and not report.ended_at:
                raise Retryable(f"{work_item_id} still has a run", why=f"it is {report.status}", fix="factory status")
        spaces = {run.path: self._workspace(order) for run in runs if (order := run.order())}
        for run in runs:
            if space := spaces.get(run.path):
                try:
                    await asyncio.to_thread(workspace.remove, space)
                except OSError as error:
                    what = f"The work tree of {space.order.name} cannot be removed"
                    raise Retryable(what, why=str(error), fix="In your shell: remove it by hand") from None
            shutil.rmtree(run.path, ignore_errors=True)
        shutil.rmtree(self._memory(work_item_id), ignore_errors=True)
        if runs:
            await self._collect_garbage(*spaces.values())
            await self._measure()

    async def forget_old(self, age: timedelta) -> None:
        """Forget items whose runs have all ended, and been reported, so long ago: where nobody tells that an item has
        ended. A run of which nothing can be read is removed when its directory is that old."""
        before, fresh, old = self._clock() - age, set[str](), set[str]()
        for run in self._runs():
            report, item = run.result(), run.work_item_id()
            ended_at = report.ended_at if report and report.ended_at else run.changed_at()
            if not item and ended_at < before:
                shutil.rmtree(run.path, ignore_errors=True)
            (old if run.reported and ended_at < before else fresh).add(item)
        for item in old - fresh - {""}:
            await self.forget(item)

    def _run(self, run_id: str) -> RunFiles:
        return RunFiles(self._home / "runs" / directory_name(run_id))

    def _runs(self) -> list[RunFiles]:
        return [RunFiles(path) for path in sorted((self._home / "runs").glob("*")) if path.is_dir()]

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
        if held := credential_in(order.clone_url):
            raise Terminal(
                f"The address of {order.repository} holds {held}",
                why="it would stand in process lists, in orders and in what git says",
                fix=f"In factory.config.yaml: take it out of repositories.{order.repository}.cloneUrl",
            )
        memory = self._memory(order.work_item_id)
        space = self._workspace(order)
        own = {
            MARK: self._mark(order.run_id),
            "GIT_CEILING_DIRECTORIES": str(space.tree.parent),
            "GIT_CONFIG_GLOBAL": str(space.agents_settings),
        }
        environment = {**self._engine_environment, **engine.environment(), **own}
        sandbox = self._enclosures.sandbox(engine, order, environment)
        command = command_of(engine, order, memory, sandbox)
        program = command[0]
        is_known = type(engine) is type(ENGINES.get(engine.name))
        enclosure = self._enclosures.of(engine, program, order, environment)
        shell_environment = {**self._engine_environment, **own}
        return Errand(
            home=self._home,
            checkout=self._checkouts.get(order.repository),
            engine=engine.name,
            program=program,
            command=() if is_known else tuple(command),
            memory=memory,
            sandbox=sandbox,
            environment=environment,
            enclosure=enclosure,
            shell_environment=shell_environment,
            shell=self._enclosures.of_shell(order, enclosure.wall, shell_environment),
            git_environment=self._git_environment,
            vendor=self._code_host.vendor(order.clone_url),
            idle_after=order.idle_after or self._idle_after,
            grace=self._grace,
        )

    async def wall(self, engines: Sequence[str]) -> WallState | None:
        """What a start of one of these engines would meet now."""
        return await asyncio.to_thread(
            self._enclosures.state, [self._engines[name] for name in engines if name in self._engines]
        )

    def _mark(self, run_id: str) -> str:
        """Tells this run's processes from all others on this machine, those of another factory as well."""
        return f"{self._home}:{run_id}"

    def _workspace(
        self, order: RunOrder, patience: timedelta = timedelta(minutes=5), credential: int = -1
    ) -> workspace.Workspace:
        tick = self._deadline(patience.total_seconds())
        return workspace.Workspace(self._home, order, self._git_environment, tick, credential)

    def _deadline(self, seconds: float) -> Callable[[], None]:
        """A tick that gives up after so long, and when this fleet is closed."""
        end = time.monotonic() + seconds

        def tick() -> None:
            if self._closed.is_set():
                raise GitFailed("the factory is being stopped")
            if time.monotonic() > end:
                raise GitFailed("it took too long")

        return tick

    def _write_settings(self) -> None:
        with cannot_write(self._home):
            write_settings(self._settings, self._around)

    async def _reach(self, order: RunOrder, credential: Headers) -> None:
        """Raise ConnectionLost if the code host refuses the credential, where there is reason to ask first."""
        vendor = self._code_host.vendor(order.clone_url)
        if not vendor or not (self._refused or self._code_host.in_doubt):
            return
        with cannot_write(self._home):
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        asked = partial(git, self._home, "ls-remote", "--quiet", "--", order.clone_url, "HEAD")
        around = {**self._git_environment, "GIT_DIR": os.devnull}  # no repository: none above is looked for
        try:
            with credential_file(credential, order.clone_url) as secret:
                await asyncio.to_thread(asked, environment=around, tick=self._deadline(REACH), credential=secret)
        except GitFailed as error:
            if error.unauthorised:
                raise ConnectionLost(vendor, str(error)[-300:]) from None
        self._refused = False

    async def _lost(self, run: RunFiles, known: RunReport) -> RunReport | None:
        """The report of a run whose supervisor is dead; None while it lives.

        A run that never began is lost only in words: starting it again begins it.
        """
        with cannot_write(self._home):
            held = run.lock()
        if held is None:
            return None
        try:
            if done := run.result():  # written between the first look and the lock
                return done
            lost = known.model_copy(
                update={
                    "status": RunStatus.LOST,
                    "ended_at": self._clock(),
                    "why": "its supervisor is gone",
                    "fault": "machine" if run.begun else "",
                }
            )
            if run.begun:
                await asyncio.to_thread(end_marked, self._mark(known.run_id))
                with cannot_write(self._home):
                    run.save_result(lost)
            return lost
        finally:
            os.close(held)

    def _follow(self, run: RunFiles, run_id: str) -> None:
        if run_id not in self._followed and not run.reported:
            task = asyncio.create_task(self._until_reported(run, run_id), name=f"follow {run_id}")
            self._followed[run_id] = task
            task.add_done_callback(partial(self._unfollowed, run_id))

    def _unfollowed(self, run_id: str, task: asyncio.Task[None]) -> None:
        """The next look at the run finds its end; why nobody waits for that any more is kept in the log."""
        self._followed.pop(run_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error(
                "the end of a run is waited for no more: %s: %s", type(error).__name__, error,
                extra={"action": "report", "run": run_id}, exc_info=error,
            )  # fmt: skip

    async def _until_reported(self, run: RunFiles, run_id: str) -> None:
        """Whatever fails on the way is logged once for each reason, and tried again: nobody else tells the end."""
        delay, said, report = 1.0, "", None
        while not run.reported:
            try:
                report = report or await self._ended(run_id)
                self._refused = self._refused or bool(report.lost)
                await self.finished(report)
                with cannot_write(self._home):
                    run.save_reported()
            except Problem as problem:
                if said != problem.why:
                    log.warning(
                        "the end of a run could not be reported: %s: %s", problem.what, problem.why,
                        extra={"action": "report", "run": run_id},
                    )  # fmt: skip
                said = problem.why
            except Exception as error:
                if said != str(error):
                    log.exception("the end of a run could not be reported", extra={"action": "report", "run": run_id})
                said = str(error)
            else:
                await self._measure(run)
                return
            await asyncio.sleep(delay)
            delay = min(delay * 2, 60.0)

    async def _measure(self, *ended: RunFiles) -> None:
        """Note what these runs have left, and remove what is too much. That it cannot be done costs no run."""
        changed = [run.path for run in ended]
        try:
            for order in filter(None, (run.order() for run in ended)):
                space = self._workspace(order)
                changed += [space.tree, space.aside, space.mirror, self._memory(order.work_item_id)]
                await self._collect_garbage(space)
            with cannot_write(self._home):
                if (await asyncio.to_thread(self._disk.measured, *changed)).fix:
                    await self._make_room()
        except Problem as problem:
            log.warning("the disk is not measured: %s: %s", problem.what, problem.why)

    async def _collect_garbage(self, *spaces: workspace.Workspace) -> None:
        """In the mirrors of these; what cannot be done now is done when a later run has ended.

        An item has more than one clone, where a run has only answered.
        """
        for space in {space.mirror: space for space in spaces if space.garbage.exists()}.values():
            try:
                clones = {one.tree: one for one in self._spaces()}.values()
                others = [dataclasses.replace(one, wall=self._wall(one.order)) for one in clones]
                await asyncio.to_thread(workspace.collect_garbage, space, others)
            except (GitFailed, OSError, Problem) as error:
                log.warning("what forgotten tickets left in %s stays for now: %s", space.mirror.name, error)

    def _wall(self, order: RunOrder) -> AnyWall:
        return self._enclosures.wall(self._engine(order))

    def _newest(self) -> dict[str, workspace.Workspace]:
        """Of the newest run of each item."""
        return {space.order.work_item_id: space for space in self._spaces()}

    def _spaces(self) -> list[workspace.Workspace]:
        """Of all runs, the newest at the end."""
        return [self._workspace(order) for run in sorted(self._runs(), key=ended_at) if (order := run.order())]

    async def _make_room(self) -> DiskState:
        """Raises Retryable."""
        newest = self._newest()
        known = {item: await self.is_over(item) for item in newest}
        over = [item for item, ended in known.items() if ended]
        unknown = [item for item, ended in known.items() if ended is None]
        with cannot_write(self._home):
            return await asyncio.to_thread(self._disk.make_room, over, unknown, newest)

    async def _refuse_without_room(self) -> None:
        """Raise EngineUnavailable where another run would pass the disk budget, even without what may be removed."""
        if (await self.disk()).fix and (state := await self._make_room()).fix:
            raise EngineUnavailable("There is no room for another run", why=state.note, fix=state.fix)

    async def _ended(self, run_id: str) -> RunReport:
        while (report := await self.look(run_id)) is None or report.ended_at is None:  # noqa: ASYNC110 - files, not events
            await asyncio.sleep(self._poll)
        return report


async def _begin(run: RunFiles, order: RunOrder, errand: Errand, credential: Headers) -> None:
    """Begin the run, unless the same start was faster."""
    if run.begun:
        return
    with cannot_write(run.path):
        if run.order() is None:
            run.save_order(order)
        held = run.lock()
    if held is not None:
        await asyncio.to_thread(spawn, run, held, errand, order.clone_url, credential)


async def _known(work_item_id: str, run_id: str) -> bool:
    return True


async def _not_known(work_item_id: str) -> bool | None:
    return False


async def _nobody(report: RunReport) -> None:
    raise Terminal(f"Nobody hears that {report.run_id} ended", why="finished is not set", fix="factory serve")


def _starting(run_id: str, work_item_id: str) -> RunReport:
    return RunReport(run_id=run_id, work_item_id=work_item_id, status=RunStatus.STARTING)
