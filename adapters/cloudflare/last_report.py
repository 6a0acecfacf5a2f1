"""What a tenant's status page showed last, in KV: for when its object does not answer. It may be stale, and says so.

https://developers.cloudflare.com/kv/concepts/how-kv-works/
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pyodide.ffi import JsException, to_js

from factory_core.payload import parse_as
from factory_core.status import StatusReport

logger = logging.getLogger("factory.cloudflare")
KEPT_FOR = 86_400  # seconds: it names tickets, and those that are forgotten must leave it although nobody looks
KEEP_EVERY = timedelta(minutes=1)  # KV takes one write a second to a key, and each is paid for


class LastReport:
    """`namespace` is the KV binding. Nothing here fails: a page without it is a page without old numbers."""

    def __init__(self, namespace: Any, tenant: str) -> None:
        self._namespace, self._tenant = namespace, tenant
        self._kept_at: datetime | None = None

    async def keep(self, report: StatusReport) -> None:
        """Called with each report that is shown."""
        from js import Object  # no proxy of the runtime may be in the memory that a deployment saves

        if self._kept_at is not None and report.data_at - self._kept_at < KEEP_EVERY:
            return
        self._kept_at = report.data_at
        try:
            kept = report.model_dump_json(by_alias=False)  # the names of status.json are for reading only
            await self._namespace.put(
                self._tenant, kept, to_js({"expirationTtl": KEPT_FOR}, dict_converter=Object.fromEntries)
            )
        except JsException as error:
            self._note("keep_report", error)

    async def read(self) -> StatusReport | None:
        """None when there is none, or none that this release can read."""
        try:
            kept = await self._namespace.get(self._tenant)
            return parse_as(StatusReport, kept) if isinstance(kept, str) else None
        except (JsException, ValidationError) as error:
            self._note("read_report", error)
            return None

    def _note(self, action: str, error: Exception) -> None:
        logger.warning("KV: %s", type(error).__name__, extra={"action": action, "tenant": self._tenant})
