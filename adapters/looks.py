"""One line of `factory deploy CLOUD --dry-run`: what of a deployment was looked at, and what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple

from factory_core.errors import Problem


class Look(NamedTuple):
    """`problem` is None where all is well."""

    section: str
    name: str
    words: str
    problem: Problem | None = None


def trouble(section: str, name: str, problem: Problem) -> Look:
    return Look(section, name, f"{problem.what}: {problem.why}", problem)
