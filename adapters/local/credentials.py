"""Secrets: environment, then .env beside the configuration. What is missing is named, with where to find it.

One tenant uses the plain names (`LINEAR_API_KEY`); of several tenants in one process, each has its own
(`ACME_LINEAR_API_KEY`), and the plain names count for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from factory_core.errors import ConfigProblem, NeedsPerson

from ..registry import Secret


class Missing(NamedTuple):
    """One secret that is not there. `name` is the variable that would hold it."""

    provider: str
    secret: Secret
    name: str


class MissingSecrets(NeedsPerson):
    """Without them no webhook could be trusted, or no vendor asked: the factory does not start."""

    code = "E-SECRET"

    def __init__(self, missing: Sequence[Missing]) -> None:
        lines = [f"{provider} {secret.what}: {name}" for provider, secret, name in missing]
        super().__init__(
            f"Not starting: {len(missing)} {'secret is' if len(missing) == 1 else 'secrets are'} missing.",
            why=f"looked in the environment and in .env for {'; '.join(lines)}",
            fix=f"factory connect {missing[0].provider}",
            see=missing[0].secret.where,
        )
        self.missing = tuple(missing)


def refuse_missing_secrets(missing: Sequence[Missing]) -> None:
    """Raise MissingSecrets with the whole list, if there is one."""
    if missing:
        raise MissingSecrets(missing)


class Secrets:
    """Looks secrets up by name; never shows a value."""

    def __init__(self, environment: Mapping[str, str], prefix: str = "") -> None:
        self._environment, self._prefix = environment, prefix

    def find(self, secret: Secret) -> str:
        """The value, or nothing."""
        return next((value for name in self.names(secret) if (value := self._environment.get(name, "").strip())), "")

    def several(self, secret: Secret) -> tuple[str, ...]:
        """Values separated by commas: while a secret is being rotated, the old and the new are both good."""
        return tuple(part for part in (part.strip() for part in self.find(secret).split(",")) if part)

    def names(self, secret: Secret) -> tuple[str, ...]:
        return tuple(self._prefix + name for name in secret.names)

    def __repr__(self) -> str:
        return "Secrets(…)"


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


def prefix_of(tenant: str, tenants: int) -> str:
    """What the names of this tenant's secrets begin with."""
    return f"{tenant.upper().replace('-', '_')}_" if tenants > 1 else ""
