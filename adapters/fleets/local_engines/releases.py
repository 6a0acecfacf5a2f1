"""Which versions of an engine the factory was tested with."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Judgement = Literal["tested", "newer", "older", "unknown"]


class Release(NamedTuple):
    """`oldest` whole, `newest` as a series: (2, 1) holds every 2.1."""

    package: str  # of npm
    oldest: tuple[int, ...]
    newest: tuple[int, ...]

    @property
    def install(self) -> str:
        return f"npm install -g {self.package}@{_spelled(self.newest)}"

    @property
    def range(self) -> str:
        return f"{_spelled(self.oldest)} to {_spelled(self.newest)}"

    def judge(self, said: str) -> Judgement:
        """What `--version` said."""
        found = re.search(r"\b(\d+)\.(\d+)\.(\d+)\b", said)
        if found is None:
            return "unknown"
        version = tuple(int(part) for part in found.groups())
        if version < self.oldest:
            return "older"
        return "newer" if version[: len(self.newest)] > self.newest else "tested"


def _spelled(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
