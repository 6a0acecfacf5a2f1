"""The supervisor's one eye on a run: folds the output, keeps the heartbeat, and says when it must end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from factory_core.dispatch.run import RunOrder, RunReport, RunStatus

from .boot_clock import boot_clock
from .engine import Engine, Seen, short
from .run_files import RunFiles

_HEARTBEAT = 1.0  # seconds


class Ended(Exception):
    """The run must end now, with this status and for this reason."""

    def __init__(self, status: RunStatus, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Watchdog:
    """Two clocks: the heartbeat says that the supervisor lives, progress says that the engine does something."""

    def __init__(self, run: RunFiles, order: RunOrder, engine: Engine, seen: Seen, idle_after: timedelta) -> None:
        self._run, self._order, self._engine, self._idle_after = run, order, engine, idle_after
        self.seen = seen
        self._read = 0  # bytes of output that are folded
        self._errors = 0
        self._began = self._moved = time.monotonic()
        self._beat = 0.0
        now = datetime.now(UTC)
        self.report = RunReport(
            run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STARTING, started_at=now,
            progress_at=now, progress="preparing the work tree",
        )  # fmt: skip
        self._save()

    def running(self) -> None:
        """The engine is started: from now on its silence counts."""
        self._moved = time.monotonic()
        self.report = self.report.model_copy(update={"status": RunStatus.RUNNING})
        self._save()

    def tick(self) -> None:
        """Look once; raise Ended when the run must end."""
        self._fold()
        if time.monotonic() - self._beat > _HEARTBEAT:
            self._save()
        self._check()

    def finish(self) -> Seen:
        """All that the engine said, once it is gone; also a last line without its end."""
        self._fold(last=True)
        return self.seen

    def _check(self) -> None:
        order, usage, now = self._order, self.seen.usage, time.monotonic()
        if self._run.stop.exists():
            raise Ended(RunStatus.STOPPED, "it was stopped")
        if (fence := self._run.fence()) is not None and boot_clock() > fence:
            raise Ended(RunStatus.LOST, "the factory was not heard for so long that the run may be another worker's")
        if now - self._began > order.max_duration.total_seconds():
            raise Ended(RunStatus.CAPPED, f"it ran for {_words(order.max_duration)}, which is the most it may")
        if self.report.status is RunStatus.RUNNING and now - self._moved > self._idle_after.total_seconds():
            raise Ended(RunStatus.FAILED, f"it said nothing for {_words(self._idle_after)}")
        if self.seen.result is not None:
            return
        if usage.turns > order.max_turns:
            raise Ended(RunStatus.CAPPED, f"it took {order.max_turns} turns, which is the most it may")
        if usage.usd > order.max_usd:
            raise Ended(RunStatus.CAPPED, f"it spent {usage.usd} USD, and may spend {order.max_usd}")

    def _fold(self, *, last: bool = False) -> None:
        fresh = _from(self._run.output, self._read)
        whole = len(fresh) if last else fresh.rfind(b"\n") + 1
        self._read += whole
        for line in fresh[:whole].decode(errors="replace").splitlines():
            self.seen = self._engine.read(line, self.seen)
        errors = self._run.errors.stat().st_size if self._run.errors.exists() else 0
        if whole or errors != self._errors:
            self._errors, self._moved = errors, time.monotonic()
            words = self.seen.progress or self.report.progress
            self.report = self.report.model_copy(update={"progress_at": datetime.now(UTC), "progress": short(words)})

    def _save(self) -> None:
        self._beat = time.monotonic()
        now = {"alive_at": datetime.now(UTC), "session": self.seen.session, "usage": self.seen.usage}
        self.report = self.report.model_copy(update=now)
        self._run.save_progress(self.report)


def _from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""


def _words(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
