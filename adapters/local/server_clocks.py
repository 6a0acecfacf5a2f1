"""Is this machine's clock right? The vendors' responses carry the time; signatures with a time stamp depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from statistics import median

from factory_core.ports import Clock
from factory_core.status import Line

MOST_OFF = timedelta(seconds=30)  # Slack and relayfile count a time stamp of 300 s as an old recording
FIX = "In the system's settings: let the clock set itself"


def clock_offset(headers: Mapping[str, str], clock: Clock) -> timedelta | None:
    """How far this machine is ahead of whoever sent the response; None where that does not say so, or a cache did."""
    if headers.get("age", "0") != "0":
        return None
    try:
        return clock() - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):  # the second: a date without a zone
        return None


def offset_words(offset: timedelta) -> str:
    """Empty when the clock is right."""
    if abs(offset) <= MOST_OFF:
        return ""
    return (
        f"this machine's clock is {abs(offset).total_seconds():.0f} s {'ahead' if offset > timedelta(0) else 'behind'}"
    )


class ServerClocks:
    """What each vendor's newest response says of this machine's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: dict[str, timedelta] = {}

    def note(self, server: str, headers: Mapping[str, str]) -> None:
        if (offset := clock_offset(headers, self._clock)) is not None:
            self._offsets[server] = offset

    @property
    def offset(self) -> timedelta:
        """The median: one vendor whose clock is wrong says nothing of ours."""
        return timedelta(seconds=median([one.total_seconds() for one in self._offsets.values()] or [0]))

    def words(self) -> str:
        return offset_words(self.offset)

    def lines(self) -> list[Line]:
        """A line of the status report when the clock is wrong."""
        return [Line(name="clock", status="down", note=words, fix=FIX)] if (words := self.words()) else []
