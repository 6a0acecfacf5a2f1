"""Is the process that holds a lease still alive? Each holds a file lock as long as it lives; the kernel lets it go.

So the leases of a process that was killed are taken over at once. Those of one that is alive but paused run out like
any other's, and the epoch fences it when it comes back.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path


class Presence:
    """This process's own mark, and the question about others'. `directory` lies beside the store's file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.holder = f"local-{uuid.uuid4().hex[:12]}"
        self._file = os.open(directory / self.holder, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def is_gone(self, holder: str) -> bool:
        """Certainly dead: one of ours by name, and nobody holds its lock."""
        if holder == self.holder or not holder.startswith("local-"):
            return False
        return _is_free(self._directory / holder)

    def close(self) -> None:
        os.close(self._file)
        (self._directory / self.holder).unlink(missing_ok=True)


def is_held(directory: Path) -> bool:
    """Does any process live whose mark lies there?"""
    return not all(_is_free(path) for path in directory.glob("local-*"))


def _is_free(path: Path) -> bool:
    """Nobody holds its lock; then it is removed."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    path.unlink(missing_ok=True)
    return True
