"""The supervisor of one run: `python -m adapters.fleets.local_engines.supervise RUN_DIRECTORY`, an Errand on stdin.

It is a process of its own that no death of the server touches. The run's lock comes open from the server, so there is
no moment at which the run is nobody's. Secrets come by standard input: its own environment holds none.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ConfigDict, Field

import adapters
from factory_core.dispatch.run import RunOrder, RunReport, RunStatus
from factory_core.errors import Retryable
from factory_core.intake.payload import parse_as
from factory_core.work_item import Frozen

from . import workspace
from .commit_messages import clean_messages
from .engine import QUESTION, Ending, Seen
from .engines import ENGINES
from .git import GitFailed
from .processes import adopt_orphans, end_descendants
from .run_files import RunFiles, directory_name
from .watchdog import Ended, Watchdog


class Errand(Frozen):
    """What the supervisor must know beside the order; never stored, and never in an error's words."""

    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path
    engine: str
    command: tuple[str, ...]
    environment: Mapping[str, str]  # the engine's, all of it
    git_environment: Mapping[str, str]
    credential: Mapping[str, str] = Field(default_factory=dict)  # for git, when it speaks with the code host
    vendor: str = ""  # whose credential that is
    idle_after: timedelta
    grace: timedelta


def spawn(run: RunFiles, held: int, errand: Errand) -> None:
    """Start the supervisor, which takes the open lock over; it detaches itself, so that nobody must wait for it."""
    try:
        with run.log.open("ab") as output:
            subprocess.run(  # noqa: S603
                [sys.executable, "-m", "adapters.fleets.local_engines.supervise", str(run.path)],
                input=errand.model_dump_json().encode(), stdout=output, stderr=output, check=True, timeout=60,
                cwd=Path(adapters.__file__).parents[1], env=dict(errand.git_environment),
                pass_fds=(held,), start_new_session=True,
            )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        why = f"{type(error).__name__}, see {run.log}"
        raise Retryable("The supervisor of a run did not start", why=why, fix="factory status") from None
    finally:
        os.close(held)


def main() -> None:
    run = RunFiles(Path(sys.argv[1]))
    errand = parse_as(Errand, sys.stdin.buffer.read())
    order = run.order()
    if order is None:
        raise SystemExit(f"{run.path} holds no order")
    watchdog = Watchdog(run, order, ENGINES[errand.engine], _before(run, order), errand.idle_after)
    if os.fork():  # the server waits for this process only: nobody must reap the supervisor
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGTERM, lambda *_: run.stop.touch())
    adopt_orphans()
    run.save_result(supervise(run, order, errand, watchdog))


def supervise(run: RunFiles, order: RunOrder, errand: Errand, watchdog: Watchdog) -> RunReport:
    """The whole run, from the work tree to the report."""
    space = workspace.Workspace(errand.home, order, errand.git_environment, errand.credential, watchdog.tick)
    lost = ""
    try:
        with space.alone(space.tree):
            ending = _work(run, order, errand, watchdog, space)
    except Ended as ended:
        ending = Ending(ended.status, ended.why)
    except GitFailed as error:
        ending = Ending(RunStatus.FAILED, f"git: {error}"[:500])
        lost = errand.vendor if error.unauthorised else ""
    seen = watchdog.finish()
    run.save_seen(seen)
    report = _report(watchdog.report, seen, ending)
    return report.model_copy(update={"lost": lost, "session": order.resume}) if lost else report


def _work(run: RunFiles, order: RunOrder, errand: Errand, watchdog: Watchdog, space: workspace.Workspace) -> Ending:
    workspace.prepare(space)
    exit_code = _engine(run, errand, watchdog, space.tree)
    ending = ENGINES[errand.engine].verdict(watchdog.finish(), exit_code, _tail(run.errors), datetime.now(UTC))
    if ending.status is not RunStatus.SUCCEEDED:
        return ending
    clean_messages(space)
    return ending if workspace.conclude(space) else Ending(RunStatus.NO_CHANGE, ending.why)


def _engine(run: RunFiles, errand: Errand, watchdog: Watchdog, tree: Path) -> int:
    """Run the engine to its end, or until the watchdog raises Ended; nothing that it started is alive afterwards."""
    with run.task.open("rb") as task, run.output.open("ab") as output, run.errors.open("ab") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603
                errand.command, cwd=tree, env=dict(errand.environment),
                stdin=task, stdout=output, stderr=errors, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Ended(RunStatus.FAILED, f"{errand.command[0]} cannot be started: {error.strerror}") from error
    try:
        watchdog.running()
        while process.poll() is None:
            watchdog.tick()
            time.sleep(0.05)
        return process.returncode
    finally:
        end_descendants(errand.grace.total_seconds())


def _report(last: RunReport, seen: Seen, ending: Ending) -> RunReport:
    now = datetime.now(UTC)
    words = seen.words
    if ending.status is RunStatus.ASKED:
        words = words.strip().removeprefix(QUESTION).strip()
    return last.model_copy(
        update={
            "status": ending.status, "why": ending.why, "retry_at": ending.retry_at, "words": words,
            "ended_at": now, "alive_at": now, "session": seen.session, "usage": seen.usage,
        }
    )  # fmt: skip


def _before(run: RunFiles, order: RunOrder) -> Seen:
    """Nothing is seen yet, except what the session had used when it is gone on with."""
    if not order.resume or not order.previous_run:
        return Seen()
    total = RunFiles(run.path.with_name(directory_name(order.previous_run))).seen().total
    return Seen(before=total, total=total)


def _tail(path: Path, size: int = 2000) -> str:
    return path.read_bytes()[-size:].decode(errors="replace")


if __name__ == "__main__":
    main()
