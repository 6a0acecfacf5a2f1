"""The wall around every command that executes in an agent's work tree: bubblewrap's namespaces.

Inside exist the system's programs (read-only), what a Reach names, an empty home and an empty /tmp; paths are the same
on both sides. Processes are in a namespace of their own, which ends with the command or with whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field

from factory_core.work_item import Frozen

from .installed import SYSTEM
from .processes import MARK

_ETC = (
    *("alternatives", "fonts", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "mime.types", "nsswitch.conf", "os-release", "passwd", "protocols", "services", "timezone"),
    *("ca-certificates", "ssl/certs", "ssl/openssl.cnf", "pki/ca-trust", "pki/tls/certs", "pki/tls/openssl.cnf"),
)
_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL", "--die-with-parent", "--new-session", "--unsetenv", "TMPDIR", "--unsetenv", MARK),
)
_ROOTS_FILES = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi")

PROXY = "127.0.0.1:3128"
"""Where the run's proxy is found inside."""
_SOCKET = "/run/proxy"
_CARRIER = Path(__file__).with_name("walled.py")
NOBODY = 65534
SCRATCH = 2 << 30


class Reach(Frozen):
    """What one command can touch beside the system's programs; a path below another one decides for itself."""

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    moved: tuple[tuple[Path, Path], ...] = ()  # writable, and seen inside as the second path
    home: Path | None = None  # the directory that is seen as home; None: an empty one, which is forgotten
    proxy: Path | None = None  # unix socket of the run's proxy, the only way out; None: no network at all
    key: str = ""  # with it the proxy lets an engine reach its own model, too
    variables: Mapping[str, str] = Field(default_factory=dict)  # that say where something is inside
    stand_ins: tuple[int, ...] = ()  # for tests: ports of loopback that the proxy serves

    @property
    def own_paths(self) -> tuple[Path, ...]:
        """What is written, as this machine names it."""
        return (*self.writable, *(source for source, _ in self.moved))

    @property
    def environment(self) -> dict[str, str]:
        """What tells a program inside where things are, the proxy before all."""
        if self.proxy is None:
            return dict(self.variables)
        url = f"http://engine:{self.key}@{PROXY}" if self.key else f"http://{PROXY}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        return dict.fromkeys(names, url) | local | dict(self.variables)

    def plus(self, other: Reach) -> Reach:
        return Reach(
            writable=(*self.writable, *other.writable),
            readable=(*self.readable, *other.readable),
            moved=(*self.moved, *other.moved),
            home=other.home or self.home,
            proxy=other.proxy or self.proxy,
            key=other.key or self.key,
            variables={**self.variables, **other.variables},
            stand_ins=(*self.stand_ins, *other.stand_ins),
        )


class Wall(Protocol):
    """Puts a wall around a command line."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str:
        """What it is, in a few words."""
        ...

    def command(self, argv: Sequence[str], reach: Reach, cwd: Path) -> list[str]:
        """What runs `argv` in `cwd` within `reach`. Environment, standard streams and exit code pass through."""
        ...


class NoWall(Frozen):
    """For the factory's own scripted engine, and for `agents.wall: off`."""

    name: Literal["none"] = "none"

    @property
    def about(self) -> str:
        return "off: agents reach all that this user reaches"

    def command(self, argv: Sequence[str], reach: Reach, cwd: Path) -> list[str]:
        return list(argv)


class OwnSandbox(Frozen):
    """The sandbox that the engine itself puts around its tools, where there is no other: on macOS."""

    name: Literal["own"] = "own"

    @property
    def about(self) -> str:
        return "the engine's own sandbox"

    def command(self, argv: Sequence[str], reach: Reach, cwd: Path) -> list[str]:
        return list(argv)


class Container(Frozen):
    """The container of one run is the wall: commands run as `user`, who can read nothing of the factory's."""

    name: Literal["container"] = "container"
    user: int

    @property
    def about(self) -> str:
        return f"the container; agents run as user {self.user}"

    def command(self, argv: Sequence[str], reach: Reach, cwd: Path) -> list[str]:
        if os.getuid() != 0:
            return list(argv)  # the probe finds out what that means
        for path in (*reach.writable, *reach.readable):
            _open_way(path)
        for path in reach.own_paths:
            _hand_over(path, self.user)
        who = f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"
        return ["setpriv", *who, "--bounding-set=-all", "--no-new-privs", "--", *argv]


class Bubblewrap(Frozen):
    """`home` is where the home directory is seen; `readable` are toolchains outside the system's directories."""

    name: Literal["bubblewrap"] = "bubblewrap"
    home: Path
    readable: tuple[Path, ...] = ()
    scratch: int = SCRATCH  # bytes that a command may keep in each of its temporary directories, in memory; 0: no limit

    @property
    def about(self) -> str:
        return "bubblewrap, tried"

    def command(self, argv: Sequence[str], reach: Reach, cwd: Path) -> list[str]:
        inner = [*_carrier(reach.stand_ins), *argv] if reach.proxy else argv
        return ["bwrap", *_NAMESPACES, *self._mounts(reach), "--chdir", str(cwd), "--", *inner]

    def _mounts(self, reach: Reach) -> Iterator[str]:
        yield from _system()
        yield from ("--proc", "/proc")
        yield from _devices()
        if os.getuid() == 0:  # the kernel's settings are root's, who needs no capability to write them
            yield from ("--uid", str(NOBODY), "--gid", str(NOBODY))
            yield from (part for file in _ROOTS_FILES if Path(file).exists() for part in ("--ro-bind", file, file))
        for directory in ("/dev/shm", "/tmp", "/var/tmp", *([] if reach.home else [str(self.home)])):  # noqa: S108
            yield from (*(("--size", str(self.scratch)) if self.scratch else ()), "--tmpfs", directory)
        if reach.home:
            yield from ("--bind", str(reach.home), str(self.home))
        own = (_CARRIER, Path(sys.base_prefix)) if reach.proxy else ()
        readable = {str(path): "--ro-bind-try" for path in (*self.readable, *reach.readable, *own)}
        binds = readable | {str(path): "--bind-try" for path in reach.writable}
        for path in sorted(binds, key=lambda path: path.count("/")):
            yield from (binds[path], path, path)
        yield from (part for source, seen in reach.moved for part in ("--bind-try", str(source), str(seen)))
        if reach.proxy:
            yield from ("--ro-bind", str(reach.proxy), _SOCKET)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/")


def _carrier(stand_ins: Sequence[int]) -> list[str]:
    """What carries the loopback inside to the run's proxy."""
    python = os.path.realpath(sys.executable)
    return [python, "-IS", str(_CARRIER), _SOCKET, ",".join((PROXY.rpartition(":")[2], *map(str, stand_ins)))]


AnyWall = Annotated[Bubblewrap | Container | OwnSandbox | NoWall, Field(discriminator="name")]


def _open_way(path: Path) -> None:
    """Let everybody walk to `path`, and list nothing on the way."""
    for parent in path.parents:
        with contextlib.suppress(OSError):
            parent.chmod(parent.stat().st_mode | 0o011)


def _hand_over(path: Path, user: int) -> None:
    """Make `path` the user's, with all in it; nothing if that is done."""
    if not path.exists() or path.stat().st_uid == user:
        return
    for folder, _, files in os.walk(path):
        for name in (".", *files):
            os.chown(Path(folder, name), user, user, follow_symlinks=False)


def _devices() -> Iterator[str]:
    """A /dev of its own: bubblewrap makes one with terminals, where the machine has all that it wants to copy."""
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")]
    if all(Path(device).exists() for device in devices):
        yield from ("--dev", "/dev")
        return
    yield from ("--tmpfs", "/dev", "--symlink", "/proc/self/fd", "/dev/fd", "--dir", "/dev/shm")  # noqa: S108
    yield from (part for device in devices for part in ("--dev-bind-try", device, device))


def _system() -> Iterator[str]:
    for path in SYSTEM:
        if Path(path).is_symlink():
            yield from ("--symlink", str(Path(path).readlink()), path)
        else:
            yield from ("--ro-bind-try", path, path)
    for name in _ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
