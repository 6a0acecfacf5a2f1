"""Where a run works: a git work tree of its own for each item, made from one base clone for each repository.

repos/<slug>.mirror   speaks with the code host, with a credential; no engine's work tree belongs to it, so that no
                      setting which an engine makes can send the credential elsewhere
repos/<slug>.git      the base clone of all work trees; borrows the mirror's objects and has no remote
trees/<item>          the item's work tree; follow-ups go on in it
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from factory_core.dispatch.run import RunOrder

from .git import GitFailed, Tick, git
from .run_files import directory_name, lock


@dataclass(frozen=True)
class Workspace:
    """`environment` is what local git calls see; `credential` is added for the code host alone."""

    home: Path
    order: RunOrder
    environment: Mapping[str, str]
    credential: Mapping[str, str]
    tick: Tick

    @property
    def tree(self) -> Path:
        return self.home / "trees" / directory_name(self.order.work_item_id)

    @property
    def _repository(self) -> Path:
        return self.home / "repos" / directory_name(f"{self.order.repository} {self.order.clone_url}")

    @property
    def mirror(self) -> Path:
        return self._repository.with_name(self._repository.name + ".mirror")

    @property
    def clone(self) -> Path:
        return self._repository.with_name(self._repository.name + ".git")

    @property
    def finished(self) -> str:
        """The ref under which the run's commits are kept."""
        return f"refs/runs/{directory_name(self.order.run_id)}"

    @property
    def published(self) -> str:
        """The ref that says what we pushed last to the branch."""
        return f"refs/published/{self.order.branch}"

    def local(self, place: Path, *arguments: str) -> str:
        return git(place, *arguments, environment=self.environment, tick=self.tick)

    def remote(self, *arguments: str) -> str:
        """A call that speaks with the code host; it is made in the mirror only."""
        signed = {**self.environment, **self.credential}
        return git(self.mirror, *arguments, environment=signed, tick=self.tick)

    def commit_of(self, place: Path, ref: str) -> str:
        """The commit's sha; empty when there is none."""
        try:
            return self.local(place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except GitFailed:
            return ""

    @contextlib.contextmanager
    def alone(self, path: Path) -> Iterator[None]:
        """Hold the lock beside `path`; it is waited for as long as `tick` allows."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while (held := lock(path.with_name(path.name + ".lock"))) is None:
            self.tick()
            time.sleep(0.05)
        try:
            yield
        finally:
            os.close(held)


def prepare(space: Workspace) -> None:
    """Fetch, and make the item's work tree, or go on in the one that is there. Raises GitFailed."""
    for name in (space.order.branch, space.order.base):
        space.local(space.home, "check-ref-format", "--branch", name)
    with space.alone(space.mirror):
        _fetch(space)
        if space.order.previous_run and space.tree.is_dir():
            _go_on(space)
        else:
            _begin(space)


def conclude(space: Workspace) -> int:
    """Commit what the engine left uncommitted, keep the head for publishing, and count what the code host lacks."""
    if space.local(space.tree, "status", "--porcelain"):
        space.local(space.tree, "add", "--all")
        space.local(space.tree, "commit", "--quiet", "--no-verify", "-m", f"Work on {space.order.name}")
    new = space.local(space.tree, "rev-list", "--count", "HEAD", "--not", *published_heads(space))
    space.local(space.tree, "update-ref", space.finished, "HEAD")
    return int(new)


def published_heads(space: Workspace) -> list[str]:
    """What the code host has of the base and of the branch."""
    heads = [space.commit_of(space.mirror, f"refs/remotes/origin/{name}") for name in _branches(space)]
    return [head for head in heads if head]


def remove(space: Workspace) -> None:
    """Take the item's work tree away; its branch at the code host stays."""
    with space.alone(space.mirror):
        shutil.rmtree(space.tree, ignore_errors=True)
        if space.clone.is_dir():
            space.local(space.clone, "worktree", "prune")


def _branches(space: Workspace) -> tuple[str, str]:
    return space.order.base, space.order.branch


def _fetch(space: Workspace) -> None:
    """Bring base and branch up to date; the branch need not exist, which only a pattern allows."""
    for place in (space.mirror, space.clone):
        if not (place / "HEAD").exists():
            space.local(space.home, "init", "--quiet", "--bare", "--", str(place))
    _borrow(space.clone / "objects/info/alternates", space.mirror / "objects")
    refs = [f"+refs/heads/{name}:refs/remotes/origin/{name}" for name in (space.order.base, f"{space.order.branch}*")]
    space.remote("fetch", "--quiet", "--no-tags", "--", space.order.clone_url, *refs)


def _borrow(alternates: Path, objects: Path) -> None:
    """Written once and at one stroke: other runs of the repository are reading it."""
    if not alternates.exists():
        draft = alternates.with_suffix(".new")
        draft.write_text(f"{objects}\n")
        draft.replace(alternates)


def _begin(space: Workspace) -> None:
    """A new work tree on the branch: from what is published when it is a follow-up, else from the base."""
    base, branch = (space.commit_of(space.mirror, f"refs/remotes/origin/{name}") for name in _branches(space))
    start = branch if space.order.previous_run and branch else base
    shutil.rmtree(space.tree, ignore_errors=True)
    space.tree.parent.mkdir(parents=True, exist_ok=True)
    space.local(space.clone, "worktree", "prune")
    space.local(space.clone, "worktree", "add", "--quiet", "-B", space.order.branch, "--", str(space.tree), start)
    space.local(space.clone, "update-ref", f"refs/remotes/origin/{space.order.base}", base)


def _go_on(space: Workspace) -> None:
    """The work tree as the last run left it, with what others have added to the branch, where that simply follows."""
    lock_file = space.local(space.tree, "rev-parse", "--path-format=absolute", "--git-path", "index.lock")
    Path(lock_file).unlink(missing_ok=True)  # its git was killed with the last run
    theirs = space.commit_of(space.mirror, f"refs/remotes/origin/{space.order.branch}")
    if theirs:
        with contextlib.suppress(GitFailed):  # it does not simply follow: the engine's own commits stay
            space.local(space.tree, "merge", "--quiet", "--ff-only", theirs)
