"""Group commit, by hand: what one tick of the event loop brings shares a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .ledger import Ledger

Step = Callable[[], object]


class OneCommitATick:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[Step] = []

    async def keep(self, step: Step) -> None:
        """Return when it is on the disk."""
        self._waiting.append(step)
        await asyncio.sleep(0)
        if any(step is waiting for waiting in self._waiting):  # the first to go on commits for all
            group, self._waiting = self._waiting, []
            with self._ledger:
                for each in group:
                    each()
