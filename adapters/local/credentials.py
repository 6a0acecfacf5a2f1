"""Where secrets lie on this machine: the environment, then .env beside the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from factory_core.errors import ConfigProblem


def environment_with_file(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment over the lines `NAME=value` of a .env file; quotes around a value are taken off."""
    lines = _text(file).splitlines() if file.is_file() else []
    pairs = (line.removeprefix("export ").partition("=") for line in map(str.strip, lines) if not line.startswith("#"))
    written = {name.strip(): value.strip().strip("'\"") for name, mark, value in pairs if mark}
    return {**written, **environment}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigProblem(f"{file} cannot be read", why=why, fix="In the shell: mend that file") from None
