"""One call of git. A credential is in the environment of that one process: not in argv, a URL or a config file."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

Tick = Callable[[], None]
"""Called several times a second while git works; it may raise to end it."""

_ALWAYS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "http.followRedirects=false",  # a header would follow to the other host
    "gc.pruneExpire=never",  # work trees borrow the mirror's objects
    "gc.autoDetach=false",  # nothing of it outlives its run
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


def git(place: Path, *arguments: str, environment: Mapping[str, str], tick: Tick) -> str:
    """Run git in `place` and give its output, stripped; raise GitFailed. `environment` is all that it sees."""
    settings = (part for setting in _ALWAYS for part in ("-c", setting))
    with subprocess.Popen(  # noqa: S603
        ["git", *settings, *arguments],  # noqa: S607
        cwd=place, env=dict(environment), text=True, errors="replace", process_group=0,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            output, errors = _wait(process, tick)
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        raise GitFailed((errors.strip() or output.strip() or f"exit code {process.returncode}") + _rejected(output))
    return output.strip()


def http_credential(user: str, password: str) -> dict[str, str]:
    """The extra environment with which git signs in over HTTP."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
    }


def _wait(process: subprocess.Popen[str], tick: Tick) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=0.2)
        except subprocess.TimeoutExpired:
            tick()


def _end(process: subprocess.Popen[str]) -> None:
    """End git and its helper for the network: asked first, since a killed git leaves its lock files behind."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _rejected(output: str) -> str:
    """`git push --porcelain` says on its output which ref was refused, and why."""
    return "".join(f" {line}" for line in output.splitlines() if line.startswith("!"))
