"""What must never be shown is taken out of a text: the values of secrets that we know, and what looks like one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
LOOKS_SECRET = re.compile(
    r"lin_(?:api|oauth)_\w+|xox[a-z]-[\w-]+|gh[a-z]_\w{8,}|github_pat_\w+|sk-[\w-]{8,}"
    r"|(?<=Bearer )[^\s'\"]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
SHORTEST = 6  # a shorter value would take ordinary words out of the text
typed: list[str] = []
"""Secrets that were read from standard input or a prompt in this process."""


def redacted(text: str, environment: Mapping[str, str]) -> str:
    for value in sorted({*_known(environment), *typed}, key=len, reverse=True):
        text = text.replace(value, "[hidden]")
    return LOOKS_SECRET.sub("[hidden]", text)


def keep(text: str, environment: Mapping[str, str]) -> str:
    """Write it to a file that only its owner can read, and give the path; empty when that does not work."""
    directory = state_directory(environment)
    path = directory / f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError:
        return ""
    return str(path)


def state_directory(environment: Mapping[str, str]) -> Path:
    """Where this user's programs keep what is no configuration: specifications.freedesktop.org/basedir-spec"""
    given = environment.get("XDG_STATE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".local" / "state") / "factory"


def _known(environment: Mapping[str, str]) -> Iterator[str]:
    file = Path(".env")
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    except OSError:
        lines = []
    written = (line.partition("=") for line in lines)
    pairs = [*environment.items(), *((name, value.strip().strip("'\"")) for name, _, value in written)]
    for name, value in pairs:
        if SECRET_NAME.search(name):
            yield from (part for part in (value, *value.split(",")) if len(part.strip()) >= SHORTEST)
