"""Where a run works: a clone of its own for each item, which borrows the objects of one mirror for each repository.

repos/<slug>.mirror   speaks with the code host, with a credential; no agent works in it
trees/<item>          the item's clone, without a remote: its refs, stash, settings and hooks are no other item's;
                      follow-ups go on in it
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

from factory_core.runs.run import RunOrder

from .faults import CODE_HOST, GIT, NETWORK, cause_of
from .git import GitFailed, Tick, command, git, run
from .git_directory import remove_tree, restore
from .run_files import directory_name, lock
from .wall import AnyWall, NoWall, Reach

log = logging.getLogger(__name__)
_PAUSES = (0.3, 1.5, 5.0)  # seconds between two tries of a fetch


@dataclass(frozen=True)
class Workspace:
    """`environment` is what git sees; `credential` is the descriptor of a credential_file, for the code host alone."""

    home: Path
    order: RunOrder
    environment: Mapping[str, str]
    tick: Tick
    credential: int = -1
    checkout: Path | None = None  # the git directory of an existing checkout, which is only read
    wall: AnyWall = field(default_factory=NoWall)

    @property
    def tree(self) -> Path:
        """A run that only reads has one of its own: the item's may hold work that is not published yet."""
        item = self.order.work_item_id
        return self.home / "trees" / directory_name(f"{item}/answer" if self.order.answer_schema else item)

    @property
    def setup_file(self) -> Path:
        """What is known of the tree's setup."""
        return self.tree.with_name(f"{self.tree.name}.setup.json")

    @property
    def aside(self) -> Path:
        """Where files of the tree are while a check runs."""
        return self.tree.with_name(f"{self.tree.name}.aside")

    @property
    def mirror(self) -> Path:
        return self.home / "repos" / (directory_name(f"{self.order.repository} {self.order.clone_url}") + ".mirror")

    @property
    def garbage(self) -> Path:
        """Is there while the mirror may hold commits of items that were removed."""
        return self.mirror.with_name(f"{self.mirror.name}.garbage")

    @property
    def reach(self) -> Reach:
        """What a walled command in the tree needs of it."""
        return Reach(writable=(self.tree,), readable=(self.mirror / "objects",))

    @property
    def engine_reach(self) -> Reach:
        """What the engine needs of it: one that only answers writes nothing."""
        if not self.order.answer_schema:
            return self.reach
        return Reach(readable=(self.tree, self.mirror / "objects"))

    @property
    def agents_settings(self) -> Path:
        """What `git config --global` of the agent writes; nobody else reads it."""
        return self.tree / ".git/agent.gitconfig"

    @property
    def finished(self) -> str:
        """The ref under which the run's commits are kept."""
        return f"refs/runs/{directory_name(self.order.run_id)}"

    @property
    def published(self) -> str:
        """The ref that says what we pushed last to the branch."""
        return f"refs/published/{self.order.branch}"

    def in_mirror(self, *arguments: str) -> str:
        return git(self.mirror, *arguments, environment=self._named(self.mirror), tick=self.tick)

    def remote(self, *arguments: str) -> str:
        """A call that speaks with the code host; it is made in the mirror only, which obeys nothing but the factory."""
        restore(self.mirror, bare=True)
        return git(
            self.mirror, *arguments,
            environment=self._named(self.mirror), tick=self.tick, credential=self.credential,
        )  # fmt: skip

    def in_tree(
        self, *arguments: str, given: bytes = b"", into: IO[bytes] | None = None, index: str = "index",
        by: Mapping[str, str] = MappingProxyType({}),
    ) -> bytes:  # fmt: skip
        """A call in the item's clone, of which an agent has written every file: see restore_tree.

        `index` is a file in the git directory, `by` the variables that say when somebody committed.
        """
        named = {"GIT_WORK_TREE": str(self.tree), "GIT_INDEX_FILE": str(self.tree / ".git" / index)}
        environment = self._named(self.tree / ".git") | named | {"GIT_CONFIG_GLOBAL": os.devnull, **by}
        environment.pop("SSH_AUTH_SOCK", None)
        walled = self.wall.command(command(*arguments), self.reach, self.tree)
        return run(walled, self.tree, environment=environment, tick=self.tick, given=given, into=into)

    def text_in_tree(self, *arguments: str, by: Mapping[str, str] = MappingProxyType({})) -> str:
        return self.in_tree(*arguments, by=by).decode(errors="replace").strip()

    def restore_tree(self) -> None:
        """Take away what an agent may have left for git to obey. Raises GitFailed when the clone is gone."""
        if self.tree.resolve() != self.tree:
            raise GitFailed(f"{self.tree} leads elsewhere")
        restore(self.tree / ".git", bare=False, borrows=self.mirror / "objects")

    def commit_in_mirror(self, ref: str) -> str:
        """The commit's sha; empty when there is none."""
        with contextlib.suppress(GitFailed):
            return self.in_mirror(*_COMMIT, f"{ref}^{{commit}}")
        return ""

    def commit_in_tree(self, ref: str) -> str:
        """The commit's sha; empty when there is none."""
        with contextlib.suppress(GitFailed):
            return self.text_in_tree(*_COMMIT, f"{ref}^{{commit}}")
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

    def _named(self, directory: Path) -> dict[str, str]:
        """The repository is named, so that git looks for none: not above it, and not where a file in it points.

        No commit or file stands in for another one.
        """
        return {**self.environment, "GIT_DIR": str(directory), "GIT_NO_REPLACE_OBJECTS": "1", "GIT_ATTR_NOSYSTEM": "1"}


_MANY_PACKS = 50
_OBJECTS = ("--objects", "--no-object-names", "--missing=allow-any")
_OWN_COMMITS = ("--all", "--reflog", "--not", "--remotes")
_COMMIT = ("rev-parse", "--verify", "--quiet", "--end-of-options")


class Start(NamedTuple):
    """Commits as they were before the agent ran: of its clone, and of the base and the branch at the code host."""

    head: str
    base: str
    branch: str  # empty: the code host has none yet

    @property
    def excluded(self) -> list[str]:
        """For rev-list: without what the code host has."""
        return [f"^{commit}" for commit in (self.base, self.branch) if commit]


def prepare(space: Workspace) -> Start:
    """Fetch, and make the item's clone, or go on in the one that is there; where the run begins.

    `origin/<base>` and `origin/<branch>` are as the code host has them. Raises GitFailed, and OSError for a disk.
    """
    with space.alone(space.mirror):
        try:
            _bring_up(space)
        except GitFailed as error:
            if error.unauthorised or cause_of(GIT, str(error)) not in (None, CODE_HOST) or _is_sound(space):
                raise  # what a damaged mirror asks for, the code host cannot send
            aside = space.mirror.with_suffix(".damaged")
            log.warning("%s is damaged (%s): it is kept as %s, and made anew", space.mirror, error, aside.name)
            remove_tree(aside)
            space.mirror.rename(aside)  # runs that are at work go on to read it where it is
            _bring_up(space)
        space.agents_settings.write_text(f"[safe]\n\tdirectory = {space.tree}\n")
        return Start(space.commit_in_tree("HEAD"), *heads_at_host(space))


def _bring_up(space: Workspace) -> None:
    _fetch(space)
    if not (space.order.previous_run and _go_on(space)):
        _begin(space)


def _is_sound(space: Workspace) -> bool:
    """Can git read all that the mirror has?"""
    try:
        restore(space.mirror, bare=True)
        for pack in space.mirror.glob("objects/pack/*.pack"):
            space.in_mirror("verify-pack", "--", str(pack))
        space.in_mirror("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    except GitFailed:
        return False
    return True


def ignore(space: Workspace, patterns: Iterable[str]) -> None:
    """Let git in the item's clone pass over what matches."""
    (space.tree / ".git/info").mkdir(exist_ok=True)
    (space.tree / ".git/info/exclude").write_text("".join(f"{pattern}\n" for pattern in patterns))


def distrust(space: Workspace) -> None:
    """Let the next run make the clone anew: git cannot read what is in this one."""
    with contextlib.suppress(GitFailed, OSError):
        space.restore_tree()  # which refuses a tree that leads elsewhere
        (space.tree / ".git/index").unlink()


def heads_at_host(space: Workspace) -> tuple[str, str]:
    """Of the base and the branch, as they were fetched; empty for what is not there."""
    base, branch = (space.commit_in_mirror(f"refs/remotes/origin/{name}") for name in _branches(space))
    return base, branch


def remove(space: Workspace) -> None:
    """Take the item's clone away, and the names of its commits in the mirror; its branch at the code host stays.

    Raises OSError, which names what stays.
    """
    with space.alone(space.mirror):
        remove_clone(space)
        if not space.mirror.is_dir():
            return
        restore(space.mirror, bare=True)
        pattern = f"refs/remotes/origin/{space.order.branch}"
        branches = space.in_mirror("for-each-ref", "--format=%(refname)", pattern, f"{pattern}*").splitlines()
        for ref in {space.finished, space.published, *branches} - {f"refs/remotes/origin/{space.order.base}"}:
            space.in_mirror("update-ref", "-d", ref)
        (space.mirror / "FETCH_HEAD").unlink(missing_ok=True)
        space.garbage.touch()


def collect_garbage(space: Workspace, others: Iterable[Workspace]) -> None:
    """Drop what no name in the mirror and no clone of `others` leads to, if an item was removed since the last time.

    Not while a run is at work in such a clone: it is done after a later one. Raises GitFailed and OSError.
    """
    with contextlib.ExitStack() as held, space.alone(space.mirror):
        if not space.garbage.exists() or not space.mirror.is_dir():
            return
        clones = [other for other in others if other.mirror == space.mirror and (other.tree / ".git").is_dir()]
        for clone in clones:
            if (descriptor := lock(clone.tree.with_name(clone.tree.name + ".lock"))) is None:
                return
            held.callback(os.close, descriptor)
        restore(space.mirror, bare=True)
        _update_refs(space, (f"update refs/borrowed/{n} {name}\n" for n, name in enumerate(_borrowed(space, clones))))
        space.in_mirror("repack", "-a", "-d", "--quiet")
        space.in_mirror("prune", "--expire=now")
        names = space.in_mirror("for-each-ref", "--format=%(refname)", "refs/borrowed").splitlines()
        _update_refs(space, (f"delete {name}\n" for name in names))
        space.garbage.unlink()


def _update_refs(space: Workspace, commands: Iterable[str]) -> None:
    """In the mirror, all at once."""
    _fed(space, "".join(commands), "update-ref", "--stdin")


def _fed(space: Workspace, given: str, *arguments: str) -> str:
    """A call in the mirror that reads `given`."""
    environment = space._named(space.mirror)
    return run(
        command(*arguments), space.mirror, environment=environment, tick=space.tick, given=given.encode()
    ).decode()


def _borrowed(space: Workspace, clones: Iterable[Workspace]) -> list[str]:
    """What of the mirror only a clone still leads to.

    Commits, and trees and files of a clone's own commits and of its index: git writes none that the mirror has already,
    also where another item's run made the same.
    """
    commits, others = set[str](), set[str]()
    for clone in clones:
        clone.restore_tree()
        commits.update(clone.text_in_tree("rev-list", "--all", "--reflog").split())
        others.update(clone.text_in_tree("rev-list", *_OBJECTS, "--indexed-objects", *_OWN_COMMITS).split())
    return [*_only_named(space, commits), *_only_named(space, others - commits, *_OBJECTS)]


def _only_named(space: Workspace, names: Iterable[str], *how: str) -> list[str]:
    """Those of them that the mirror has and no ref of it leads to, and what they lead to."""
    given = "".join(f"{name}\n" for name in sorted(names))
    return _fed(space, given, "rev-list", *how, "--ignore-missing", "--stdin", "--not", "--all").split()


def remove_clone(space: Workspace) -> None:
    """Take the clone away, and leave what the mirror keeps of the item. Raises OSError, which names what stays."""
    space.setup_file.unlink(missing_ok=True)
    remove_tree(space.tree)
    remove_tree(space.aside)


def is_published(space: Workspace) -> bool:
    """Is what the run came to at the code host, so that its clone can be made anew from there?"""
    finished = space.commit_in_mirror(space.finished) if space.mirror.is_dir() else ""
    return bool(finished) and finished == space.commit_in_mirror(space.published)


def _branches(space: Workspace) -> tuple[str, str]:
    return space.order.base, space.order.branch


def _fetch(space: Workspace) -> None:
    """Bring base and branch up to date; the branch need not exist, which only a pattern allows."""
    if not space.mirror.is_dir():
        remove_tree(space.mirror)
    space.mirror.mkdir(parents=True, exist_ok=True)
    restore(space.mirror, bare=True)
    space.in_mirror("init", "--quiet", "--bare", "--template=")  # also what a killed one left half-made
    for name in _branches(space):
        space.in_mirror("check-ref-format", "--branch", name)
    _drop_refs_in_the_way(space)  # git prunes what it was asked for alone
    _take_from_checkout(space)
    refs = [f"+refs/heads/{name}:refs/remotes/origin/{name}" for name in (space.order.base, f"{space.order.branch}*")]
    _patiently(space, "fetch", "--quiet", "--no-tags", "--prune", "--", space.order.clone_url, *refs)
    _tidy(space)


def _patiently(space: Workspace, *arguments: str) -> None:
    """Tried again after a moment where the code host does not answer: that need not end the run."""
    for pause in _PAUSES:
        try:
            space.remote(*arguments)
            return
        except GitFailed as error:
            if error.unauthorised or cause_of(GIT, str(error)) not in (CODE_HOST, NETWORK):
                raise
            log.info("the code host does not answer, and is asked again: %s", error)
        end = time.monotonic() + pause
        while time.monotonic() < end:
            space.tick()
            time.sleep(0.05)
    space.remote(*arguments)


def _tidy(space: Workspace) -> None:
    """What killed calls left, the clone that an older release shared between items, and many packs into few.

    No object is ever dropped, because clones borrow them.
    """
    for left in (*space.mirror.glob("*.bundle"), *space.mirror.glob("objects/pack/tmp_*")):
        left.unlink()
    if not any((tree / ".git").is_file() for tree in space.tree.parent.glob("*")):
        remove_tree(space.mirror.with_suffix(".git"))
    if len(list(space.mirror.glob("objects/pack/*.pack"))) > _MANY_PACKS:
        space.in_mirror("repack", "--quiet", "--geometric=2", "-d")


def _take_from_checkout(space: Workspace) -> None:
    """Once, what an existing checkout has of the base. How the base is now, the code host tells."""
    seed = f"refs/checkout/{space.order.base}"
    if space.checkout is None or space.commit_in_mirror(seed):
        return
    taken = f"+refs/remotes/origin/{space.order.base}:{seed}"
    try:
        space.in_mirror("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", str(space.checkout), taken)
    except GitFailed as error:
        log.warning("nothing is taken from %s: %s", space.checkout, error)


def _drop_refs_in_the_way(space: Workspace) -> None:
    """`release` and `release/1` cannot both be refs: one of them is of a branch that was there once."""
    wanted = _branches(space)
    names = space.in_mirror("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").splitlines()
    for name in set(names) - set(wanted):
        if any(one.startswith(f"{name}/") or name.startswith(f"{one}/") for one in wanted):
            space.in_mirror("update-ref", "-d", f"refs/remotes/origin/{name}")


def _begin(space: Workspace) -> None:
    """A new clone on the branch: from what is published when it is a follow-up, else from the base."""
    base, branch = heads_at_host(space)
    start = branch if space.order.previous_run and branch else base
    remove_tree(space.tree)
    space.setup_file.unlink(missing_ok=True)
    space.tree.mkdir(parents=True)
    space.in_tree("init", "--quiet", "--template=", f"--initial-branch={space.order.branch}")
    space.restore_tree()
    space.in_tree("update-ref", f"refs/heads/{space.order.branch}", start)
    _note_the_host(space)
    space.in_tree("read-tree", "--reset", "-u", "HEAD")


def _go_on(space: Workspace) -> bool:
    """The clone as the last run left it, with what others have added to the branch, where that simply follows.

    False when there is none to go on in: it was removed or damaged, or never wholly made, or is of another layout.
    """
    try:
        space.restore_tree()
        if not space.commit_in_tree("HEAD") or not (space.tree / ".git/index").exists():  # which is what is made last
            return False
        space.in_tree("ls-files", "--", ".git")  # reads the index, and lists nothing
        _note_the_host(space)
    except GitFailed:
        return False
    if theirs := space.commit_in_mirror(f"refs/remotes/origin/{space.order.branch}"):
        with contextlib.suppress(GitFailed):  # it does not simply follow: the engine's own commits stay
            space.in_tree("merge", "--quiet", "--ff-only", theirs)
    return True


def _note_the_host(space: Workspace) -> None:
    """The clone's `origin/…` are what the code host has now, and there are no others."""
    wanted = [f"refs/remotes/origin/{name}" for name in _branches(space)]
    for ref in set(space.text_in_tree("for-each-ref", "--format=%(refname)", "refs/remotes").splitlines()) - set(
        wanted
    ):
        space.in_tree("update-ref", "-d", ref)
    for ref in wanted:
        head = space.commit_in_mirror(ref)
        space.in_tree("update-ref", *((ref, head) if head else ("-d", ref)))
