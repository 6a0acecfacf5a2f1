"""Reading a process's pipes without ever waiting for their end: a process in the background may hold them open."""

from __future__ import annotations

import contextlib
import os
import selectors
from collections.abc import Callable, Mapping
from typing import IO

LOOK_EVERY = 0.05  # seconds, while a process is waited for
_CHUNK = 65_536
_MOST_AT_ONCE = 64  # chunks of one read: who holds a pipe may write for ever


class Pipes:
    """`takers`: what is done with the bytes of each pipe. Use as a context; leaving closes the pipes."""

    def __init__(self, takers: Mapping[IO[bytes], Callable[[bytes], None]]) -> None:
        self._pipes = tuple(takers)
        self._selector = selectors.DefaultSelector()
        for pipe, take in takers.items():
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, take)

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()

    def read(self, patience: float) -> None:
        """Pass on what is there; wait at most `patience` seconds for the first of it, also when all are closed."""
        for _ in range(_MOST_AT_ONCE):
            ready = self._selector.select(patience)
            for key, _events in ready:
                self._pass_on(key)
            if not ready:
                return
            patience = 0

    def _pass_on(self, key: selectors.SelectorKey) -> None:
        with contextlib.suppress(BlockingIOError):
            if data := os.read(key.fd, _CHUNK):
                key.data(data)
            else:
                self._selector.unregister(key.fileobj)
