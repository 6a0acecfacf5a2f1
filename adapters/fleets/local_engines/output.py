"""An engine's output at the border: lines that end at `\\n` alone, in bounded memory, and a bounded file of the newest.

Whatever is written, each byte is looked at once, and no more than one line of MOST_LINE bytes is held.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from ...stores.durable_files import without_waiting

log = logging.getLogger(__name__)

MOST_LINE = 4 * 1024 * 1024
"""Bytes of one line; a longer one is left out whole."""
MOST_KEPT = 8 * 1024 * 1024
"""Bytes of a file of output; of more the newest half is kept."""


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self, limit: int = MOST_LINE) -> None:
        self._limit = limit
        self._begun = bytearray()  # of the line whose end has not come yet
        self._size = 0  # of all of it
        self.left_out = 0  # lines that were too long

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that end in `data`, without their ends."""
        *ended, begun = data.split(b"\n")
        for part in ended:
            self._add(part)
            yield from self.rest()
        self._add(begun)

    def rest(self) -> Iterator[bytes]:
        """The line so far, as if it ended here: nothing when it is empty or was too long."""
        if self._size > self._limit:
            self.left_out += 1
        elif self._size:
            yield bytes(self._begun)
        self._begun, self._size = bytearray(), 0

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._begun.clear()
        else:
            self._begun += part


class NewestBytes:
    """A file that keeps the newest of what is added. A disk that is full is logged once, and costs the file alone."""

    def __init__(self, path: Path, limit: int = MOST_KEPT) -> None:
        self._path, self._limit = path, limit
        self._failed = False
        self._size = 0

    def add(self, data: bytes) -> None:
        try:
            with open(self._path, "ab", opener=without_waiting) as file:
                file.write(data)
                self._size = file.tell()
            if self._size > self._limit:
                self._shorten()
        except OSError as error:
            if not self._failed:
                log.warning("%s is not kept any more: %s", self._path, error.strerror)
            self._failed = True

    def _shorten(self) -> None:
        draft = self._path.with_name(self._path.name + ".new")
        with self._path.open("rb") as file:
            file.seek(self._size - self._limit // 2)
            file.readline()
            draft.write_bytes(file.read())
        draft.replace(self._path)


def newest_bytes(path: Path, size: int) -> bytes:
    """The end of the file; nothing when there is none or it cannot be read."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read(size)
    except OSError:
        return b""
