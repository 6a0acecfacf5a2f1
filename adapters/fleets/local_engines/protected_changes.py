"""What a run's commits change of protected files, beyond what the code host has already. Read in the mirror alone,
which no agent writes, once the commits are there."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator

from factory_core.protected_paths import change_mark, protecting
from factory_core.runs.run import MOST_HELD, MOST_PATCH, HeldChange, HeldChanges
from factory_core.text.path_patterns import PathPatterns, fold

from .git import GitFailed
from .workspace import Start, Workspace

_GITLINK, _LINK = "160000", "120000"
_MOST_LINKS = 1_000  # links at protected places that are followed


def held_changes(space: Workspace, start: Start) -> HeldChanges | None:
    """What nobody has allowed to be pushed; None when there is nothing. Raises GitFailed.

    A rename counts under both names; a change of mode, of a link or of a submodule is a change. What stands behind a
    link at a protected place is protected, too.
    """
    rules = space.order.publish
    if not rules.protected:
        return None
    head = space.commit_in_mirror(space.finished)
    fork = space.in_mirror("merge-base", head, start.base)
    patterns = protecting(rules.protected)
    more = {fold(path) for commit in (fork, head) for path in _led_to(space, commit, patterns)}
    published = dict(_changes(space, fork, start.branch)) if start.branch else {}
    touched = [
        (path, content) for path, content in _changes(space, fork, head)
        if (patterns.touches(path) or _is_below(fold(path), more)) and published.get(path) != content
    ]  # fmt: skip
    held = [HeldChange(path=path, mark=change_mark(path, sha)) for path, (_, sha) in touched]
    held = [change for change in held if change.mark not in rules.allowed]
    if not held:
        return None
    left = len(held) - MOST_HELD
    paths = [path for path, (_, sha) in touched if change_mark(path, sha) not in rules.allowed][:MOST_HELD]
    patch = space.in_mirror("--literal-pathspecs", "diff", *_PLAIN, fork, head, "--", *paths)
    return HeldChanges(changes=tuple(held[:MOST_HELD]), more=max(left, 0), patch=patch[:MOST_PATCH])


_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--submodule=short")


def _changes(space: Workspace, fork: str, head: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Path → mode and content now; both empty for what is deleted."""
    listing = space.in_mirror("diff-tree", "-r", "-z", "--raw", "--no-abbrev", *_PLAIN, fork, head).split("\0")
    for about, path in zip(listing[::2], listing[1::2], strict=False):
        mode, sha = about.split()[1], about.split()[3]
        yield path, ("", "") if mode == "000000" else (mode, sha)


def _led_to(space: Workspace, commit: str, patterns: PathPatterns) -> Iterator[str]:
    """Where links at protected places lead; with a submodule there, the file that says what it is."""
    links = dict[str, str]()
    for line in space.in_mirror("ls-tree", "-r", "-z", commit).split("\0"):
        about, _, path = line.partition("\t")
        mode = about[:6]
        if mode == _LINK:
            links[path] = about.split()[2]
        elif mode == _GITLINK and patterns.touches(path):
            yield ".gitmodules"
    todo, seen = [path for path in links if patterns.touches(path)], set[str]()
    while todo and len(seen) < _MOST_LINKS:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        with contextlib.suppress(GitFailed):
            target = space.in_mirror("cat-file", "blob", links[path])
            end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            yield end
            todo += [link for link in links if link == end or link.startswith(f"{end}/") or end.startswith(f"{link}/")]


def _is_below(path: str, places: set[str]) -> bool:
    """It, or a folder above it."""
    parts = path.split("/")
    return any("/".join(parts[:size]) in places for size in range(1, len(parts) + 1))
