"""Whether the time that a text costs grows with the text and no faster, on a machine of any speed and load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

TIMES = 16  # as much text, which costs 16 times as much where the time is linear and 256 times where it is quadratic
MOST = 64
TOO_SHORT = 0.01  # seconds in which nothing can be compared, and nothing has to be
TRIES = 5  # the best of them counts: whatever else the machine does makes one slower and none faster


def assert_linear(play: Callable[[str], object], text: Callable[[int], str], length: int) -> None:
    """`play` on the text of this length costs at most MOST times what it costs on a text of a sixteenth of it.

    Inside Pyodide it is only played: no clock there is fine enough to compare.
    """
    long, short = text(length), text(length // TIMES)
    if sys.platform == "emscripten":
        play(long)
        return
    large = small = float("inf")
    for _ in range(TRIES):
        large = min(large, _seconds(play, long))
        if large < TOO_SHORT:
            return
        small = min(small, _seconds(play, short))
        if large < MOST * small:
            return
    raise AssertionError(f"{large:.2f} s for {len(long)} characters, {small:.4f} s for {len(short)}")


def repeated(piece: str) -> Callable[[int], str]:
    """Of any length, over and over."""
    return lambda length: (piece * (length // len(piece) + 1))[:length]


def _seconds(play: Callable[[str], object], text: str) -> float:
    begun = process_time()
    play(text)
    return process_time() - begun
