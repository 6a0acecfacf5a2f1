"""What PID 1 of a container owes everybody else: it reaps orphans and forwards signals; the command runs in its child.

The kernel makes every orphan a child of PID 1, and ignores a signal for which PID 1 has no handler.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_KEPT = frozenset(  # no program forwards these: faults of its own, and what cannot be blocked
    {
        signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT,
        signal.SIGTRAP, signal.SIGSYS, signal.SIGTTIN, signal.SIGTTOU,
    }
)  # fmt: skip


def continue_in_child() -> None:
    """Return in a child of this process, which stays as its init, and exits as that child does.

    Call it before there are threads.
    """
    forwarded = signal.valid_signals() - _KEPT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    from adapters.fleets.local_engines.processes import keep_private

    keep_private()  # the environment of this process holds what the child's holds
    while True:
        received = signal.sigwaitinfo(forwarded)
        if received.si_signo == signal.SIGCHLD:
            _reap(child)
        elif received.si_code <= 0:  # from a process; a terminal sends its signals to the child, too
            with suppress(ProcessLookupError):
                os.kill(child, received.si_signo)


def _reap(child: int) -> None:
    """Every child that has ended; leave the process when `child` is one of them."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        if not ended:
            return
