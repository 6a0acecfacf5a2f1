"""Which wall an engine gets here. A wall counts after a probe run, not because a program is installed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from factory_core.errors import EngineUnavailable

from .installed import Installations
from .wall import NOBODY, SCRATCH, AnyWall, Bubblewrap, Container, NoWall, OwnSandbox, Reach

OUTSIDE = ("1.1.1.1:443", "8.8.8.8:53")
"""Addresses that are always there where the Internet is; a container that reaches them is open to all of it."""

Policy = Literal["required", "container", "off"]

_SCRIPT = """
import json, os, socket, sys
secret, parent, *addresses = sys.argv[1:]
found = []
for path in (secret, f"/proc/{parent}/environ"):
    try:
        with open(path, "rb") as file:
            file.read(1)
        found.append("it reads " + path)
    except OSError:
        pass
for address in addresses:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1.5).close()
        found.append("it connects to " + address)
    except OSError:
        pass
print(json.dumps(found))
"""


class NoWallHere(EngineUnavailable):
    """No engine can be walled in on this machine; the fix says how it could."""

    code = "E-NO-WALL"


def wall_for(
    policy: Policy,
    environment: Mapping[str, str],
    private: tuple[Path, ...],
    own: bool,
    programs: tuple[str, ...] = (),
) -> AnyWall:
    """The wall for engines here; `own`: this engine's own sandbox is one. Raises NoWallHere. May take half a second.

    What holds one of the `private` paths is never shown inside. `programs`: what the engine's sandbox needs beside it.
    """
    if policy == "off":
        return NoWall()
    if policy == "container":
        container = Container(user=_owner(Path(environment.get("HOME") or "/nonexistent")))
        _probe(container)
        return container
    if sys.platform == "darwin":
        if own:
            return OwnSandbox()
        why = "on macOS only Claude Code walls itself in"
        raise NoWallHere("This engine does not start: it has no wall", why=why, fix=_OFF)
    for program in ("bwrap", *programs):
        if shutil.which(program) is None:
            name = "bubblewrap" if program == "bwrap" else program
            why = f"{name} is not installed: no program {program} on PATH"
            raise NoWallHere("No engine starts: there is no wall", why=why, fix=f"In your shell: {_installation()}")
    wall = bubblewrap(environment, private)
    _probe(wall)
    return wall


def _owner(home: Path) -> int:
    """Whose home it is, unless it is root's."""
    return (home.stat().st_uid if home.exists() else 0) or NOBODY


def bubblewrap(environment: Mapping[str, str], private: tuple[Path, ...]) -> Bubblewrap:
    home = Path(environment.get("HOME") or "/")
    installations = Installations(environment, private)
    return Bubblewrap(
        home=home if home != Path("/") else Path("/nonexistent"),
        readable=installations.toolchains(),
        scratch=SCRATCH if _has_sizes() else 0,
    )


@functools.cache
def _has_sizes() -> bool:
    """Before 0.7, bubblewrap could not limit a temporary directory."""
    done = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False)  # noqa: S607
    return "--size" in done.stdout + done.stderr


@functools.cache
def _probe(wall: AnyWall) -> None:
    """Raise NoWallHere unless a command inside cannot read what is ours and cannot connect. Only success is kept."""
    with tempfile.TemporaryDirectory(prefix="factory-wall-") as folder, socket.create_server(("127.0.0.1", 0)) as local:
        secret, inside = Path(folder, "secret"), Path(folder, "inside")
        secret.write_text("secret")
        secret.chmod(0o600)
        inside.mkdir()
        addresses: tuple[str, ...]
        if isinstance(wall, Bubblewrap):
            python, addresses = os.path.realpath(sys.executable), (f"127.0.0.1:{local.getsockname()[1]}",)
        else:  # whose user may not reach a Python in a home
            python, addresses = shutil.which("python3", path=os.defpath) or sys.executable, OUTSIDE
        reach = Reach(writable=(inside,), readable=(Path(sys.base_prefix),) if isinstance(wall, Bubblewrap) else ())
        argv = [python, "-ISc", _SCRIPT, str(secret), str(os.getpid()), *addresses]
        try:
            done = subprocess.run(  # noqa: S603
                wall.command(argv, reach, inside), capture_output=True, text=True, timeout=30, cwd=inside, check=False
            )
            found = json.loads(done.stdout) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise NoWallHere("No engine starts: the wall does not stand", why=str(error), fix=_OFF) from None
    if found is None:
        why, fix = _cause(done.stderr.strip()[-300:])
        raise NoWallHere("No engine starts: the wall does not stand", why=why, fix=fix)
    if found:
        fix = _ANOTHER_BWRAP if isinstance(wall, Bubblewrap) else _NO_SUCH_CONTAINER
        raise NoWallHere("No engine starts: the wall has holes", why="; ".join(found), fix=fix)


_ANOTHER_BWRAP = "In your shell: which -a bwrap; then take what is not bubblewrap's from PATH"
_NO_SUCH_CONTAINER = "In the container: start it as root, with one run in it and no way out but to what it needs"
_OFF = "In factory.config.yaml: set agents.wall to off, if agents may reach all that this user reaches"
_PROFILE = r"abi <abi/4.0>,\nprofile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }\n"


def _cause(stderr: str) -> tuple[str, str]:
    """What keeps bubblewrap from making its namespaces, and what lets it."""
    if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        why = "AppArmor keeps programs from making user namespaces (kernel.apparmor_restrict_unprivileged_userns=1)"
        reload = "sudo systemctl reload apparmor"
        return why, f"In your shell: printf '{_PROFILE}' | sudo tee /etc/apparmor.d/bwrap && {reload}"
    for name, bad, good in (("kernel.unprivileged_userns_clone", "0", "1"), ("user.max_user_namespaces", "0", "15000")):
        if _setting(f"/proc/sys/{name.replace('.', '/')}") == bad:
            return f"the kernel makes no user namespaces ({name}={bad})", f"In your shell: sudo sysctl -w {name}={good}"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        why = f"this container's seccomp profile refuses user namespaces: {stderr}"
        return why, "In factory.config.yaml: set agents.wall to container, with one run in each container"
    return stderr or "bwrap said nothing", _OFF


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _installation() -> str:
    """The command that installs bubblewrap, and the socat that Claude's own sandbox needs, with what is here."""
    managers = {"apt-get": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S", "zypper": "zypper install"}
    here = next((command for program, command in managers.items() if shutil.which(program)), "apt-get install")
    return f"sudo {here} bubblewrap socat"
