"""The commit that would be published of an agent's tree, and keeping it once it may be."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from factory_core.text.path_patterns import path_patterns

from .commit_messages import clean_messages
from .faults import GIT, cause_of
from .git import GitFailed
from .git_directory import restore
from .secrets_in_files import is_secret_name
from .workspace import Start, Workspace

_DRAFT = "index.factory"  # what the index becomes when the proposal is kept
_GENERATED = frozenset(
    {
        *("node_modules", "bower_components", "__pycache__", ".venv", "venv", ".tox", ".nox", ".pytest_cache"),
        *(".mypy_cache", ".ruff_cache", ".gradle", ".terraform", ".next", ".nuxt", ".turbo", ".parcel-cache", ".cache"),
    }
)


class CannotAdd(GitFailed):
    """git cannot take over a file as it lies in the tree, which the agent can change."""


class Proposal(NamedTuple):
    """`left`: files that are not tracked and stay behind."""

    head: str
    start: Start
    left: tuple[str, ...] = ()


def propose(space: Workspace, start: Start) -> Proposal:
    """HEAD, or a commit on top of it with what the agent left uncommitted; the clone stays as it is.

    Raises CannotAdd for a file that git does not take, and GitFailed, also when the index holds a conflict.
    """
    head = space.text_in_tree("rev-parse", "--verify", "HEAD^{commit}")
    index = space.tree / ".git/index"
    if not index.exists():
        space.in_tree("read-tree", "HEAD")
    added, left = _untracked(space, head == start.head)
    shutil.copy(index, index.with_name(_DRAFT))
    _look_at_every_file(space)
    if given := "\0".join([*_edited(space), *added]):
        stdin = given.encode(errors="surrogateescape")
        try:
            space.in_tree("update-index", "--add", "--remove", "-z", "--stdin", given=stdin, index=_DRAFT)
        except GitFailed as error:
            raise error if cause_of(GIT, str(error)) else CannotAdd(str(error)) from None
    tree = space.in_tree("write-tree", index=_DRAFT).decode().strip()
    if tree != space.text_in_tree("rev-parse", "HEAD^{tree}"):
        head = space.text_in_tree("commit-tree", tree, "-p", head, "-m", f"Work on {space.order.name}")
    return Proposal(head, start, left)


def keep(space: Workspace, proposal: Proposal) -> None:
    """Put the item's branch there, with messages that act nowhere, and bring it into the mirror for publishing.

    It crosses as a bundle that is checked as a push would be: nothing of the clone is obeyed.
    """
    excluded = proposal.start.excluded
    head = clean_messages(space, proposal.head, excluded)
    space.in_tree("update-ref", "HEAD", head)
    index = space.tree / ".git/index"
    index.with_name(_DRAFT).replace(index)
    with space.alone(space.mirror):
        restore(space.mirror, bare=True)
        with tempfile.NamedTemporaryFile(dir=space.mirror, suffix=".bundle") as bundle:
            space.in_tree("bundle", "create", "--quiet", "-", "HEAD", *excluded, into=bundle)
            taken = ("fetch", "--quiet", "--no-tags", "--", bundle.name, f"+HEAD:{space.finished}")
            space.in_mirror("-c", "fetch.fsckObjects=true", *taken)


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return path_patterns(patterns).matches(path)


def _look_at_every_file(space: Workspace) -> None:
    """`update-index --assume-unchanged` and `--skip-worktree` hide edits; what a sparse checkout left out stays out."""
    listing = _names(space.in_tree("ls-files", "-v", "-z", index=_DRAFT))
    hidden = [name[2:] for name in listing if (name[0] == "S" or name[0].islower()) and _is_there(space, name[2:])]
    if hidden:
        given = "\0".join(hidden).encode(errors="surrogateescape")
        for flag in ("--no-assume-unchanged", "--no-skip-worktree"):
            space.in_tree("update-index", flag, "-z", "--stdin", given=given, index=_DRAFT)


def _is_there(space: Workspace, name: str) -> bool:
    return os.path.lexists(f"{space.tree}/{name}")


def _edited(space: Workspace) -> list[str]:
    """Tracked files that differ from the index; the folder of a submodule that is not filled may be gone."""
    listing = _names(space.in_tree("diff-files", "--ignore-submodules=all", "--raw", "-z", index=_DRAFT))
    pairs = zip(listing[::2], listing[1::2], strict=True)
    return [name for about, name in pairs if not about.startswith(":160000")]


def _untracked(space: Workspace, is_where_it_began: bool) -> tuple[list[str], tuple[str, ...]]:
    """What is added for the agent, and what stays behind."""
    rules = space.order.publish
    found = _names(space.in_tree("ls-files", "--others", "--exclude-standard", "-z"))
    declared = [name for name in _ignored_too(space) if matches(name, rules.include)] if rules.include else []
    left_to_us = bool(space.order.task) and is_where_it_began and not _staged(space)
    all_of_them = rules.untracked == "add" or (rules.untracked == "auto" and left_to_us)
    added = [name for name in found if all_of_them and _is_addable(space, name)]
    return [*added, *declared], tuple(_folders(set(found) - {*added, *declared}))


def _ignored_too(space: Workspace) -> list[str]:
    return [name for name in _names(space.in_tree("ls-files", "--others", "-z")) if not name.endswith("/")]


def _staged(space: Workspace) -> bool:
    return bool(space.in_tree("diff-index", "--cached", "--name-only", "-z", "HEAD"))


def _is_addable(space: Workspace, name: str) -> bool:
    """Nothing that a tool made, no repository (git lists it with a `/`), no secret, nothing too large."""
    if name.endswith("/") or is_secret_name(name) or _GENERATED.intersection(name.split("/")[:-1]):
        return False
    try:
        return Path(space.tree, name).lstat().st_size <= space.order.publish.max_file_size
    except OSError:
        return False


def _folders(names: set[str]) -> list[str]:
    """A folder that a tool made stands for all that is in it."""
    short = set()
    for name in names:
        parts = name.split("/")
        made = next((at for at, part in enumerate(parts[:-1], 1) if part in _GENERATED), 0)
        short.add("/".join(parts[:made]) + "/" if made else name)
    return sorted(short)


def _names(output: bytes) -> list[str]:
    return [name.decode(errors="surrogateescape") for name in output.split(b"\0") if name]
