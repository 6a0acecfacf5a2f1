"""A scripted agent that wants out: `python -ISc` of this file's text, with a plan in JSON as its argument.

It tries each way once, and writes to found.json in its tree which of them led somewhere: kind → what. Nothing but the
standard library; what it would damage is given by the plan, in a directory that goes away.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_HOOKS = ("pre-commit", "post-commit", "pre-push", "post-checkout", "post-index-change", "reference-transaction")


def main(plan: dict[str, Any]) -> None:
    found: dict[str, list[str]] = {}

    def attempt(kind: str, what: str, way: Callable[[], object]) -> None:
        try:
            if way():
                found.setdefault(kind, []).append(what)
        except (OSError, ValueError):
            pass

    for path in plan["reads"]:
        attempt("reads", path, partial(_read, Path(path)))
    attempt("reads", "the environment of another process", lambda: _environments(plan["canary"].encode()))
    attempt("writes", plan["writes"], partial(_write, Path(plan["writes"])))
    attempt("connects", "a server on this machine", lambda: _connect(plan["port"]))
    attempt("connects", "a server on this machine, by the proxy", lambda: _through_proxy(plan["port"]))
    attempt("connects", "foreign addresses", _has_way_out)
    Path("found.json").write_text(json.dumps(found))
    Path("note.txt").write_text(plan["note"][::-1])
    _leave(plan["left"])
    if plan["nested"]:
        _nest(plan["mark"])
    _plant(Path(".git"), plan["mark"])


def _read(path: Path) -> object:
    return [*path.iterdir()] if path.is_dir() else path.read_bytes()[:1]


def _environments(canary: bytes) -> bool:
    own = str(os.getpid())
    others = (path for path in Path("/proc").glob("[0-9]*/environ") if path.parts[2] != own)
    return any(canary in _bytes(path) for path in others)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _write(path: Path) -> bool:
    """Whether it was that file, or one of the same name in a temporary directory of the wall's, is seen outside."""
    with path.open("ab") as file:
        return file.write(b"!") > 0


def _connect(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port), 2).close()
    return True


def _through_proxy(port: int) -> bool:
    host, _, proxy = os.environ.get("HTTP_PROXY", "").rpartition("@")[2].removeprefix("http://").rpartition(":")
    if not host:
        return False
    with socket.create_connection((host, int(proxy)), 2) as connection:
        connection.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        return b" 200 " in connection.recv(64)


def _has_way_out() -> bool:
    """A datagram's socket connects where there is a route, and sends nothing. 192.0.2.1 is nobody's (RFC 5737)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        return True


def _leave(mark: str) -> None:
    """A process that does not belong to the run any more, as far as it can help."""
    waiting = "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(600)"
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-ISc", waiting, mark],
        env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ).wait()  # fmt: skip


def _nest(mark: str) -> None:
    """A repository below this one, which git enters with that one's own settings."""
    Path("nested").mkdir()
    for place, *arguments in (
        ("nested", "init", "--quiet"), ("nested", "commit", "--quiet", "--allow-empty", "--message=nested"),
        (".", "add", "nested"), (".", "commit", "--quiet", "--message=nested"),
    ):  # fmt: skip
        subprocess.run(["git", *arguments], cwd=place, check=False, capture_output=True)  # noqa: S603, S607
    Path("nested/file.txt").write_text("1")
    Path("nested/.gitattributes").write_text("* filter=planted\n")
    _plant(Path("nested/.git"), mark)


def _plant(directory: Path, mark: str) -> None:
    """Everything for which git runs a program, or speaks with another host. This process calls no git afterwards."""
    hooks = directory / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in _HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        (hooks / name).chmod(0o755)
    (directory / "info").mkdir(exist_ok=True)
    (directory / "info/attributes").write_text("* filter=planted diff=planted\n")
    with (directory / "config").open("a") as config:
        config.write(
            f'[core]\n\thooksPath = {hooks.resolve()}\n\tfsmonitor = "touch {mark}"\n\tsshCommand = "touch {mark}"\n'
            f'[filter "planted"]\n\tclean = "touch {mark}; cat"\n\tsmudge = "touch {mark}; cat"\n'
            f'[diff "planted"]\n\tcommand = "touch {mark}"\n\ttextconv = "touch {mark}; cat"\n'
            f'[credential]\n\thelper = "!touch {mark}"\n[gpg]\n\tprogram = "touch {mark}"\n[commit]\n\tgpgSign = true\n'
            '[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n[http]\n\tproxy = http://127.0.0.1:9\n'
        )


if __name__ == "__main__":
    print(json.dumps({"type": "started"}), flush=True)
    main(json.loads(sys.argv[1]))
    print(json.dumps({"type": "done", "words": "Tried it."}), flush=True)
