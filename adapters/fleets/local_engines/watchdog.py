"""Watches a run: folds the engine's output, keeps the heartbeat, and decides when the engine must end.

Bytes are not progress: an event of the stream is, and processor time of a tool that runs. The closing line ends the
run, not the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from factory_core.errors import Retryable
from factory_core.runs.run import HeldChanges, RunOrder, RunReport, RunStatus, Usage
from factory_core.runs.run_checks import CheckResult

from .boot_clock import boot_clock
from .engine import Ending, Engine, Seen, ended_by, factory_line, short
from .faults import OVERLOAD, Cause
from .output import MOST_LINE, Lines, NewestBytes
from .processes import processor_time
from .run_files import RunFiles

log = logging.getLogger(__name__)

AFTER_CLOSING = 10.0  # seconds that an engine's process has to end by itself after its closing line
HEARTBEAT = 5.0  # seconds; a change is written after one
_CHANGE = 1.0
_LONGEST_STEP = 10.0  # seconds between two looks; what is more was sleep
_AT_WORK = 0.01  # of one processor: what a tool's processes use at least while they work

Clock = Callable[[], float]


class Ended(Exception):
    """The run must end now, with this status and for this reason."""

    def __init__(self, status: RunStatus, why: str, cause: Cause | None = None) -> None:
        super().__init__(why)
        self.ending = ended_by(cause, why) if cause else Ending(status, why)


class AwakeClock:
    """Seconds that this process was awake, as often as it looks.

    A machine that sleeps, or a container that is frozen, adds one step at most, whatever its clocks do meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._last = clock, clock()
        self._seconds = 0.0

    def look(self) -> float:
        now = self._clock()
        step, self._last = now - self._last, now
        if step > _LONGEST_STEP:
            log.info("the machine was asleep for %s", _words(timedelta(seconds=round(step))))
        self._seconds += min(max(step, 0.0), _LONGEST_STEP)
        return self._seconds


class Watchdog:
    """Two times: the heartbeat says that the supervisor lives, progress says that the engine does something."""

    def __init__(
        self,
        run: RunFiles,
        order: RunOrder,
        engine: Engine,
        seen: Seen,
        idle_after: timedelta,
        *,
        clock: Clock = boot_clock,
        processor_time: Clock = processor_time,
    ) -> None:
        """`processor_time`: seconds that all processes of the run have used so far."""
        self._run, self._order, self._engine, self._idle_after = run, order, engine, idle_after
        self._awake, self._processor_time = AwakeClock(clock), processor_time
        self.seen = seen
        self._kept = NewestBytes(run.output)
        self._lines = Lines()
        self._now = self._moved = self._beat = 0.0  # by the awake clock
        self._closed: float | None = None  # when the closing line came
        self._patient = False  # no engine is at work
        self._stopped = self._unread = False
        self._looked = 0.0  # at the tools' processor time
        self._worked = (0.0, 0.0)  # when it was last found to grow, and how much it was
        self._noted = ""
        now = datetime.now(UTC)
        self.report = RunReport(
            run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STARTING, started_at=now,
            progress_at=now, progress="preparing the work tree",
        )  # fmt: skip
        self._save()

    def engine_started(self) -> None:
        """From now on silence counts. A second call of the engine in the same run begins here, too."""
        self._lines, self._closed, self._patient = Lines(), None, False
        self.seen = self.seen.model_copy(update={"result": None, "tools": (), "retrying": "", "error": "", "words": ""})
        self._moved = self._now
        self._kept.add(b"")
        self.report = self.report.model_copy(update={"status": RunStatus.RUNNING})
        self._save()

    def command_started(self, doing: str) -> None:
        """A command of the factory's own runs, which has its own time limit: only the run's time counts meanwhile."""
        self._closed, self._patient = None, True
        self.seen = self.seen.model_copy(update={"progress": doing, "tools": ()})
        self._kept.add(f"{factory_line(doing)}\n".encode())
        self._progress()
        self.report = self.report.model_copy(update={"status": RunStatus.RUNNING})
        self._save()

    def note_checks(self, results: tuple[CheckResult, ...], rounds: int) -> None:
        """The newest round's results; `rounds` lie behind."""
        failed = tuple(result.name for result in results if not result.passed)
        first = failed if rounds == 0 else self.report.first_failed
        update = {"checks": results, "fix_rounds": rounds, "first_failed": first}
        self.report = self.report.model_copy(update=update)

    def note_held(self, held: HeldChanges) -> None:
        self.report = self.report.model_copy(update={"held": held})

    def note_found(self, paths: tuple[str, ...]) -> None:
        """The paths of an answer that are in the tree."""
        self.report = self.report.model_copy(update={"found": paths})

    def stop(self) -> None:
        """From a signal handler: the next look ends the run."""
        self._stopped = True

    def forget_session(self) -> None:
        """The session is gone: what it had used counts for nothing in the next one."""
        self.seen = self.seen.model_copy(update={"session": "", "total": Usage()})

    def feed(self, output: bytes) -> None:
        """Fold what the engine wrote."""
        self._fold(self._lines.feed(output))

    def note(self, words: str) -> None:
        """Show what happened beside the engine's own output, at the next look; any thread may call it."""
        log.info("%s", words)
        self._noted = words

    def finish(self) -> Seen:
        """All that the engine said, once it is gone; also a last line without its end."""
        self._fold(self._lines.rest())
        return self.seen

    @property
    def is_over(self) -> bool:
        """The closing line came so long ago that the process is to be ended."""
        return self._closed is not None and self._now - self._closed > AFTER_CLOSING

    def tick(self) -> None:
        """Look once; raise Ended when the run must end."""
        self._now = self._awake.look()
        noted, self._noted = self._noted, ""
        if noted:
            self.seen = self.seen.model_copy(update={"progress": noted})
        if self.seen.tools:
            self._look_at_tools()
        changed = self.seen.progress and short(self.seen.progress) != self.report.progress
        if self._now - self._beat > (_CHANGE if changed else HEARTBEAT):
            self._save()
        self._check()

    def _check(self) -> None:
        order, usage = self._order, self.seen.usage
        if self._stopped or self._run.stop.exists():
            raise Ended(RunStatus.STOPPED, "it was stopped")
        if not self._run.path.is_dir():
            raise Ended(RunStatus.LOST, "its directory is gone")
        if self._fence_has_passed():
            raise Ended(RunStatus.LOST, "the factory was not heard for so long that the run may be another worker's")
        if self._closed is not None:
            return
        if self._now > order.max_duration.total_seconds():
            raise Ended(RunStatus.CAPPED, f"it ran for {_words(order.max_duration)}, which is the most it may")
        if self._patient:
            return
        if self.report.status is RunStatus.RUNNING and self._now - self._moved > self._idle_after.total_seconds():
            self.finish()  # the line whose end has not come may be the closing one
            if self._closed is not None:
                return
            last = f", last: {short(self.seen.progress)}" if self.seen.progress else ""
            why = f"it made no progress for {_words(self._idle_after)}{last}"
            raise Ended(RunStatus.FAILED, why, OVERLOAD if self.seen.retrying else None)
        if usage.turns > order.max_turns:
            raise Ended(RunStatus.CAPPED, f"it took {order.max_turns} turns, which is the most it may")
        if usage.usd > order.max_usd:
            raise Ended(RunStatus.CAPPED, f"it spent {usage.usd} USD, and may spend {order.max_usd}")

    def _fence_has_passed(self) -> bool:
        try:
            fence = self._run.fence()
        except Retryable:  # too many files are open: the next look is soon
            return False
        return fence is not None and boot_clock() > fence

    def _look_at_tools(self) -> None:
        """A tool whose processes are at work is no silence."""
        if self._now - self._looked < min(1.0, self._idle_after.total_seconds() / 4):
            return
        self._looked = self._now
        used, (since, before) = self._processor_time(), self._worked
        if used - before >= _AT_WORK * (self._now - since):
            self._moved = self._now
        elif used >= before:
            return
        self._worked = self._now, used

    def _fold(self, lines: Iterable[bytes]) -> None:
        left_out, kept = self._lines.left_out, []
        for line in lines:
            before = self.seen
            self.seen = self._read(line)
            kept.append(line)
            if self.seen.events != before.events:
                self._progress()
            if self.seen.tools and not before.tools:
                self._looked, self._worked = self._now, (self._now, self._processor_time())
        if self._lines.left_out != left_out:
            log.warning("left out of the output: a line of more than %s bytes", MOST_LINE)
            kept.append(b'{"type":"factory","left_out":"a line that was too long"}')
        if kept:
            self._kept.add(b"".join(line + b"\n" for line in kept))
        if self.seen.result is not None and self._closed is None:
            self._closed = self._now

    def _read(self, line: bytes) -> Seen:
        """Whatever a line holds, the run goes on."""
        try:
            return self._engine.read(line.decode(errors="replace"), self.seen)
        except Exception:
            if not self._unread:
                log.exception("a line of the output could not be read; further ones are passed over without a word")
            self._unread = True
            return self.seen

    def _progress(self) -> None:
        self._moved = self._now
        self.report = self.report.model_copy(update={"progress_at": datetime.now(UTC)})

    def _save(self) -> None:
        """A disk that is full costs the heartbeat, not the run."""
        self._beat = self._now
        self.report = self.report.model_copy(
            update={
                "alive_at": datetime.now(UTC), "awake_for": timedelta(seconds=round(self._now)),
                "session": self.seen.session, "usage": self.seen.usage.within(self._order.max_usd),
                "progress": short(self.seen.progress) or self.report.progress,
            }
        )  # fmt: skip
        try:
            self._run.save_progress(self.report)
        except OSError as error:
            log.warning("the progress of the run is not saved: %s", error.strerror)


def _words(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
