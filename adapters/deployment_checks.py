"""One line of `factory deploy CLOUD --dry-run`: what of a deployment was looked at, and what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple

from factory_core.errors import Problem


class DeploymentCheck(NamedTuple):
    """`problem` is None where all is well."""

    section: str
    name: str
    words: str
    problem: Problem | None = None


def failed_check(section: str, name: str, problem: Problem) -> DeploymentCheck:
    return DeploymentCheck(section, name, f"{problem.what}: {problem.why}", problem)
