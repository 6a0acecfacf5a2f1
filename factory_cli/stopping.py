"""The signals of a command that serves: SIGINT and SIGTERM end it, a second one at once; SIGHUP asks it to reload."""

from __future__ import annotations

import asyncio
import os
import signal

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 0}


class Signals:
    """`stopped` gives the exit code, `reload` is set by SIGHUP; make one inside the loop that runs to the end.

    A SIGHUP that comes because the terminal was closed ends the command as SIGTERM does. Under nohup it stays ignored.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[int] = self._loop.create_future()
        self.reload = asyncio.Event()
        self._has_terminal = _has_terminal()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._stop, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _stop(self, number: signal.Signals) -> None:
        for other in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(other)
            signal.signal(other, signal.SIG_DFL)
        if not self.stopped.done():
            self.stopped.set_result(EXIT_CODES[number])

    def _hang_up(self) -> None:
        if self._has_terminal and not _has_terminal():
            self._stop(signal.SIGHUP)
        else:
            self.reload.set()


def _has_terminal() -> bool:
    """Has this process a controlling terminal?"""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
