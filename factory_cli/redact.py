"""What must never be shown is taken out of a text: the values of secrets that we know, and what looks like one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from adapters.credentials.files import written_lines
from adapters.logs.redaction import in_this_process, values_of_secrets

typed: list[str] = []
"""Secrets that were read from standard input or a prompt in this process."""


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """Without the secrets of every configuration that was read, of the environment, and of .env here."""

    def here() -> Collection[str]:
        return {*typed, *values_of_secrets(environment), *values_of_secrets(_written_here())}

    return in_this_process(here)(text)


MOST_FAULTS = 20
"""Files that are kept; a fault that repeats has one."""
MOST_FAULT_TEXT = 256_000
"""Characters of one: the end, where the fault is named."""


def keep(text: str, environment: Mapping[str, str]) -> str:
    """Write it to a file that only its owner can read, and give the path; empty when that does not work. Whoever shows
    the file is steered by nothing in it.

    The same text again gives the same file, and of many the newest are kept: a fault that repeats fills no disk.
    """
    directory = state_directory(environment)
    text = "".join(
        sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text[-MOST_FAULT_TEXT:]
    )
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        kept = sorted(directory.glob("fault-*.txt"))
        again = next((path for path in kept if path.name.endswith(f"-{digest}.txt")), None)
        for path in kept[: max(0, len(kept) - MOST_FAULTS + 1)] if again is None else ():
            path.unlink(missing_ok=True)
        path = again or directory / f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{digest}.txt"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return str(path)


def state_directory(environment: Mapping[str, str]) -> Path:
    """Where this user's programs keep what is no configuration: specifications.freedesktop.org/basedir-spec"""
    given = environment.get("XDG_STATE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".local" / "state") / "factory"


def _written_here() -> dict[str, str]:
    """Also when no configuration could be read."""
    try:
        return written_lines(Path(".env").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
