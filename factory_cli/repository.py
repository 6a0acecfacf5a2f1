"""What a git repository tells of itself: its name at the code host, its default branch, how its tests are run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from factory_core.payload import object_in, text

REMOTE = re.compile(r"[/:](?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?/?$")
KNOWN = {"go.mod": "go test ./...", "Cargo.toml": "cargo test", "mix.exs": "mix test", "Gemfile": "rake test"}
SETUPS = {
    "package-lock.json": "npm ci", "pnpm-lock.yaml": "pnpm install --frozen-lockfile",
    "yarn.lock": "yarn install --frozen-lockfile", "uv.lock": "uv sync --frozen", "go.sum": "go mod download",
    "Cargo.lock": "cargo fetch --locked",
}  # fmt: skip
"""What makes a fresh work tree ready, by the file that says of which versions."""
NODE_NOTHING = "no test specified"  # what npm init writes


class Found(NamedTuple):
    repo: str
    base: str
    verify: str
    setup: str = ""

    @property
    def words(self) -> str:
        tests = f"tests by {self.verify}" if self.verify else "no tests that it knows"
        return f"git repository {self.repo or 'without a remote'}, default branch {self.base}, {tests}"


def look(directory: Path) -> Found:
    remote = REMOTE.search(_git(directory, "config", "--get", "remote.origin.url"))
    head = _git(directory, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    base = head or _git(directory, "symbolic-ref", "--short", "HEAD") or "main"
    return Found(remote["repo"] if remote else "", base, verify_command(directory), setup_command(directory))


def setup_command(directory: Path) -> str:
    return next((command for name, command in SETUPS.items() if (directory / name).exists()), "")


def verify_command(directory: Path) -> str:
    """The usual command for what lies here; empty when nothing is recognised."""
    if _make_tests(directory / "Makefile"):
        return "make test"
    if (directory / "uv.lock").exists():
        return "uv run --no-sync pytest"
    if any((directory / name).exists() for name in ("pytest.ini", "pyproject.toml", "tox.ini")):
        return "pytest"
    if _npm_tests(directory / "package.json"):
        return "npm test"
    return next((command for name, command in KNOWN.items() if (directory / name).exists()), "")


def _make_tests(path: Path) -> bool:
    rules = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return bool(re.search(r"^test\s*:(?!=)", rules, re.MULTILINE))


def _npm_tests(path: Path) -> bool:
    try:
        script = text(object_in(path.read_bytes()), "scripts", "test")
    except OSError:
        return False
    return bool(script) and NODE_NOTHING not in script


def _git(directory: Path, *arguments: str) -> str:
    """Its answer, or nothing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True, timeout=5)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
