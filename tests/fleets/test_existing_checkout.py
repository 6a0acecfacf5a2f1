"""A checkout that is there already saves the download. It is only read, whatever state it is in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fleet_stand import code_host, commit_to, git, order, run_all

from adapters.fleets.local_engines.environment import for_git
from adapters.fleets.local_engines.git import GitFailed, repository_at
from factory_core.runs.run import RunStatus


def everything(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below the folder: its mode, when it was changed, and what it holds."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_mtime_ns, _held(path)) for path in files
    }


def _held(path: Path) -> bytes:
    return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Someone's own: another branch, staged and unstaged changes, a stash, a hook, a merge that is unfinished."""
    bare = code_host(tmp_path)
    tree = tmp_path / "mine"
    git(tmp_path, "clone", "-q", str(bare), str(tree))
    git(tree, "checkout", "-q", "-b", "mine")
    (tree / "mine.txt").write_text("mine\n")
    git(tree, "add", "mine.txt")
    git(tree, "commit", "-q", "-m", "mine")
    git(tree, "checkout", "-q", "-b", "theirs", "main")
    (tree / "mine.txt").write_text("theirs\n")
    git(tree, "add", "mine.txt")
    git(tree, "commit", "-q", "-m", "theirs")
    (tree / "README.md").write_text("for later\n")
    git(tree, "stash")
    with pytest.raises(Exception, match="exit status 1"):
        git(tree, "merge", "mine")
    (tree / "README.md").write_text("not staged\n")
    hook = tree / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    return tree


def test_a_run_takes_its_objects_and_changes_nothing_in_it(tmp_path: Path, checkout: Path) -> None:
    """Index, HEAD, settings, hooks, stash and files are the same to the byte; the work begins from the newest base."""
    bare, before = tmp_path / "acme-web.git", everything(checkout)
    (tmp_path / "first/new.txt").write_text("new\n")
    newest = commit_to(bare, tmp_path / "first", "main", "newer than the checkout")
    known = repository_at(checkout, for_git(os.environ))
    (report,) = run_all(tmp_path / "home", order(bare), checkouts={"acme/web": known})
    assert report.status is RunStatus.SUCCEEDED
    assert everything(checkout) == before and not (tmp_path / "hooked").exists()
    tree = tmp_path / "home/trees/ACME-142"
    assert git(tree, "rev-parse", "HEAD~1") == newest and not (tree / "mine.txt").exists()
    (mirror,) = (tmp_path / "home/repos").glob("*.mirror")
    assert git(mirror, "rev-parse", "refs/checkout/main") == git(checkout, "rev-parse", "origin/main")
    assert str(checkout) not in (mirror / "config").read_text()


def test_a_checkout_that_is_gone_costs_only_what_it_would_have_saved(tmp_path: Path) -> None:
    bare = code_host(tmp_path)
    (report,) = run_all(tmp_path / "home", order(bare), checkouts={"acme/web": tmp_path / "gone/.git"})
    assert report.status is RunStatus.SUCCEEDED
    assert "nothing is taken from" in next((tmp_path / "home/runs").glob("*/supervisor.log")).read_text()


def test_it_is_found_from_any_folder_in_it_and_from_a_linked_work_tree(tmp_path: Path, checkout: Path) -> None:
    (checkout / "apps/web").mkdir(parents=True)
    git(checkout, "worktree", "add", "-q", str(tmp_path / "linked"), "main")
    found = [repository_at(place, for_git(os.environ)) for place in (checkout / "apps/web", tmp_path / "linked")]
    assert found == [checkout / ".git"] * 2
    for nothing in (tmp_path / "gone", tmp_path):
        with pytest.raises(GitFailed):
            repository_at(nothing, for_git(os.environ))
