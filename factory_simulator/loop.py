"""An event loop on simulated time: one thread, no I/O. Chance decides who goes on; time moves when nobody can."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any


class SimulatedLoop(asyncio.AbstractEventLoop):
    """`time()` is in seconds since the schedule began. The same chance gives the same order of everything."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance.random
        self._now = 0.0
        self._ready: list[asyncio.Handle] = []
        self._later: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self.steps = 0
        self.halted = False

    def time(self) -> float:
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Something took that long; what fell due meanwhile comes next."""
        self._now += seconds

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._later, (when, self._count, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self)

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that died with its process has nobody to tell."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run until `main` has ended or somebody sets `halted`; what it raises comes out."""
        events._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done() and not self.halted:
                self._step()
            if task.done():
                task.result()
        finally:
            events._set_running_loop(None)

    def close(self) -> None:
        """End every task that still waits, without a warning."""
        events._set_running_loop(self)
        try:
            for task in asyncio.all_tasks(self):
                task.cancel()
            while self._ready:
                handle = self._ready.pop()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(None)

    def _step(self) -> None:
        while self._later and (self._later[0][0] <= self._now or not self._ready):
            when, _, timer = heapq.heappop(self._later)
            if not timer.cancelled():
                self._now = max(self._now, when)
                self._ready.append(timer)
        if not self._ready:
            raise RuntimeError("everybody waits for ever")
        ready, n = self._ready, int(self._chance() * len(self._ready))
        ready[n], ready[-1] = ready[-1], ready[n]
        handle = ready.pop()
        if not handle.cancelled():
            self.steps += 1
            handle._run()
