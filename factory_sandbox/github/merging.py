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


async def has_changed(repository: Path, old: str, new: str, path: str) -> bool:
    """Is the file another one in the newer commit?"""
    code, _ = await attempt(repository, "diff", "--quiet", old, new, "--", path)
    return code != 0


async def merge(repository: Path, branch: str, old: str, head: str, message: str, method: str) -> str | None:
    """Move the branch from `old` to a new commit; None when the two conflict or the branch moved meanwhile."""
    if method == "rebase":
        commit = await _rebased(repository, old, head)
    else:
        tree = await merged_tree(repository, old, head)
        parents = ["-p", old] if method == "squash" else ["-p", old, "-p", head]
        commit = tree and await git(repository, "commit-tree", tree, *parents, "-F", "-", body=message.encode())
    if commit is None:
        return None
    code, _ = await attempt(repository, "update-ref", f"refs/heads/{branch}", commit, old)
    return commit if code == 0 else None


async def _rebased(repository: Path, base: str, head: str) -> str | None:
    """Each commit of head on top of base, one after the other.

    A commit with base's tree beside the one to pick makes the parent of both their merge base (git < 2.40 has no
    `merge-tree --merge-base`).
    """
    listing = await git(repository, "rev-list", "--reverse", "--no-merges", f"{base}..{head}")
    for commit in listing.split():
        beside = await git(repository, "commit-tree", f"{base}^{{tree}}", "-p", f"{commit}^", "-m", "base")
        tree = await merged_tree(repository, beside, commit)
        if tree is None:
            return None
        message = await git(repository, "log", "-1", "--format=%B", commit)
        base = await git(repository, "commit-tree", tree, "-p", base, "-F", "-", body=message.encode())
    return base
