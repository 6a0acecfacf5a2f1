"""Small files beside the store, with the store's care: written whole and fsynced, read with suspicion.

A file that cannot be understood is renamed to `<name>.damaged`, one for each name, and counts as absent from then on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from factory_core.errors import Retryable
from factory_core.payload import parse_as, to_json

log = logging.getLogger(__name__)

Value = TypeVar("Value")
Shape = TypeVar("Shape", bound=BaseModel)

DAMAGED = ".damaged"
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_UNREADABLE = frozenset({errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP})
_MOST_BYTES = 64 * 1024 * 1024
_reported: set[Path] = set()  # unreadable files that could not be renamed: logged once by this process


def write_whole(path: Path, content: str) -> None:
    """Replace the file at one stroke, so that a power cut leaves the old content or the new. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8", errors="replace") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.is_dir() and not path.is_symlink():
        put_aside(path, "a directory")
    draft.replace(path)
    sync_directory(path.parent)


def write_model(path: Path, value: BaseModel) -> None:
    """The same for a model, as `read_model` takes it."""
    write_whole(path, to_json(value))


@contextlib.contextmanager
def cannot_write(where: Path) -> Iterator[None]:
    """Inside, an OSError is a Retryable: the disk is full or read-only, or too many files are open."""
    try:
        yield
    except OSError as error:
        path = error.filename or where
        fix = f"In your shell: df -h {where}; ls -ld {where}"
        raise Retryable(f"{path} cannot be written", why=error.strerror or str(error), fix=fix) from None


def sync_directory(path: Path) -> None:
    """Make the names in this directory durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_model(path: Path, shape: type[Shape]) -> Shape | None:
    """The model in the file; None when there is none, or when it is damaged and was put aside."""
    return read_whole(path, lambda content: parse_as(shape, content))


def read_whole(path: Path, parse: Callable[[bytes], Value]) -> Value | None:
    """What `parse` makes of the file; None when there is none, or when it is damaged and was put aside.

    Raises Retryable when the machine cannot read right now, as with too many open files: the file may be sound.
    """
    try:
        with open(path, "rb", opener=without_waiting) as file:
            return parse(file.read(_MOST_BYTES))
    except (ValidationError, ValueError) as error:
        put_aside(path, f"{type(error).__name__}, {_size(path)} bytes")
    except OSError as error:
        if error.errno in _UNREADABLE:
            put_aside(path, error.strerror or "")
        elif error.errno not in _ABSENT:
            fix = f"In your shell: ls -l {path}"
            raise Retryable(f"{path} cannot be read", why=error.strerror or str(error), fix=fix) from None
    return None


def put_aside(path: Path, why: str) -> None:
    """Rename a damaged file, in place of the one that was put aside under this name before, and log it once."""
    aside = path.with_name(path.name + DAMAGED)
    try:
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)
        path.replace(aside)
    except OSError as error:
        if path not in _reported:
            _reported.add(path)
            log.warning("%s is damaged (%s) and cannot be put aside: %s", path, why, error.strerror)
        return
    log.warning("%s is damaged (%s): it is kept as %s", path, why, aside.name)


def without_waiting(path: str, flags: int) -> int:
    """A pipe in place of the file would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
