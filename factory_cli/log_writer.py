"""Lines go to standard error from a thread of their own: a reader that hangs, or is gone, holds nothing up."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO

MOST_WAITING = 1000  # lines that wait for a reader; what comes while there are so many is dropped, and counted
LOOK = 1.0  # seconds between two looks at what else is to be written
HANGS = 10.0  # seconds that a write may take before the reader counts as hanging


class LineWriter:
    """Writes lines to a stream. put() neither waits nor raises.

    `dropped` counts the lines that nobody can read; the next one that can be written is preceded by what `lost` makes
    of their number. `more` gives what has become due by itself, and is asked about once a second.
    """

    def __init__(
        self, stream: TextIO, *, more: Callable[[], Iterable[str]] = tuple, lost: Callable[[int], str] = str
    ) -> None:
        self._stream, self._more, self._lost = stream, more, lost
        self._lines = queue.Queue[str](MOST_WAITING)
        self._refused = self._unwritten = self._reported = 0
        self._torn = False  # the last line has no end
        self._fails = False  # the last line could not be written
        self._writes_since: float | None = None
        threading.Thread(target=self._run, name="log", daemon=True).start()

    @property
    def dropped(self) -> int:
        return self._refused + self._unwritten

    @property
    def hangs(self) -> bool:
        """Has the reader taken nothing for a while, or is it gone?"""
        since = self._writes_since
        return self._fails or (since is not None and time.monotonic() - since > HANGS)

    def put(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._refused += 1

    def drain(self, patience: float) -> None:
        """Wait until what was put is written, for so many seconds at most."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, patience)

    def _run(self) -> None:
        while True:
            try:
                line = self._lines.get(timeout=LOOK)
            except queue.Empty:
                pass
            else:
                self._write(line)
                self._lines.task_done()
            with suppress(Exception):  # what cannot be made a line is lost, and the thread goes on
                for further in self._more():
                    self._write(further)

    def _write(self, line: str) -> None:
        dropped = self.dropped - self._reported
        head = "\n" if self._torn else ""
        text = f"{head}{self._lost(dropped)}\n{line}\n" if dropped else f"{head}{line}\n"
        self._writes_since = time.monotonic()
        try:
            self._write_all(text)
        except Exception:  # the disk is full, the pipe is closed, the terminal is gone …
            self._unwritten += 1
            self._fails = True
        else:
            self._reported += dropped
            self._fails = False
        self._writes_since = None

    def _write_all(self, text: str) -> None:
        try:
            file = self._stream.fileno()
        except (OSError, AttributeError, ValueError):  # no file: a buffer in memory
            self._stream.write(text)
            self._stream.flush()
            return
        rest = text.encode(self._stream.encoding or "utf-8", "replace")
        while rest:
            try:
                rest = rest[os.write(file, rest) :]
            except BlockingIOError:  # a pipe that does not wait: we do
                waiting = select.poll()
                waiting.register(file, select.POLLOUT)
                waiting.poll(LOOK * 1000)
            self._torn = bool(rest)
