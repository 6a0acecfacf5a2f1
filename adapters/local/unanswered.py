"""Requests that the port did not answer: some may have been webhooks, and not every sender repeats those."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ..assembly import utc_now

GATHERED = 1.0  # seconds: what is closed for one reason is noted for others as well
APART = 600.0  # seconds between two gaps: anybody who reaches the port may cause one, and each costs calls to vendors


class UnansweredRequests:
    """Of one tenant. A gap follows within a second, and then at most one in ten minutes, so that none is left out.

    What a server that ends had still to note is part of the gap that its next start notes.
    """

    def __init__(self, note_gap: Callable[[str, datetime], None]) -> None:
        self._note_gap = note_gap
        self._since: datetime | None = None
        self._next = 0.0

    def note(self, why: str) -> None:
        """From the event loop."""
        if self._since is None:
            self._since = utc_now()
            loop = asyncio.get_running_loop()
            loop.call_at(
                max(self._next, loop.time() + GATHERED), self._note, f"requests got no answer: {why}", self._since
            )

    def _note(self, cause: str, since: datetime) -> None:
        self._since, self._next = None, asyncio.get_running_loop().time() + APART
        self._note_gap(cause, since)
