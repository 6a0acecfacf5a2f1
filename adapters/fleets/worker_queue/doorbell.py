"""Wakes the claims that are held open here when a run is put in line. Who misses it looks again by itself, soon."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Doorbell:
    """For one process and one loop. After hang_up() nobody waits any more."""

    def __init__(self) -> None:
        self._rung, self._open = asyncio.Event(), True

    async def ring(self, run_id: str) -> None:
        self._rung.set()
        if self._open:
            self._rung = asyncio.Event()

    def hang_up(self) -> None:
        self._open = False
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
