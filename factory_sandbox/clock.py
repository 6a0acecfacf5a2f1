"""Time and new ids as the sandbox sees them, so that a test can pass its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_uuid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Clock:
    """`scale` shortens the vendors' own schedules: 0.01 makes a minute 0.6 seconds."""

    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_id: Callable[[], str] = new_uuid
    scale: float = 1.0

    async def wait(self, seconds: float) -> None:
        """Sleep a vendor's delay, scaled."""
        await self.sleep(seconds * self.scale)

    def stamp(self) -> str:
        return iso(self.now())

    def epoch_ms(self) -> int:
        return round(self.now().timestamp() * 1000)


def iso(at: datetime) -> str:
    """`2026-01-04T10:00:00.050Z`, as Linear and relayfile write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_seconds(at: datetime) -> str:
    """`2019-05-15T15:20:33Z`, as GitHub writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
