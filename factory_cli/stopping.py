"""How a command that serves is ended: ^C, or the signal by which a machine asks a program to end."""

from __future__ import annotations

import asyncio
import signal


def stop_signals() -> asyncio.Future[int]:
    """The exit code: 130 after ^C, 0 when asked to end. A second signal of the same kind ends the process at once."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        if not stopped.done():
            stopped.set_result(130 if number is signal.SIGINT else 0)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return stopped
