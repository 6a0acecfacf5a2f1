"""What systemd is told of the server: ready, reloading, stopping, and alive as long as its loops go round.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger("factory.local")


class ServiceManager:
    """Nothing is sent where no service manager asked for it, in NOTIFY_SOCKET and WATCHDOG_USEC."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds, asked = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        is_ours = microseconds.isdigit() and asked in ("", str(os.getpid()))
        self._every = int(microseconds) / 2_000_000 if is_ours else 0.0

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    async def watch(self, is_alive: Callable[[], bool]) -> None:
        """Say for ever that the server is alive, while it is."""
        while self._every:
            if is_alive():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self._every)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.setblocking(False)
                sending.connect(self._address)
                sending.send(state.encode())
        except OSError as error:
            logger.warning("the service manager was not told %s: %s", state.partition("\n")[0], error.strerror)
