"""Wakes the claims that are held open here when a run is put in line. Who misses it looks again by itself, soon."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class LongPollNotifier:
    """For one process and one loop. After close() nobody waits any more."""

    def __init__(self) -> None:
        self._notified, self._open = asyncio.Event(), True

    async def notify(self, run_id: str) -> None:
        self._notified.set()
        if self._open:
            self._notified = asyncio.Event()

    def close(self) -> None:
        self._open = False
        self._notified.set()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._notified.wait(), seconds)
