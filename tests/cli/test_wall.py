"""What the commands say of the wall around agents: where it stands, where it is missing, and where it is off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .calling import Command, running


def with_engine(directory: Path, more: str = "") -> Path:
    path = directory / "factory.config.yaml"
    text = path.read_text()
    assert "engine: console" in text
    path.write_text(text.replace("engine: console", f"engine: claude{more}"))
    return directory


def nowhere(directory: Path) -> str:
    """A PATH with git, and no bubblewrap."""
    (directory / "path").mkdir()
    (directory / "path/git").symlink_to(shutil.which("git") or "")
    (directory / "path/apt-get").symlink_to("/bin/true")
    return str(directory / "path")


MISSING = "bubblewrap is not installed: no program bwrap on PATH"
FIX = "In your shell: sudo apt-get install bubblewrap socat"


def test_without_a_wall_check_and_doctor_name_the_command_that_installs_it(ready: Path, command: Command) -> None:
    path = nowhere(with_engine(ready))
    done = command("check", cwd=ready, PATH=path)
    assert done.code == 4
    assert f"wall    ✗ unavailable: {MISSING} → {FIX}" in done.out
    assert done.out.splitlines()[-1].startswith("No agent starts until that is fixed: ")
    said = command("check", "--json", cwd=ready, PATH=path).document
    assert said["ready"] is False and said["connections"][-1]["fix_in_words"] == FIX
    done = command("doctor", cwd=ready, PATH=path)
    assert done.code == 1
    assert f"✗ wall            {MISSING}" in done.out and FIX in done.out


def test_without_a_wall_the_factory_starts_and_says_so(ready: Path) -> None:
    """Tickets are still triaged, and people asked."""
    path = nowhere(with_engine(ready))
    with running("serve", "--port", "0", cwd=ready, until="Ready.", PATH=path) as (_, said):
        assert f"  Wall       ✗ no agent starts: {MISSING}" in said and f"fix: {FIX}" in said


def test_a_wall_that_is_off_is_said_and_is_no_failure(ready: Path, command: Command) -> None:
    with_engine(ready, "\n  wall: off")
    assert "wall    ✓ off: agents reach all that this user reaches" in command("check", cwd=ready).out
    assert "! wall            off: agents reach all that this user reaches" in command("doctor", cwd=ready).out


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bwrap")
def test_a_wall_that_stands_is_named(ready: Path, command: Command) -> None:
    with_engine(ready)
    assert "wall    ✓ bubblewrap, tried" in command("check", cwd=ready).out


@pytest.mark.parametrize("domain", ["https://example.org", "10.0.0.1", "localhost", "*", "example.org/x", ""])
def test_what_is_no_domain_is_refused_with_its_key(home: Path, domain: str, command: Command) -> None:
    path = home / "factory.config.yaml"
    path.write_text(path.read_text().replace("engine: console", f"engine: console, allowedDomains: ['{domain}']"))
    done = command("check", cwd=home)
    assert done.code == 2 and "agents.allowedDomains" in done.err and "a domain looks like example.org" in done.err
