"""Seconds since this machine started: one clock for all its processes, that nobody sets and that sleep does not stop.

Linux stops CLOCK_MONOTONIC while the machine sleeps and has CLOCK_BOOTTIME for this (clock_gettime(2)); macOS's
CLOCK_MONOTONIC goes on.
"""

from __future__ import annotations

import time


def boot_clock() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
