"""Where secrets lie on this machine: the environment, then .env beside the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from factory_core.errors import ConfigProblem

from ..credentials import Secrets, Values


def environment_with_file(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment over the lines `NAME=value` of a .env file; quotes around a value are taken off."""
    return {**_written(file), **environment}


def secrets_here(environment: Mapping[str, str], file: Path, prefix: str = "") -> Secrets:
    """Those of the environment over those of the file, which is read again when a vendor refuses a token."""
    digest: tuple[int, int, int] | None = None
    written: dict[str, str] = {}

    async def kept() -> Values:
        nonlocal digest, written
        seen = _seen(file)
        if seen != digest:
            written, digest = _written(file), seen
        return environment, written

    return Secrets(environment_with_file(environment, file), prefix, kept=kept)


def _seen(file: Path) -> tuple[int, int, int]:
    """What tells that a file was changed, or replaced."""
    try:
        about = file.stat()
    except OSError:
        return (0, 0, 0)
    return (about.st_mtime_ns, about.st_size, about.st_ino)


def _written(file: Path) -> dict[str, str]:
    lines = _text(file).splitlines() if file.is_file() else []
    pairs = (line.removeprefix("export ").partition("=") for line in map(str.strip, lines) if not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, mark, value in pairs if mark}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigProblem(f"{file} cannot be read", why=why, fix="In the shell: mend that file") from None
