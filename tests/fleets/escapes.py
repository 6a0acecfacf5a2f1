"""Runs inside a wall: `python escapes.py TARGETS.json` tries every way out, and prints what it got, way → how.

Nothing but the standard library. An empty document means that the wall stands. It says nothing of what is found later:
a process that is left behind, or a file outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PTRACE_ATTACH = 16
FOUND: dict[str, str] = {}


def way(name: str, attempt: Callable[[], object]) -> None:
    """An attempt gets out when it gives something."""
    try:
        got = attempt()
    except (OSError, subprocess.SubprocessError, ValueError):
        return
    if got:
        FOUND[name] = str(got)[:200]


def read(path: str) -> str:
    return Path(path).read_bytes().decode(errors="replace")[:200] or "empty"


def write(path: str) -> str:
    with Path(path).open("ab"):
        return f"opened {path} for writing"


def link(path: str) -> str:
    name = f"link-{abs(hash(path))}"
    Path(name).symlink_to(path)
    try:
        return read(name)
    finally:
        Path(name).unlink()


def connect(family: int, address: Any) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        sock.connect(address)
        return f"connected to {address!r}"


def processes(file: str, words: str) -> str:
    """Processes that the words give away."""
    for path in Path("/proc").glob(f"[0-9]*/{file}"):
        with contextlib.suppress(OSError):
            if words in path.read_bytes().decode(errors="replace"):
                return str(path)
    return ""


def attach(pid: int) -> str:
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    return f"attached to {pid}" if ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 else ""


def shell(command: str) -> str:
    """What a command prints when it succeeds."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    return done.stdout if done.returncode == 0 else ""


def leave_behind(mark: str) -> None:
    """A process of its own session, twice forked, with an empty environment."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(300)", mark]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.execve(sys.executable, sleeper, {})
        os._exit(0)
    os.wait()


def tries(targets: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    for path in targets["secrets"]:
        yield f"read {path}", lambda path=path: read(path)
        yield f"read {path} through a symlink", lambda path=path: link(path)
        for root in ("/proc/1/root", "/proc/self/root/..", f"/proc/{targets['server']}/root"):
            yield f"read {path} below {root}", lambda path=path, root=root: read(root + path)
        yield f"read {path} in a new namespace", lambda path=path: shell(f"unshare -Urm cat '{path}'")
    for name in ("sys/kernel/core_pattern", "sys/kernel/modprobe", "sysrq-trigger"):
        yield f"write /proc/{name}", lambda name=name: write(f"/proc/{name}")
        undo = f"unshare -Urm sh -c 'umount -l /proc/sys; : >> /proc/{name} && echo opened'"
        yield f"write /proc/{name} in a new namespace", lambda undo=undo: shell(undo)
    yield "environment of the server", lambda: read(f"/proc/{targets['server']}/environ")
    yield "an address of the Internet", lambda: connect(socket.AF_INET, ("192.0.2.1", 443))
    yield "metadata of a cloud", lambda: connect(socket.AF_INET, ("169.254.169.254", 80))
    yield "names", lambda: socket.getaddrinfo("example.org", 443)
    yield "ptrace of the server", lambda: attach(targets["server"])
    yield "mount", lambda: shell("mount -t tmpfs none /mnt && echo mounted")
    yield "environments", lambda: processes("environ", targets["canary"])
    if targets["sandboxed"]:
        yield "the engine's key for the proxy", lambda: processes("environ", "http://engine:")
    if targets["namespaces"]:  # a container of one run has its own, and nothing else in it
        yield "command lines", lambda: processes("cmdline", "local_engines.supervise")
        yield "loopback of the host", lambda: connect(socket.AF_INET, ("127.0.0.1", targets["port"]))
        yield "abstract socket", lambda: connect(socket.AF_UNIX, "\0" + targets["abstract"])


def main() -> None:
    targets = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for name, attempt in tries(targets):
        way(name, attempt)
    for attempt in [lambda path=path: write(path) for path in targets["outside"]]:
        with contextlib.suppress(OSError):
            attempt()  # a directory of that name may be inside, too: whether it is out, is seen outside
    with contextlib.suppress(OSError):
        os.kill(targets["server"], signal.SIGKILL)
    leave_behind(targets["mark"] + "-left")
    print(json.dumps(FOUND, indent=1))


if __name__ == "__main__":
    main()
