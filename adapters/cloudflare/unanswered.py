"""Webhooks that got no answer but 5xx, noted by the Worker in KV: the object, which could store it, is what failed.

KV may be a minute behind: then the look that follows comes a minute later.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any

from pyodide.ffi import JsException

from ..assembly import utc_now

logger = logging.getLogger("factory.cloudflare")
AGAIN = 1.0  # seconds; KV takes one write a second to a key


class UnansweredWebhooks:
    """One tenant's. `namespace` is the KV binding. Nothing here fails: the sender is answered all the same."""

    def __init__(self, namespace: Any, tenant: str) -> None:
        self._namespace, self._tenant, self._key = namespace, tenant, f"unanswered:{tenant}"

    async def note(self) -> None:
        """One was not answered just now."""
        try:
            await self._put()
        except JsException:
            await asyncio.sleep(AGAIN)
            try:
                await self._put()
            except JsException as error:
                self._log("note_unanswered", error)

    async def until(self) -> datetime | None:
        """When the newest one was not answered; None without one, or where KV does not say."""
        try:
            noted = await self._namespace.get(self._key)
            return datetime.fromisoformat(noted) if isinstance(noted, str) else None
        except (JsException, ValueError) as error:
            self._log("read_unanswered", error)
            return None

    async def _put(self) -> None:
        await self._namespace.put(self._key, utc_now().isoformat())

    def _log(self, action: str, error: Exception) -> None:
        logger.warning("KV: %s", type(error).__name__, extra={"action": action, "tenant": self._tenant})
