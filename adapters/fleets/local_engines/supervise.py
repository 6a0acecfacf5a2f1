"""The supervisor of one run: `python -m adapters.fleets.local_engines.supervise RUN_DIRECTORY`, an Errand on stdin.

It is a process of its own that no death of the server touches. The run's lock comes open from the server, so there is
no moment at which the run is nobody's. Secrets come by standard input: its own environment holds none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import adapters
from factory_core.errors import Retryable
from factory_core.payload import parse_as
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from . import workspace
from .commands import Shell, way_out
from .engine import Ending, Seen, ended_by, short
from .engines import ENGINES
from .errand import Errand
from .faults import GIT, SYSTEM, Cause, Machine, cause_of
from .git import GitFailed, Headers, credential_file
from .processes import adopt_orphans, keep_private
from .question import question_in
from .rounds import Rounds
from .run_files import RunFiles, directory_name
from .wall import Bubblewrap, Reach
from .watchdog import Ended, Watchdog

log = logging.getLogger(__name__)

_WRITE_FOR = timedelta(minutes=10)
"""How long a result that cannot be written is tried again: nobody else knows what the run came to."""


def spawn(run: RunFiles, held: int, errand: Errand, clone_url: str, credential: Headers) -> None:
    """Start the supervisor, which takes the open lock over; it detaches itself, so that nobody must wait for it."""
    try:
        with run.log.open("ab") as output, credential_file(credential, clone_url) as secret:
            given = errand.model_copy(update={"credential": secret})
            subprocess.run(  # noqa: S603
                [sys.executable, "-m", "adapters.fleets.local_engines.supervise", str(run.path)],
                input=given.model_dump_json().encode(), stdout=output, stderr=output, check=True, timeout=60,
                cwd=Path(adapters.__file__).parents[1], env=dict(errand.git_environment),
                pass_fds=(held,) if secret < 0 else (held, secret), start_new_session=True,
            )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        why = f"{type(error).__name__}, see {run.log}"
        raise Retryable("The supervisor of a run did not start", why=why, fix="factory status") from None
    finally:
        os.close(held)


def main() -> None:
    keep_private()  # an agent of the same user could read the errand in our memory
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run = RunFiles(Path(sys.argv[1]))
    errand = parse_as(Errand, sys.stdin.buffer.read())
    order = run.order()
    if order is None:
        raise SystemExit(f"{run.path} holds no order")
    watchdog = Watchdog(run, order, ENGINES[errand.engine], _before(run, order), errand.idle_after)
    if os.fork():  # the server waits for this process only: nobody must reap the supervisor
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGTERM, lambda *_: watchdog.stop())
    adopt_orphans()
    report = _supervised(run, order, errand, watchdog)
    _until_written(run, lambda: run.save_seen(watchdog.seen))
    _until_written(run, lambda: run.save_result(report))


def _supervised(run: RunFiles, order: RunOrder, errand: Errand, watchdog: Watchdog) -> RunReport:
    """The report, whatever happens: a fault of the supervisor itself is a reason, too."""
    try:
        return supervise(run, order, errand, watchdog)
    except Exception as error:
        log.exception("the supervisor failed")
        why = f"the supervisor failed: {type(error).__name__}: {short(str(error), 300)}"
        return _report(order, watchdog.report, watchdog.seen, Ending(RunStatus.FAILED, why), [])


def _until_written(run: RunFiles, write: Callable[[], None]) -> None:
    """While the disk is full or read-only, the run's lock stays held, so that nobody takes the run for lost."""
    end = time.monotonic() + _WRITE_FOR.total_seconds()
    while True:
        try:
            return write()
        except OSError as error:
            log.warning("what the run came to cannot be written: %s", error)
            if time.monotonic() > end or not run.path.is_dir():
                return None
            time.sleep(2.0)


def supervise(run: RunFiles, order: RunOrder, errand: Errand, watchdog: Watchdog) -> RunReport:
    """The whole run, from the work tree to the report."""
    engine = ENGINES[errand.engine].at(errand.program)
    space = workspace.Workspace(
        errand.home,
        order,
        errand.git_environment,
        watchdog.tick,
        errand.credential,
        errand.checkout,
        errand.enclosure.wall,
    )
    lost, machine, said, outer = "", Machine.now(), list[str](), errand.enclosure
    try:
        out = way_out(outer.wall, outer.network, watchdog, secrets.token_urlsafe(16))
        with space.alone(space.tree), _home(run, errand) as home, out as network:
            own = Reach(home=home) if isinstance(outer.wall, Bubblewrap) else Reach()
            reach = space.engine_reach.plus(outer.reach).plus(own).plus(network)
            shell = Shell(space, watchdog, errand, home)
            ending = Rounds(run, order, errand, engine, watchdog, space, shell, reach, said).play()
    except Ended as ended:
        ending = ended.ending
    except GitFailed as error:
        ending = _failed(f"git: {error}"[:500], None if error.unauthorised else cause_of(GIT, str(error)))
        lost = errand.vendor if error.unauthorised else ""
    except OSError as error:
        log.exception("a file of the run cannot be used")
        why = f"{error.filename or run.path}: {error.strerror or error}"[:500]
        ending = _failed(why, cause_of(SYSTEM, why))
    if ending.status is RunStatus.FAILED and not lost:
        ending = _failed(ending.why, machine.cause(errand.home))
    report = _report(order, watchdog.report, watchdog.finish(), ending, said)
    began = bool(order.task) and not lost and not (ending.fault and report.usage.output_tokens == 0)
    return report.model_copy(update={"lost": lost} | ({} if began else {"session": order.resume}))


def _failed(why: str, cause: Cause | None) -> Ending:
    return ended_by(cause, why) if cause else Ending(RunStatus.FAILED, why)


@contextlib.contextmanager
def _home(run: RunFiles, errand: Errand) -> Iterator[Path]:
    """What the run's commands see as their home behind the wall: their caches, until its end."""
    for path in errand.enclosure.reach.own_paths if isinstance(errand.enclosure.wall, Bubblewrap) else ():
        if not path.suffix:  # an engine that is used for the first time makes its directory, and is to find it again
            with contextlib.suppress(OSError):
                path.mkdir(mode=0o700)
    home = run.path / "home"
    home.mkdir(exist_ok=True, mode=0o700)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _report(order: RunOrder, last: RunReport, seen: Seen, ending: Ending, said: Sequence[str]) -> RunReport:
    """`said` are the agent's last words of each round, of which the newest may be in `seen` alone."""
    now = datetime.now(UTC)
    summary = "\n\n".join(dict.fromkeys(filter(None, (*said, seen.words))))
    words = question_in(seen.words) if ending.status is RunStatus.ASKED else summary
    return RunReport(
        **{
            **dict(last),
            "status": ending.status, "why": ending.why, "retry_at": ending.retry_at, "words": words,
            "fault": ending.fault or ("machine" if ending.status is RunStatus.LOST else ""), "fix": ending.fix,
            "ended_at": now, "alive_at": now, "session": seen.session,
            "usage": seen.usage.within(order.max_usd),
        }
    )  # fmt: skip


def _before(run: RunFiles, order: RunOrder) -> Seen:
    """Nothing is seen yet, except what the session had used when it is gone on with."""
    if not order.resume or not order.previous_run:
        return Seen()
    total = RunFiles(run.path.with_name(directory_name(order.previous_run))).seen().total
    return Seen(total=total)


if __name__ == "__main__":
    main()
