"""One home of a fleet inside its owner's own repository, a code host beside it, and what stands around them."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.engine import Engine
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.local_engines.run_files import directory_name
from adapters.fleets.local_engines.wall_probe import Policy
from factory_core.runs.run import RunOrder, RunReport

REPOSITORY = "acme/web"
QUIET = {
    "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "somebody", "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "somebody", "GIT_COMMITTER_EMAIL": "somebody@example.org",
}  # fmt: skip
Snapshot = Mapping[str, str]


class Stage:
    """`place` is an empty directory."""

    def __init__(self, place: Path, wall: Policy) -> None:
        self.wall, self.mark = wall, f"mark-of-{place.parent.name}"
        shutil.copytree(_template(), place, symlinks=True)
        self.owner, self.bare, self.canary = place / "owner", place / "host.git", place / "canary"
        self.home, self.user, self.engines = self.owner / ".factory", place / "user", place / "engines"
        self.secret = self.owner / ".env"
        self.secret.write_text(f"LINEAR_API_KEY=lin_api_{self.mark}\n")

    def move_base(self, message: str) -> str:
        """Somebody else's commit on main."""
        tree = self.canary.parent / "first"
        with (tree / "README.md").open("a") as file:
            file.write(f"{message}\n")
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", message)
        git(tree, "push", "-q", str(self.bare), "HEAD:refs/heads/main")
        return git(tree, "rev-parse", "HEAD")

    def push_to(self, item: str) -> str:
        """A person's commit on the item's branch; empty while there is no such branch."""
        head = self.heads().get(f"refs/heads/{branch(item)}")
        if not head:
            return ""
        mine = git(self.bare, "commit-tree", f"{head}^{{tree}}", "-p", head, "-m", "A person's own")
        git(self.bare, "update-ref", f"refs/heads/{branch(item)}", mine, head)
        return mine

    def fleet(self, finished: Callable[[RunReport], Any]) -> LocalFleet:
        environment = {"PATH": QUIET["PATH"], "HOME": str(self.user), "LANG": "C.UTF-8"}
        engines: dict[str, Engine] = {
            "claude": replace(Claude(), binary=str(self.engines / "claude")),
            "codex": replace(Codex(), binary=str(self.engines / "codex")),
        }
        made = LocalFleet(
            self.home, environment=environment, clock=lambda: datetime.now(UTC), engines=engines, poll=0.05,
            idle_after=timedelta(seconds=7), grace=timedelta(seconds=0.2), wall=self.wall,
        )  # fmt: skip
        made.finished = finished
        return made

    def order(self, item: str, run_id: str, task: str, engine: str, **changes: Any) -> RunOrder:
        given = {
            "run_id": run_id, "work_item_id": item, "key": item, "title": f"Work of {item}", "repository": REPOSITORY,
            "clone_url": str(self.bare), "base": "main", "branch": branch(item), "engine": engine, "task": task,
            "max_turns": 1_000, "max_duration": timedelta(seconds=30), "max_usd": Decimal(10_000), "fix_rounds": 1,
        }  # fmt: skip
        return RunOrder.model_validate(given | changes)

    @property
    def mirror(self) -> Path:
        return next(iter(self.home.glob("repos/*.mirror")), self.home / "repos/none.mirror")

    def tree(self, item: str) -> Path:
        return self.home / "trees" / directory_name(item)

    def places(self) -> dict[str, str]:
        return {
            "owner": str(self.owner), "home": str(self.home), "mirror": str(self.mirror), "canary": str(self.canary),
            "secret": str(self.secret),
        }  # fmt: skip

    def heads(self) -> dict[str, str]:
        """Every ref at the code host."""
        return refs(self.bare)

    def surroundings(self) -> Snapshot:
        """Everything that is no run's, by content: the owner's repository, the user's home, the canary.

        The home of the fleet is its own: only what an agent plants there is strange.
        """
        found = dict(_contents(self.owner, self.home))
        for place in (self.user, self.canary, self.engines):
            found |= _contents(place)
        planted = (path for folder in (self.home, self.home / "trees") for path in folder.glob("planted*"))
        repos = (path for path in self.home.glob("repos/*") if not path.name.endswith((".mirror", ".mirror.lock")))
        found |= {str(path): "there" for path in (*planted, *repos)}
        return found

    def mirror_state(self) -> Snapshot:
        """What git obeys in the mirror, and its refs."""
        if not self.mirror.is_dir():
            return {}
        obeyed = [path for path in self.mirror.iterdir() if path.name not in ("objects", "refs", "packed-refs", "logs")]
        found = {str(path): digest(path) for path in obeyed if path.is_file() and path.name != "FETCH_HEAD"}
        found |= dict(_contents(self.mirror / "hooks"))
        return found | refs(self.mirror)

    def tree_state(self, item: str) -> Snapshot:
        return dict(_contents(self.tree(item)))

    def run_state(self, run_id: str) -> Snapshot:
        """What the fleet keeps of a run that is over."""
        folder = self.home / "runs" / directory_name(run_id)
        names = ("order.json", "result.json", "seen.json", "output.jsonl")
        return {name: digest(folder / name) for name in names if (folder / name).exists()}

    def alive(self, run: str = "") -> dict[int, str]:
        """Processes that carry our mark in their arguments, or that of the run in their environment."""
        found, mark, theirs = dict[int, str](), self.mark.encode(), f"FACTORY_RUN={run}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                is_theirs = bool(run) and theirs in (entry / "environ").read_bytes().split(b"\0")
                if (mark in arguments or is_theirs) and b") Z" not in (entry / "stat").read_bytes():
                    found[int(entry.name)] = b" ".join(arguments).decode(errors="replace")[:200]
            except OSError:
                continue
        return found

    def remove(self) -> None:
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for parent, names, _ in os.walk(self.canary.parent):
            for name in names:
                path = Path(parent, name)
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(self.canary.parent, ignore_errors=True)


@cache
def _template() -> Path:
    """What every stage begins as, made once in each process."""
    place = Path(tempfile.mkdtemp(prefix="hostile-template-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    owner, first, user, engines = (place / name for name in ("owner", "first", "user", "engines"))
    for path in (owner, first, user, engines, place / "canary"):
        path.mkdir()
    (user / ".gitconfig").write_text("[user]\n\tname = Owner\n")
    (owner / "own.txt").write_text("the owner's own work\n")
    (owner / ".gitignore").write_text(".env\n.factory\n")
    for name in ("README.md", "docs.md"):
        (first / name).write_text(f"{name}\n")
    for tree, trunk in ((owner, "trunk"), (first, "main")):
        git(tree, "init", "-q", "--template=", "-b", trunk)
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", "first")
    git(place, "clone", "-q", "--bare", "--template=", str(first), str(place / "host.git"))
    body = Path(__file__).with_name("agent.py").read_text()
    for name in ("claude", "codex"):
        (engines / name).write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{body}")
        (engines / name).chmod(0o755)
    return place


def branch(item: str) -> str:
    return f"factory/{item}-work"


def git(place: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=place, env=QUIET, check=True, capture_output=True)  # noqa: S603, S607
    return done.stdout.decode(errors="replace").strip()


def refs(repository: Path) -> dict[str, str]:
    try:
        listed = git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    except subprocess.CalledProcessError as error:
        return {"refs": f"cannot be read: {error.stderr.decode(errors='replace')[:200]}"}
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def digest(path: Path) -> str:
    """Of a file's content, a link's target, or the kind of anything else."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if not stat.S_ISREG(mode):
        return f"mode {stat.S_IFMT(mode):o}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _contents(place: Path, *without: Path) -> Iterator[tuple[str, str]]:
    for parent, names, files in os.walk(place):
        names[:] = [name for name in names if Path(parent, name) not in without]
        for name in (*names, *files):
            path = Path(parent, name)
            if path.is_symlink() or name in files:
                yield str(path), digest(path)
