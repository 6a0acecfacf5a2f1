"""What the factory itself runs in an item's tree: the setup before the agent, and the checks after it."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from factory_core.runs.run import RunOrder, RunStatus
from factory_core.runs.run_checks import CheckResult, last_lines
from factory_core.work_item import Frozen

from ...stores.durable_files import read_model, write_model
from .engine import Ending
from .errand import Errand
from .git_directory import remove_tree
from .proxy import Network, Proxy
from .registries import package_registries
from .shell import Finished, argv_of, run_line
from .wall import AnyWall, Bubblewrap, Container, Reach
from .watchdog import Watchdog
from .workspace import Workspace


@dataclass(frozen=True)
class Shell:
    """Runs command lines of the configuration in the tree, behind the wall; `home` is what they see as theirs."""

    space: Workspace
    watchdog: Watchdog
    errand: Errand
    home: Path

    def run(self, line: str, doing: str, within: timedelta, domains: Sequence[str] = ()) -> Finished:
        """Without `domains` it has no network at all. Raises Ended when the watchdog does."""
        self.watchdog.command_started(doing)
        shell, tree, wall = self.errand.shell, self.space.tree, self.errand.shell.wall
        network = shell.network.model_copy(update={"domains": tuple(domains)})
        with way_out(wall, network, self.watchdog) as out:
            own = Reach(writable=(self.home,)) if isinstance(wall, Container) else Reach(home=self.home)
            reach = self.space.reach.plus(shell.reach).plus(own).plus(out)
            moved = {"HOME": str(self.home)} if isinstance(wall, Container) else {}
            environment = {**self.errand.shell_environment, **reach.environment, **moved}
            argv, grace = wall.command(argv_of(line), reach, tree), self.errand.grace.total_seconds()
            return run_line(argv, tree, environment, within, self.watchdog.tick, grace)


@contextlib.contextmanager
def way_out(wall: AnyWall, network: Network, watchdog: Watchdog, key: str = "") -> Iterator[Reach]:
    """The network behind the wall: a proxy, if there is a domain to reach. `key` opens it for the engine's own."""
    if not (network.domains or network.engine_domains) or not isinstance(wall, Bubblewrap):
        yield Reach()
        return
    with tempfile.TemporaryDirectory(prefix="factory-") as folder:  # a socket's path has room for 107 characters
        proxy = Proxy(Path(folder, "proxy"), network, key or secrets.token_urlsafe(16), watchdog.note)
        try:
            yield Reach(proxy=Path(folder, "proxy"), key=key)
        finally:
            proxy.close()


class SetUp(Frozen):
    """What setups have made in a tree and left untracked, folders with a `/`: it is no agent's."""

    made: tuple[str, ...] = ()

    def has_made(self, name: str) -> bool:
        return any(name == one or (one.endswith("/") and name.startswith(one)) for one in self.made)


def set_up(shell: Shell, order: RunOrder) -> SetUp | Ending:
    """Run the setup, at the begin of each run: its home is empty, and the base may be newer. The end of the run when it
    fails. What it changed in tracked files is taken back: it is no work of the agent's.
    """
    space = shell.space
    known = read_model(space.setup_file, SetUp) or SetUp()
    if not order.setup:
        return known
    edited, untracked = _edited(space), _untracked(space)
    domains = (*package_registries(shell.errand.shell_environment), *order.domains)
    deadline = time.monotonic() + order.setup_within.total_seconds()
    for line in order.setup:
        left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
        finished = shell.run(line, f"running setup: {line}", left, domains)
        if not finished.passed:
            failed = CheckResult(name="setup", command=line, end=finished.end, output=finished.output)
            why = f"The setup of {order.repository} failed: {failed.shown}, {last_lines(failed)}"
            return Ending(RunStatus.UNPREPARED, why)
    space.restore_tree()
    if changed := _edited(space) - edited:
        space.in_tree("checkout-index", "--force", "-z", "--stdin", given=b"".join(name + b"\0" for name in changed))
    made = {name.decode(errors="replace") for name in _untracked(space) - untracked}
    done = SetUp(made=tuple(sorted({*known.made, *made})))
    write_model(space.setup_file, done)
    return done


def _edited(space: Workspace) -> set[bytes]:
    return {
        name
        for name in space.in_tree("diff-files", "--ignore-submodules=all", "--name-only", "-z").split(b"\0")
        if name
    }


def _untracked(space: Workspace) -> set[bytes]:
    listing = space.in_tree("ls-files", "--others", "--exclude-standard", "--directory", "-z")
    return {name for name in listing.split(b"\0") if name}


def run_checks(shell: Shell, order: RunOrder, done: int, unpublished: Iterable[str]) -> tuple[CheckResult, ...]:
    """Each of the order's checks, whatever becomes of the others. `unpublished` files are not there meanwhile."""
    results = []
    with _aside(shell.space, unpublished):
        for check in order.checks:
            doing = f"running check {check.name} (round {done + 1} of {order.fix_rounds + 1})"
            finished = shell.run(check.command, doing, check.within, check.domains)
            results.append(
                CheckResult(
                    name=check.name, command=check.command, passed=finished.passed, end=finished.end,
                    exit_code=finished.exit_code, output="" if finished.passed else finished.output,
                    seconds=finished.seconds, runs=done + 1,
                )
            )  # fmt: skip
    return tuple(results)


def unpublished(left: Iterable[str], known: SetUp) -> list[str]:
    """Of the files that stay behind, the agent's own: no folder that a tool made, and nothing of the setup's."""
    return [name for name in left if not name.endswith("/") and not known.has_made(name)]


@contextlib.contextmanager
def _aside(space: Workspace, names: Iterable[str]) -> Iterator[None]:
    """The files are out of the tree for a while. None comes back to where a check has put a way out of the tree."""
    place = space.aside
    remove_tree(place)  # a killed run has left it
    place.mkdir(mode=0o700)
    moved = []
    try:
        for number, name in enumerate(names):
            with contextlib.suppress(FileNotFoundError):
                (space.tree / name).rename(place / str(number))
                moved.append((place / str(number), space.tree / name))
        yield
    finally:
        for kept, path in moved:
            with contextlib.suppress(OSError):  # a check has put something else in its way
                if path.parent.resolve().is_relative_to(space.tree.resolve()):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    kept.replace(path)
        remove_tree(place)
