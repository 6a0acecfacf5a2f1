"""The disk budget of a fleet's home: what its parts take, and which of them go first when it is too much.

A part is a mirror, a clone, the directory of a run or an item's memory. It is measured when a run of its own has
ended, and not walked again before the next one: asking for the sum reads one small file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from shutil import disk_usage

from pydantic import Field

from factory_core.config import Disk
from factory_core.ports import DiskState
from factory_core.work_item import Frozen

from ...stores.durable_files import read_model, write_model
from .git_directory import remove_tree
from .run_files import RunFiles, lock
from .workspace import Workspace, is_published, remove_clone

log = logging.getLogger(__name__)
PARTS = ("repos", "trees", "runs", "memory")
_COPIES = (".mirror", ".damaged")  # of a repository; the latter was put aside
_BLOCK = 512  # bytes, of st_blocks


class Sizes(Frozen):
    """Bytes of each part that was measured, by its path below the home."""

    sizes: dict[str, int] = Field(default_factory=dict)


class DiskBudget:
    """Calls block: make them in a thread. Only the process that follows the runs writes, one call after the other."""

    def __init__(self, home: Path, rules: Disk) -> None:
        self._home, self._rules, self._file = home, rules, home / "disk.json"
        self._writing = threading.Lock()

    def state(self) -> DiskState:
        """By what was measured last."""
        known = read_model(self._file, Sizes) or Sizes()
        return self._state(sum(known.sizes.values()))

    def measured(self, *changed: Path) -> DiskState:
        """Measure what changed, and what was never measured. Raises OSError, and Retryable as reading does."""
        with self._writing:
            return self._measured(changed)

    def _measured(self, changed: Iterable[Path]) -> DiskState:
        known = (read_model(self._file, Sizes) or Sizes()).sizes
        again = {self._name(path) for path in changed}
        sizes = {}
        for part in (part for kind in PARTS for part in (self._home / kind).glob("*")):
            name = self._name(part)
            sizes[name] = known[name] if name in known and name not in again else size_of(part)
        if sizes != known:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_model(self._file, Sizes(sizes=sizes))
        return self._state(sum(sizes.values()))

    def make_room(self, over: Collection[str], unknown: Collection[str], newest: Mapping[str, Workspace]) -> DiskState:
        """Remove what may go, oldest first, until there is room. `over`: ids of items that have ended; `unknown`: of
        those whose end nobody knows; `newest`: each item's newest run, of which nothing is removed while one of the
        item's runs is not reported."""
        state = self.measured()
        steps = self._removals(set(over), newest)
        while state.fix and (part := next(steps, None)):
            log.info("removed to keep within the disk budget: %s", part)
            state = self.measured(part)
        kept = [space.tree.name for item, space in newest.items() if item in unknown and space.tree.is_dir()]
        if state.fix and kept:
            fix = f"In {self._home / 'trees'}: look for commits that were never published in {', '.join(sorted(kept))},"
            fix += " of tickets that the store does not know; remove what nobody needs, or make room elsewhere"
            return state._replace(fix=fix)
        return state

    def _removals(self, over: set[str], newest: Mapping[str, Workspace]) -> Iterator[Path]:
        """Remove a part with each step: outputs of what is over, then its clones, then those that can be made anew, and
        at last the copies of repositories that no clone borrows from: the next run fetches them."""
        runs = sorted((RunFiles(path) for path in (self._home / "runs").glob("*") if path.is_dir()), key=ended_at)
        item_of = {run: run.work_item_id() for run in runs}
        alive = {item for run, item in item_of.items() if not run.reported}
        resting = list(dict.fromkeys(item for item in item_of.values() if item not in alive))
        for run in runs:
            if item_of[run] in over - alive and run.remove_outputs():
                yield run.path
        for item in [*(one for one in resting if one in over), *(one for one in resting if one not in over)]:
            space = newest.get(item)
            if space and (item in over or is_published(space)) and _remove_clone(space):
                yield space.tree
        needed = {space.mirror.stem for item, space in newest.items() if item in alive or space.tree.is_dir()}
        for copy in sorted((self._home / "repos").glob("*.*"), key=_used_at):
            if copy.suffix in _COPIES and copy.stem not in needed and self._remove_copy(copy):
                yield copy

    def _remove_copy(self, copy: Path) -> bool:
        """False where a clone borrows from it, or may, or when it is in use."""
        held = lock(copy.with_name(f"{copy.stem}.mirror.lock")) if copy.is_dir() else None
        if held is None:
            return False
        try:
            if any(_may_borrow(tree, copy.stem) for tree in (self._home / "trees").glob("*")):
                return False
            remove_tree(copy)
            return True
        except OSError as error:
            log.warning("%s cannot be removed: %s", copy, error)
            return False
        finally:
            os.close(held)

    def _state(self, used: int) -> DiskState:
        where = self._home
        while not where.is_dir():
            where = where.parent
        free = disk_usage(where).free
        fix = ""
        if used > self._rules.budget:
            fix = f"In factory.config.yaml: raise disk.budget, or let tickets end: {self._home} holds what they need"
        elif free < self._rules.keep_free:
            fix = f"In the shell: free space on the disk that holds {self._home} (df -h), or lower disk.keepFree"
        return DiskState(used, self._rules.budget, free, self._rules.keep_free, fix)

    def _name(self, part: Path) -> str:
        return str(part.relative_to(self._home))


def size_of(path: Path) -> int:
    """Bytes on the disk; what goes away meanwhile counts nothing."""
    size = 0
    with contextlib.suppress(OSError):
        size += path.lstat().st_blocks * _BLOCK
        if path.is_dir() and not path.is_symlink():
            size += sum(size_of(entry) for entry in path.iterdir())
    return size


def ended_at(run: RunFiles) -> datetime:
    report = run.result()
    return report.ended_at if report and report.ended_at else run.changed_at()


def _used_at(copy: Path) -> float:
    try:
        return copy.stat().st_mtime
    except OSError:
        return 0.0


def _may_borrow(tree: Path, mirror: str) -> bool:
    """Also where its list of what it borrows from cannot be read."""
    if not (tree / ".git").exists():
        return False
    try:
        borrowed = (tree / ".git/objects/info/alternates").read_text().split("\n")
    except (OSError, UnicodeDecodeError):
        return True
    return any(Path(objects).parent.stem == mirror for objects in borrowed)


def _remove_clone(space: Workspace) -> bool:
    """False when there is none, or when it is in use."""
    held = lock(space.tree.with_name(space.tree.name + ".lock")) if space.tree.is_dir() else None
    if held is None:
        return False
    try:
        remove_clone(space)
        return True
    except OSError as error:
        log.warning("%s cannot be removed: %s", space.tree, error)
        return False
    finally:
        os.close(held)
