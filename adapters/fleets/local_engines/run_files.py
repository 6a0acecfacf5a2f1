"""The directory of one run: what the fleet and the supervisor know of it, one writer for each file.

order.json (fleet) → progress.json (supervisor, while it lives) → result.json (supervisor; the fleet only for a run
whose supervisor is dead) → reported (fleet). `lock` is held by the living supervisor: the kernel lets it go when the
process dies, whatever way, so no process id is ever trusted. `fence` (fleet) is for runs under a lease: the supervisor
ends the run when boot_clock() passes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from factory_core.dispatch.run import RunOrder, RunReport
from factory_core.intake.payload import parse_as, to_json

from .engine import Seen

Shape = TypeVar("Shape", bound=BaseModel)


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
    def task(self) -> Path:
        return self.path / "task.md"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def reported(self) -> Path:
        return self.path / "reported"

    def order(self) -> RunOrder | None:
        return _read(RunOrder, self.path / "order.json")

    def progress(self) -> RunReport | None:
        return _read(RunReport, self.path / "progress.json")

    def result(self) -> RunReport | None:
        return _read(RunReport, self.path / "result.json")

    def seen(self) -> Seen:
        return _read(Seen, self.path / "seen.json") or Seen()

    def save_order(self, order: RunOrder) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.task.write_text(order.task, encoding="utf-8")
        _write(order, self.path / "order.json")

    def save_progress(self, report: RunReport) -> None:
        _write(report, self.path / "progress.json", lasting=False)

    def save_result(self, report: RunReport) -> None:
        _write(report, self.path / "result.json")

    def save_seen(self, seen: Seen) -> None:
        _write(seen, self.path / "seen.json")

    def fence(self) -> float | None:
        """When the run must have ended, by boot_clock(); None: whenever it likes."""
        try:
            return float((self.path / "fence").read_text())
        except FileNotFoundError:
            return None

    def save_fence(self, at: float) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path / "fence.new"
        draft.write_text(repr(at))
        draft.replace(self.path / "fence")

    def lock(self) -> int | None:
        """The descriptor that holds the run's lock, None while a supervisor holds it. Closing it lets go."""
        return lock(self.path / "lock")


def directory_name(name: str) -> str:
    """A file name for any text: readable, never a path, and different for different texts."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return readable if readable == name else f"{readable or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def lock(path: Path) -> int | None:
    """Take the file's lock without waiting: its descriptor, or None when somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _read(shape: type[Shape], path: Path) -> Shape | None:
    try:
        return parse_as(shape, path.read_bytes())
    except FileNotFoundError:
        return None


def _write(value: BaseModel, path: Path, *, lasting: bool = True) -> None:
    """All of the file or nothing of it, whenever the machine stops."""
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(to_json(value))
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)
