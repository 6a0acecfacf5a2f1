"""The ways in, by name, and one round of one of them."""

from __future__ import annotations

import contextlib
import random
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from . import engine_streams, http_server, run_folders, webhooks, worker_protocol

Play = Callable[[random.Random], None]
MOST_SECONDS = 200.0  # of the processor, for what one round sends; it takes two, and what is worse than quadratic hours
MOST_GROWN = 500_000  # kB, of this process by one round


@contextlib.contextmanager
def _here(play: Play) -> Iterator[Play]:
    yield play


@contextlib.contextmanager
def _server() -> Iterator[Play]:
    with http_server.standing() as stand:
        yield stand.play


WAYS: Mapping[str, Callable[[], AbstractContextManager[Play]]] = {
    "engine-streams": lambda: _here(engine_streams.play),
    "http": _server,
    "run-folders": lambda: _here(run_folders.play),
    "webhooks": lambda: _here(webhooks.play),
    "worker-protocol": lambda: _here(worker_protocol.play),
}


def played(play: Play, seed: int, name: str, index: int) -> None:
    """Play what this seed draws for this round; an AssertionError when it costs too much."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    play(random.Random(f"{seed}:{name}:{index}"))
    assert time.process_time() - begun < MOST_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWN
