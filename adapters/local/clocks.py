"""Three clocks of this machine. Their difference says that it slept, that its clock was put, or that we stood still."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import NamedTuple

from ..assembly import utc_now
from ..fleets.local_engines.boot_clock import boot_clock

NOTED = timedelta(seconds=10)  # GitHub waits as long for the answer to a webhook, the others for less


class Clocks(NamedTuple):
    """One reading: the time of day, the seconds since the start of the machine, and those in which it was awake."""

    wall: datetime
    since_boot: float
    awake: float


def read_clocks() -> Clocks:
    return Clocks(utc_now(), boot_clock(), time.monotonic())


def why_missed(before: Clocks, after: Clocks, planned: timedelta) -> str:
    """Why events may have been lost between two readings that were to be `planned` apart; empty without a reason."""
    wall = after.wall - before.wall
    passed = timedelta(seconds=after.since_boot - before.since_boot)
    awake = timedelta(seconds=after.awake - before.awake)
    if passed - awake > NOTED:
        return f"the machine slept for {_seconds(passed - awake)}"
    if abs(wall - passed) > NOTED:
        return f"the clock was put {'forward' if wall > passed else 'back'} by {_seconds(abs(wall - passed))}"
    return f"the process stood still for {_seconds(passed)}" if passed - planned > NOTED else ""


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
