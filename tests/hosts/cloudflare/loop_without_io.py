"""asyncio inside Pyodide where JavaScript cannot be waited for: a loop that runs to its end, and has no I/O."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any


class Loop(asyncio.BaseEventLoop):
    """Is its own selector: nothing ever comes in, so it sleeps until the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self

    def select(self, timeout: float | None) -> list[Any]:
        time.sleep(timeout or 0)
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread that would have to wake this one."""


def run(work: Coroutine[Any, Any, Any], **more: Any) -> Any:
    with asyncio.Runner(loop_factory=Loop, **more) as runner:
        return runner.run(work)


def be_the_loop() -> None:
    """For every `asyncio.run`; Pyodide's own loop, which JavaScript runs, lets nobody else run."""
    asyncio.run = run
    asyncio.events._set_running_loop(None)
