"""Merging a branch in a bare repository with git's plumbing: real commits, and never over somebody else's push."""

from __future__ import annotations

from pathlib import Path

from .git import GitFailed, attempt, git


async def merged_tree(repository: Path, base: str, head: str) -> str | None:
    """The tree of both together; None when they conflict."""
    code, out = await attempt(repository, "merge-tree", "--write-tree", "--name-only", base, head)
    if code not in (0, 1):
        raise GitFailed(f"git merge-tree: exit {code}")
    return out.splitlines()[0] if code == 0 else None


async def is_merged(repository: Path, base: str, head: str) -> bool:
    """Is there nothing in head that base does not have?"""
    code, _ = await attempt(repository, "merge-base", "--is-ancestor", head, base)
    return code == 0


async def merge(repository: Path, base: str, old: str, head: str, message: str, *, squash: bool) -> str | None:
    """Move the branch `base` from `old` to a new commit; None when the two conflict or the branch moved meanwhile."""
    tree = await merged_tree(repository, old, head)
    if tree is None:
        return None
    parents = ["-p", old] if squash else ["-p", old, "-p", head]
    commit = await git(repository, "commit-tree", tree, *parents, "-F", "-", body=message.encode())
    code, _ = await attempt(repository, "update-ref", f"refs/heads/{base}", commit, old)
    return commit if code == 0 else None
