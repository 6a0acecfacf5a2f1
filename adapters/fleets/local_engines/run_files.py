"""The directory of one run: what the fleet and the supervisor know of it, one writer for each file.

order.json (fleet) → progress.json (supervisor, while it lives) → result.json (supervisor; the fleet only for a run
whose supervisor is dead) → reported (fleet). `lock` is held by the living supervisor: the kernel lets it go when the
process dies, whatever way, so no process id is ever trusted. `fence` (fleet) is for runs under a lease: the supervisor
ends the run when boot_clock() passes it.

Reading raises Retryable when the machine cannot read right now; a damaged file is put aside and counts as absent.
Writing raises OSError.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from factory_core.runs.run import RunOrder, RunReport

from ...stores.durable_files import DAMAGED, put_aside, read_model, read_whole, sync_directory, write_model, write_whole
from .engine import Seen


@dataclass(frozen=True)
class RunFiles:
    path: Path

    @property
    def output(self) -> Path:
        return self.path / "output.jsonl"

    @property
    def errors(self) -> Path:
        return self.path / "stderr.txt"

    @property
    def log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def reported(self) -> bool:
        return (self.path / "reported").exists()

    @property
    def begun(self) -> bool:
        """A supervisor was started, and wrote here; also when what it wrote is damaged."""
        names = ("progress.json", "result.json")
        return any((self.path / (name + end)).exists() for name in names for end in ("", DAMAGED))

    def order(self) -> RunOrder | None:
        return read_model(self.path / "order.json", RunOrder)

    def progress(self) -> RunReport | None:
        return read_model(self.path / "progress.json", RunReport)

    def result(self) -> RunReport | None:
        return read_model(self.path / "result.json", RunReport)

    def seen(self) -> Seen:
        return read_model(self.path / "seen.json", Seen) or Seen()

    def run_id(self) -> str:
        """By whichever file can be read; empty when none can."""
        known = self.order() or self.progress() or self.result()
        return known.run_id if known else ""

    def work_item_id(self) -> str:
        known = self.order() or self.progress() or self.result()
        return known.work_item_id if known else ""

    def changed_at(self) -> datetime:
        """When a file came or went last."""
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except OSError:
            return datetime.fromtimestamp(0, UTC)

    def remove_outputs(self) -> bool:
        """Remove what the engine and the supervisor wrote for people to read; False when there is nothing of it."""
        there = [path for path in (self.output, self.errors, self.log) if path.exists()]
        for path in there:
            with contextlib.suppress(OSError):
                path.unlink()
        return any(not path.exists() for path in there)

    def create(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_directory(self.path.parent)

    def save_order(self, order: RunOrder) -> None:
        self.create()
        write_model(self.path / "order.json", order)

    def save_progress(self, report: RunReport) -> None:
        write_model(self.path / "progress.json", report)

    def save_result(self, report: RunReport) -> None:
        write_model(self.path / "result.json", report)

    def save_seen(self, seen: Seen) -> None:
        write_model(self.path / "seen.json", seen)

    def save_reported(self) -> None:
        write_whole(self.path / "reported", "")

    def fence(self) -> float | None:
        """When the run must have ended, by boot_clock(); None: whenever it likes.

        A damaged one has passed: the run may be another worker's.
        """
        path = self.path / "fence"
        there = path.exists() or path.with_name(path.name + DAMAGED).exists()
        at = read_whole(path, _moment)
        return 0.0 if at is None and there else at

    def save_fence(self, at: float) -> None:
        self.create()
        write_whole(self.path / "fence", repr(at))

    def lock(self) -> int | None:
        """The descriptor that holds the run's lock, None while a supervisor holds it. Closing it lets go."""
        return lock(self.path / "lock")


def directory_name(name: str) -> str:
    """A file name for any text: readable, never a path, and different for different texts."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return readable if readable == name else f"{readable or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def lock(path: Path) -> int | None:
    """Take the file's lock without waiting: its descriptor, or None when somebody else holds it."""
    if path.is_dir():
        put_aside(path, "a directory")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _moment(content: bytes) -> float:
    at = float(content)
    if not math.isfinite(at):
        raise ValueError("not a moment")
    return at
