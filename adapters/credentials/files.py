"""Where secrets lie on this machine: the environment, then .env beside the configuration."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from factory_core.errors import ConfigProblem

from .secrets import Secrets, Values


def environment_with_file(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment over what the .env file sets. Raises ConfigProblem for a line that is no such setting."""
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


def open_to_others(file: Path) -> str:
    """What is to be said of a file of secrets that others on this machine can read or write; else empty."""
    try:
        mode = file.stat().st_mode & 0o777
    except OSError:
        return ""
    can = "write" if mode & 0o022 else "read" if mode & 0o044 else ""
    return f"others on this machine can {can} it (mode {mode:o})" if can else ""


def _seen(file: Path) -> tuple[int, int, int]:
    """What tells that a file was changed, or replaced."""
    try:
        about = file.stat()
    except OSError:
        return (0, 0, 0)
    return (about.st_mtime_ns, about.st_size, about.st_ino)


def _written(file: Path) -> dict[str, str]:
    text = _text(file) if file.is_file() else ""
    wrong = next((setting.original for setting in parse_stream(io.StringIO(text)) if setting.error), None)
    if wrong:
        blank = len(wrong.string) - len(wrong.string.lstrip("\n"))  # lines before it belong to it
        why = "it is no NAME=value, or the quote around its value is not closed"
        where = f"{file}, line {wrong.line + blank}"
        raise ConfigProblem(f"{where}: not a setting", why=why, fix=f"In {file}: correct line {wrong.line + blank}")
    return written_lines(text)


def written_lines(text: str) -> dict[str, str]:
    """What a .env file sets, as its text says: nothing in it is replaced by other variables."""
    settings = parse_stream(io.StringIO(text))
    return {setting.key: setting.value for setting in settings if setting.key and setting.value is not None}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        denied = isinstance(error, PermissionError)
        fix = f"give the factory's user the right to read {file}" if denied else f"save {file} as UTF-8 text"
        raise ConfigProblem(f"{file} cannot be read", why=why, fix=f"In the shell: {fix}") from None
