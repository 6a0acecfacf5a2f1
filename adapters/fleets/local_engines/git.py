"""One call of git. A credential comes to it as an open file: not in argv, the environment, a URL or a config file."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from factory_core.text.addresses import is_private

Tick = Callable[[], None]
"""Called several times a second while git works; it may raise to end it."""
Headers = Mapping[str, str]
"""HTTP headers with which git signs in at a code host; none: it does not."""

_ALWAYS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",  # those in the home directory are a person's
    "core.excludesFile=/dev/null",
    "core.commitGraph=false",  # a file that an agent can write, and git believes
    "commit.gpgSign=false",
    "http.followRedirects=false",  # a header would follow to the other host
    "gc.auto=0",  # clones borrow the mirror's objects
    "fetch.unpackLimit=1",  # packs are counted, loose objects are not
    "maintenance.auto=false",
    "submodule.recurse=false",
)


_UNAUTHORISED = (
    "Authentication failed", "could not read Username", "could not read Password", "Invalid username or", "error: 401",
)  # fmt: skip


class GitFailed(Exception):
    """git said no; the message is what it said, without the command."""

    @property
    def unauthorised(self) -> bool:
        """Did the other side refuse the credential, or miss one? That it lacks a permission is another answer."""
        return any(mark in str(self) for mark in _UNAUTHORISED)


def git(place: Path, *arguments: str, environment: Mapping[str, str], tick: Tick, credential: int = -1) -> str:
    """Run git in `place` and give its output, stripped; raise GitFailed. `environment` is all that it sees.

    `credential` is the descriptor of a credential_file.
    """
    with _readable(credential) as path:
        include = ("-c", f"include.path={path}") if path else ()
        kept = (credential,) if path else ()
        output = run(command(*include, *arguments), place, environment=environment, tick=tick, keep=kept)
    return output.decode(errors="replace").strip()


def repository_at(path: Path, environment: Mapping[str, str]) -> Path:
    """The git directory of the checkout that `path` is in. Raises GitFailed."""
    named = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    try:
        return Path(git(path, *named, environment=environment, tick=lambda: None))
    except OSError as error:
        raise GitFailed(error.strerror or str(error)) from None


def command(*arguments: str) -> list[str]:
    """git's command line, with what every call of ours has."""
    return ["git", *(part for setting in _ALWAYS for part in ("-c", setting)), *arguments]


def run(
    argv: Sequence[str], place: Path, *, environment: Mapping[str, str], tick: Tick,
    given: bytes = b"", into: IO[bytes] | None = None, keep: Sequence[int] = (),
) -> bytes:  # fmt: skip
    """The output of a command, whatever is in it, or nothing when it goes `into` a file; raise GitFailed."""
    with _file_of(given) as stdin, subprocess.Popen(  # noqa: S603
        argv, cwd=place, env=dict(environment), process_group=0, pass_fds=keep,
        stdin=stdin, stdout=into or subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            output, errors = _wait(process, tick)
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        said, printed = errors.decode(errors="replace").strip(), (output or b"").decode(errors="replace")
        raise GitFailed((said or printed.strip() or f"exit code {process.returncode}") + _rejected(printed))
    return output or b""


def http_credential(user: str, password: str) -> dict[str, str]:
    """The headers with which git signs in over HTTP."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def for_host(url: str, token: str) -> Callable[[str], Headers]:
    """Clone address → the headers for it: none where may_sign_in() says no."""
    return lambda clone_url: http_credential("x-access-token", token) if may_sign_in(url, clone_url) else {}


def may_sign_in(url: str, clone_url: str) -> bool:
    """Does the credential for `url` go there? Only to its own scheme, host and port, and where nobody on the way can
    read it."""
    return is_private(clone_url) and same_host(url, clone_url)


def same_host(one: str, other: str) -> bool:
    """Is it one scheme, one host and one port? Never when there is no host, as in a path."""
    return _origin(one) == _origin(other) != ("", "", None)


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # it holds no number where the port is
        return "", "", None
    return (parts.scheme, parts.hostname, port) if parts.hostname else ("", "", None)


@contextlib.contextmanager
def credential_file(headers: Headers, clone_url: str) -> Iterator[int]:
    """The descriptor of a nameless file in which git finds the headers for this address alone; -1 for none of them."""
    scope = urlsplit(clone_url)
    if not headers or scope.scheme not in ("http", "https"):
        yield -1
        return
    address = scope._replace(netloc=scope.netloc.rpartition("@")[2], query="", fragment="").geturl()
    lines = [f"[http {_quoted(address)}]", *(f"\textraHeader = {_quoted(f'{k}: {v}')}" for k, v in headers.items())]
    descriptor = _nameless()
    try:
        os.write(descriptor, "\n".join([*lines, ""]).encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _nameless() -> int:
    """A file that is in memory where the system has such, and in no directory."""
    if sys.platform == "linux":
        return os.memfd_create("credential")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@contextlib.contextmanager
def _readable(descriptor: int) -> Iterator[str]:
    """Where git and its helpers find the open file, which on other systems than Linux gets a name for that."""
    if descriptor < 0 or sys.platform == "linux":
        yield f"/proc/self/fd/{descriptor}" if descriptor >= 0 else ""
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        file.flush()
        yield file.name


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[IO[bytes]]:
    """What a process is to read: `communicate` writes no more of its input once it has timed out."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def _wait(process: subprocess.Popen[bytes], tick: Tick) -> tuple[bytes | None, bytes]:
    while True:
        try:
            return process.communicate(timeout=0.2)
        except subprocess.TimeoutExpired:
            tick()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and its helper for the network: asked first, since a killed git leaves its lock files behind."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _rejected(output: str) -> str:
    """`git push --porcelain` says on its output which ref was refused, and why."""
    return "".join(f" {line}" for line in output.split("\n") if line.startswith("!"))
