"""Each item's clone is its own and current at each start; nothing that an agent leaves in it acts on the factory."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import DONE, QUIET, code_host, commit_to, fleet, git, order, program, run_all, until

from adapters.fleets.local_engines.claude import Claude
from factory_core.runs.run import RunReport, RunStatus

BRANCH = "factory/ACME-142-rename"
SH = "sh = lambda text: subprocess.run(text, shell=True, capture_output=True, text=True)\n"


def played(home: Path, body: str, *orders: Any) -> list[RunReport]:
    """The orders at once, by an engine that does `body` and ends well, with no wall around it."""
    binary = program(home.parent / "bin/claude", f"{SH}{body}\n{DONE}")
    return run_all(home, *orders, engines={"claude": Claude(binary=str(binary))}, wall="off")


def claude(bare: Path, key: str = "ACME-142", run: int = 1, **changes: Any) -> Any:
    names = {"run_id": f"{key}:{run}", "work_item_id": key, "branch": f"factory/{key}-rename", "engine": "claude"}
    return order(bare, **(names | changes))


def mirror_of(home: Path) -> Path:
    (mirror,) = (home / "repos").glob("*.mirror")
    return mirror


def test_stash_and_settings_are_an_items_own(tmp_path: Path) -> None:
    """One agent stashes, demands signatures and sets hooks; the other's stash is empty, and it can commit."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    first = "open('README.md', 'a').write('secret of A')\nsh('git stash; git config commit.gpgSign true')"
    played(home, first + "\nsh('git config core.hooksPath .husky')", claude(bare, "A"))
    second = "sh('git stash pop')\nopen('b', 'w').write('x')\nassert sh('git add -A; git commit -m b').returncode == 0"
    (report,) = played(home, second, claude(bare, "B"))
    assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")
    assert (home / "trees/B/README.md").read_text() == "Acme\n"


def test_a_follow_up_sees_the_newest_base_and_can_merge_it(tmp_path: Path) -> None:
    """What was merged meanwhile is `origin/main` in the clone, and the merge is published."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    played(home, "open('README.md', 'w').write('ours')\nsh('git commit -qam ours')", claude(bare))
    (tmp_path / "first/README.md").write_text("theirs")
    tip = commit_to(bare, tmp_path / "first", "main", "theirs")
    merge = """
assert "CONFLICT" in sh("git merge --no-edit origin/main").stdout
open("README.md", "w").write("both")
assert sh("git commit -qam merged").returncode == 0
"""
    (report,) = played(home, merge, claude(bare, run=2, previous_run="ACME-142:1"))
    assert report.status is RunStatus.SUCCEEDED, report.why
    assert tip in git(home / "trees/ACME-142", "log", "--format=%H").split()


LOCKS = (
    "refs/remotes/origin/main.lock", "packed-refs.lock", "config.lock", "shallow.lock", "HEAD.lock",
    f"refs/heads/{BRANCH}.lock", "index.lock", "objects/info/commit-graphs/commit-graph-chain.lock",
)  # fmt: skip


def test_locks_and_half_written_files_of_a_killed_git_are_removed(tmp_path: Path) -> None:
    """In the mirror and in the item's clone: a follow-up, a fresh start and another item all work."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    edit = "open('a.txt', 'a').write('x')"
    played(home, edit, claude(bare))
    for place in (mirror_of(home), home / "trees/ACME-142/.git"):
        for name in (*LOCKS, "refs/remotes/origin/factory/torn", "objects/ab/cd"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).touch()
    (tmp_path / "first/news.txt").write_text("x")
    commit_to(bare, tmp_path / "first", "main", "news")
    orders = (claude(bare, run=2, previous_run="ACME-142:1"), claude(bare, run=3), claude(bare, "B"))
    for one in orders:
        (report,) = played(home, edit, one)
        assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")


def truncate_packs(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        os.truncate(pack, 20)


def replace_by_a_file(mirror: Path) -> None:
    shutil.rmtree(mirror)
    mirror.write_text("x")


DAMAGE_OF_THE_MIRROR: dict[str, Callable[[Path], object]] = {
    "HEAD": lambda mirror: (mirror / "HEAD").write_text("broken"),
    "the packed refs": lambda mirror: (mirror / "packed-refs").write_text("broken !"),
    "the packs": truncate_packs,
    "the base": lambda mirror: (mirror / "refs/remotes/origin/main").write_text("1" * 40),
    "a file": replace_by_a_file,
    "its lock": lambda mirror: (
        mirror.with_name(f"{mirror.name}.lock").unlink(),
        mirror.with_name(f"{mirror.name}.lock").mkdir(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE_OF_THE_MIRROR.values(), ids=DAMAGE_OF_THE_MIRROR)
def test_a_damaged_mirror_is_made_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """It is a copy of what the code host has, and its damage is no ticket's and no vendor's failure."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    edit = "open('a.txt', 'a').write('x')"
    played(home, edit, claude(bare))
    damage(mirror_of(home))
    for one in (claude(bare, "B"), claude(bare, run=2, previous_run="ACME-142:1")):
        (report,) = played(home, edit, one)
        assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")


DAMAGE = {
    "the index": "open('.git/index', 'wb').write(b'DIRC' + bytes(40))",
    "an object": """
sh("git add -A; git commit -qm work")
for name in sh("find .git/objects -type f").stdout.split():
    os.chmod(name, 0o600)
    open(name, "wb").write(b"broken")
""",
    "the objects": "sh('git add -A; git commit -qm work; rm -rf .git/objects')",
    "HEAD": "open('.git/HEAD', 'w').write('ref: refs/heads/none')",
    "the branch": "sh('git add -A; git commit -qm work; rm -rf .git/refs')",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_clone_that_git_cannot_read_is_made_anew_for_the_next_attempt(tmp_path: Path, damage: str) -> None:
    """The attempt that finds it has a reason; the one after that works, whatever was damaged."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    (first,) = played(home, f"open('a.txt', 'w').write('x')\n{damage}", claude(bare))
    assert first.status in (RunStatus.FAILED, RunStatus.REJECTED) and first.why
    edit = "open('b.txt', 'w').write('x')\nsh('git add -A; git commit -qm b')"
    (second,) = played(home, edit, claude(bare, run=2, previous_run="ACME-142:1"))
    assert second.status is RunStatus.SUCCEEDED, second.why


def test_a_branch_that_is_gone_is_in_nobodys_way(tmp_path: Path) -> None:
    """`release` was there once, and is `release/1` now."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    git(bare, "branch", "release", "main")
    played(home, "", claude(bare, base="release"))
    git(bare, "branch", "-m", "release", "release/1")
    (report,) = played(home, "", claude(bare, run=2, base="release/1"))
    assert (report.status, report.why) == (RunStatus.NO_CHANGE, "")


def owners_checkout(folder: Path) -> Path:
    """A repository of the factory's owner, in which the factory's home lies; something in it is not committed."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".factory/\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "mine")
    (folder / "draft.txt").write_text("not committed")
    return folder


ELSEWHERE = {
    "removed": "shutil.rmtree('.git')",
    "the tree is a link to the owner's": "at = os.getcwd(); os.chdir('/'); shutil.rmtree(at, ignore_errors=True)\n"
    "os.path.exists(at) or os.symlink('{owner}', at)",
    "the tree is removed": "at = os.getcwd(); os.chdir('/'); shutil.rmtree(at, ignore_errors=True)",
    "a file that points to the owner's": "shutil.rmtree('.git'); open('.git', 'w').write('gitdir: {owner}/.git')",
    "a link to the owner's": "shutil.rmtree('.git'); os.symlink('{owner}/.git', '.git')",
    "another work tree": "sh('git config core.worktree {owner}')",
    "an included setting": "open('x', 'w').write('[core]\\n\\tworktree = {owner}'); sh('git config include.path ../x')",
    "a common directory": "open('.git/commondir', 'w').write('{owner}/.git')",
    "an index of the owner's": "os.remove('.git/index'); os.symlink('{owner}/.git/index', '.git/index')",
    "refs of the owner's": "shutil.rmtree('.git/refs'); os.symlink('{owner}/.git/refs', '.git/refs')",
    "objects of the owner's": "shutil.rmtree('.git/objects'); os.symlink('{owner}/.git/objects', '.git/objects')",
    "borrowed objects": "open('.git/objects/info/alternates', 'w').write('{owner}/.git/objects\\n')",
}


@pytest.mark.parametrize("way", ELSEWHERE.values(), ids=ELSEWHERE)
def test_the_owners_checkout_is_never_touched(tmp_path: Path, way: str) -> None:
    """Whatever an agent makes of its `.git`, nothing is committed, staged or unlocked elsewhere."""
    owner, bare = owners_checkout(tmp_path / "owner"), code_host(tmp_path / "host")
    (owner / ".git/index.lock").write_text("its owner is at work")
    before = {path: path.read_bytes() for path in owner.rglob("*") if path.is_file()}
    home = owner / ".factory/fleet"
    body = f"import shutil\nopen('a.txt', 'w').write('x')\n{way.format(owner=owner)}"
    for one in (claude(bare), claude(bare, run=2, previous_run="ACME-142:1")):
        played(home, body, one)
    after = {path: path.read_bytes() for path in owner.rglob("*") if path.is_file() and ".factory" not in path.parts}
    assert after == before
    (report,) = played(home, "open('b.txt', 'w').write('x')", claude(bare, run=3, previous_run="ACME-142:2"))
    assert report.status is RunStatus.SUCCEEDED, report.why


RUNS = {
    "a filter": "open('.gitattributes', 'w').write('* filter=x')\n"
    "sh('git config filter.x.clean \"touch {mark}; cat\"')",
    "a monitor": "sh('git config core.fsmonitor \"touch {mark}; false\"')",
    "hooks": "hook('.git/hooks/post-index-change', '.git/hooks/reference-transaction', '.git/hooks/pre-commit')",
    "hooks elsewhere": "sh('git config core.hooksPath .husky')\n"
    "hook('.husky/post-merge', '.husky/reference-transaction')",
    "settings of the clone": "sh('git config extensions.worktreeConfig true'); "
    "open('.git/config.worktree', 'w').write('[core]\\n\\tfsmonitor = touch {mark}')",
    "a repository in it": "sh('mkdir in && cd in && git init -q && echo 1 > f && git add f && git commit -qm f && "
    'git config filter.x.clean "touch {mark}; cat" && echo "* filter=x" > .gitattributes && echo 2 > f\'); '
    "sh('git add in'); sh('git commit -qm in; echo 3 > in/f; rm -f {mark}')",
    "a signature": "sh('git config gpg.program .husky/sign; git config commit.gpgSign true'); hook('.husky/sign')",
    "what packs objects": "sh('git config uploadpack.packObjectsHook .husky/p'); hook('.husky/p')",
}


@pytest.mark.parametrize("way", RUNS.values(), ids=RUNS)
def test_nothing_that_lies_in_the_tree_runs_outside_the_agent(tmp_path: Path, way: str) -> None:
    """Not while the work is gathered, nor when the next run begins in the same clone."""
    bare, home, mark = code_host(tmp_path), tmp_path / "home", tmp_path / "ran"
    body = f"""
def hook(*paths):
    for path in paths:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file: file.write("#!/bin/sh\\ntouch {mark}\\n")
        os.chmod(path, 0o755)
open("a.txt", "a").write("x")
{way.format(mark=mark)}
if os.path.exists("{mark}"): os.remove("{mark}")
"""
    played(home, body, claude(bare))
    assert not mark.exists()
    (tmp_path / "first/news.txt").write_text("x")
    commit_to(bare, tmp_path / "first", BRANCH, "news")
    played(home, "", claude(bare, run=2, previous_run="ACME-142:1"))
    assert not mark.exists()


def test_a_linked_work_tree_of_an_older_release_is_replaced(tmp_path: Path) -> None:
    """The follow-up begins from the published branch, in a clone."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    git(bare, "branch", BRANCH, "main")
    old = home / "repos/acme-web.git"
    old.parent.mkdir(parents=True)
    git(tmp_path, "clone", "-q", "--bare", str(bare), str(old))
    git(old, "worktree", "add", "-q", str(home / "trees/ACME-142"), BRANCH)
    edit = "open('a.txt', 'w').write('x')"
    (report,) = played(home, edit, claude(bare, run=2, previous_run="ACME-142:1"))
    assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")
    assert (home / "trees/ACME-142/.git").is_dir()


@pytest.mark.parametrize("previous", ["", "ACME-142:1"])
def test_what_lies_where_a_clone_belongs_is_removed(tmp_path: Path, previous: str) -> None:
    """A file, or a link to elsewhere, whose target stays as it is."""
    bare, home, other = code_host(tmp_path), tmp_path / "home", tmp_path / "other"
    edit, tree = "open('a.txt', 'a').write('x')", home / "trees/ACME-142"
    played(home, edit, claude(bare))
    shutil.move(tree, other)
    before = sorted(other.rglob("*"))
    for run, make in ((2, lambda: tree.write_text("x")), (3, lambda: tree.symlink_to(other))):
        if tree.exists():
            shutil.rmtree(tree)
        make()
        (report,) = played(home, edit, claude(bare, run=run, previous_run=previous))
        assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")
    assert sorted(other.rglob("*")) == before


def test_a_clone_that_was_not_wholly_made_is_made_again(tmp_path: Path) -> None:
    """A machine that went down while files were written out: what is missing is not taken for deleted."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    played(home, "open('a.txt', 'w').write('x')", claude(bare))
    tree = home / "trees/ACME-142"
    (tree / ".git/index").unlink()
    (tree / "README.md").unlink()
    (report,) = played(home, "open('b.txt', 'w').write('x')", claude(bare, run=2, previous_run="ACME-142:1"))
    assert report.status is RunStatus.SUCCEEDED
    assert git(tree, "ls-tree", "--name-only", "HEAD").split() == ["README.md", "b.txt"]


@pytest.mark.skipif(not Path("/usr/bin/setpriv").exists(), reason="root is not kept from anything by modes")
def test_read_only_folders_are_removed_with_the_item(tmp_path: Path) -> None:
    """As caches of toolchains leave them; also where the user is not root."""
    tree = tmp_path / "tree"
    (tree / "cache/mod").mkdir(parents=True)
    (tree / "cache/mod/a").write_text("x")
    (tree / "cache/mod").chmod(0o555)
    (tree / "cache").chmod(0o555)
    code = "import sys; from pathlib import Path; from adapters.fleets.local_engines.git_directory import remove_tree\n"
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner") if os.getuid() == 0 else ()
    python = program(
        tmp_path / "remove",
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{code}remove_tree(Path({str(tree)!r}))",
    )
    subprocess.run([*drop, str(python)], check=True)
    assert not tree.exists()


def test_the_words_of_a_forgotten_item_stay_nowhere(tmp_path: Path) -> None:
    """Not in names of refs or files, and not in commits of the mirror, which go when no agent works there any more.

    Commits that only another item's clone still leads to stay: it borrows them.
    """
    bare, home = code_host(tmp_path), tmp_path / "home"

    async def play() -> None:
        made, reports = fleet(home)
        await made.start(order(bare, run_id="B:1", work_item_id="B", branch="factory/B", task="Write it."))
        await until(lambda: len(reports) == 1)
        git(bare, "update-ref", "-d", "refs/heads/main")  # the base is made anew: B's clone alone leads to the old one
        tree = tmp_path / "anew"
        git(tmp_path, "init", "-q", "-b", "main", str(tree))
        (tree / "README.md").write_text("Made anew\n")
        commit_to(bare, tree, "main", "made anew")
        forgotten = {"title": "Zebulonine", "branch": "factory/A-zebulonine", "task": "Write zebulonine."}
        await made.start(order(bare, run_id="A:1", work_item_id="A", **forgotten))
        await until(lambda: len(reports) == 2)
        await made.publish("A:1")
        await made.start(order(bare, run_id="C:1", work_item_id="C", branch="factory/C", task="console: sleep 60"))
        await until(lambda: (home / "trees/C/.git/index").exists())
        mirror = next(home.glob("repos/*.mirror"))
        await made.forget("A")
        assert "zebulonine" in words_in(mirror), "C works in a clone that borrows from there"
        await made.stop("C:1")
        await until(lambda: "zebulonine" not in words_in(mirror))
        await made.close()

    asyncio.run(play())
    names = [str(path).lower() for path in home.rglob("*")]
    contents = [path.read_bytes().lower() for path in home.rglob("*") if path.is_file()]
    assert not [name for name in names if "zebulonine" in name]
    assert not [content for content in contents if b"zebulonine" in content]
    assert git(home / "trees/B", "fsck", "--connectivity-only", "--no-dangling") == ""


def test_what_two_items_have_in_common_stays_when_one_is_forgotten(tmp_path: Path) -> None:
    """git writes no file into a clone that the mirror has already; B's run failed, so the mirror has not its commit."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    body = f"""
open("lock.json", "w").write("the same generated words")
subprocess.run("git add -A", shell=True)
if os.path.basename(os.getcwd()) == "B":
    subprocess.run("git -c user.name=B -c user.email=b@acme.example commit -qm b", shell=True)
    say(type="result", is_error=True, subtype="error_max_turns", result="no", num_turns=1)
else:
    {DONE}
"""
    binary = program(tmp_path / "bin/claude", body)

    async def play() -> None:
        made, reports = fleet(home, engines={"claude": Claude(binary=str(binary))}, wall="off")
        orders = [claude(bare, key, branch=f"factory/{key}") for key in "AB"]
        orders.append(claude(bare, "B", run=2, branch="factory/B", answer_schema="{}"))  # in a clone of its own
        for count, one in enumerate(orders, 1):
            await made.start(one)
            await until(lambda wanted=count: len(reports) == wanted)
        await until(lambda: not made._followed)
        await made.forget("A")
        await made.close()

    asyncio.run(play())
    assert not list(home.glob("repos/*.garbage"))
    assert git(home / "trees/B", "fsck", "--no-dangling") == ""
    assert git(mirror_of(home), "for-each-ref", "refs/borrowed") == ""


def words_in(mirror: Path) -> str:
    """Everything that its objects and refs say; another process may be at work in it."""
    commands = (["for-each-ref"], ["cat-file", "--batch-all-objects", "--batch"])
    said = [subprocess.run(["git", *one], cwd=mirror, env=QUIET, check=False, capture_output=True) for one in commands]
    return b"".join(one.stdout for one in said).decode(errors="replace").lower()
