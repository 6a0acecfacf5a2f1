"""Which vendors refuse our credential: noted once for the tenant, so that every process sees it, and logged once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..dispatch.batch import Batch, LostConnection
from ..errors import ConnectionLost, Problem, VersionConflict
from ..ports import Clock, StateStore
from .gaps import Gaps

logger = logging.getLogger("factory.connections")
LASTS = timedelta(minutes=15)  # without being seen again: then nobody knows, and nobody is alarmed
CONFIRM = timedelta(minutes=5)

Lost = Mapping[str, LostConnection]


class Connections:
    """Never raises: while the store is away the effects wait all the same, and only the page does not say why."""

    def __init__(self, store: StateStore, config: FactoryConfig, clock: Clock, gaps: Gaps) -> None:
        self._store, self._config, self._clock, self._gaps = store, config, clock, gaps
        self._noted: dict[str, tuple[bool, datetime]] = {}  # by this process: is it lost, and when was that stored

    async def lost(self, provider: str, why: str, since: datetime | None = None) -> None:
        """The vendor refused the credential, or said that it ended. Costs a write now and then, not one a call.

        `since`: when what noticed it began to wait for it; then it was said before.
        """
        now = self._clock()
        if self._is_noted(provider, True, now):
            return

        def change(batch: Batch) -> Lost:
            known = lost_connections(batch, self._config, now).get(provider)
            if known and abs(now - known.seen_at) < CONFIRM:
                return batch.lost
            began = min(since or now, known.since if known else now)
            return {**batch.lost, provider: LostConnection(since=began, seen_at=now, why=why[:300])}

        before = await self._changed(provider, change)
        if before and provider not in lost_connections(before, self._config, now) and since is None:
            problem = ConnectionLost(provider, why)
            said = f"{problem.what}: {why}. What needs it waits, and goes on by itself. Fix: {problem.fix}"
            logger.error(said, extra={"action": "connection_lost", "provider": provider})

    async def works(self, provider: str) -> None:
        """A call went well that a lost connection had stopped before."""
        if self._is_noted(provider, False, self._clock()):
            return
        before = await self._changed(
            provider, lambda batch: {name: one for name, one in batch.lost.items() if name != provider}
        )
        if before and provider in before.lost:
            said = f"{provider}: authorised again; it was not since {before.lost[provider].since:%Y-%m-%d %H:%M:%S} UTC"
            logger.warning(said, extra={"action": "connection_back", "provider": provider})
            await self._gaps.note_outage(provider, before.lost[provider].since)

    def _is_noted(self, provider: str, lost: bool, now: datetime) -> bool:
        """By this process and lately; if not, it counts as noted from now on."""
        known = self._noted.get(provider)
        if known and known[0] is lost and abs(now - known[1]) < CONFIRM:
            return True
        self._noted[provider] = (lost, now)
        return False

    async def _changed(self, provider: str, change: Callable[[Batch], Lost]) -> Batch | None:
        """The batch as it was before the change; None when that could not be stored."""
        try:
            while True:
                batch = await self._store.get_batch()
                changed = change(batch)
                try:
                    if changed != batch.lost:
                        await self._store.put_batch(batch.model_copy(update={"lost": changed}))
                except VersionConflict:
                    continue
                return batch
        except Problem as problem:
            self._noted.pop(provider, None)
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "connections", "provider": provider})
            return None


def lost_connections(batch: Batch, config: FactoryConfig, now: datetime) -> Lost:
    """Those that count now: seen lately, by an effect or by the search for missed events."""
    lasts = max(LASTS, 2 * config.sweep.every)
    return {name: one for name, one in batch.lost.items() if abs(now - one.seen_at) < lasts}
