"""What an engine says of itself when it is asked: its version, and whether it is signed in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.fleets.local_engines import engine_state
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.console import Console
from adapters.fleets.local_engines.engine import Engine
from adapters.fleets.local_engines.engine_state import EngineState, state_of

INSTALL = "In the shell: npm install -g"


def asked(folder: Path, engine: Engine, version: str = "", status: int = 0, script: str = "") -> EngineState:
    """A program of the engine's name that answers so; none without an answer."""
    if version or script:
        program = folder / engine.name
        program.write_text(script or f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit 0\nexit {status}\n')
        program.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    return asyncio.run(state_of(engine, environment))


@pytest.mark.parametrize("engine", [Claude(), Codex()], ids=lambda engine: engine.name)
def test_an_engine_is_asked_for_its_version_and_its_sign_in(tmp_path: Path, engine: Claude | Codex) -> None:
    """The one it was tested with, signed in: nothing is to be done."""
    version = ".".join(map(str, engine.release.oldest))
    found = asked(tmp_path, engine, version)
    assert (found.judgement, found.signed_in, found.fix, found.is_usual) == ("tested", True, "", True)
    assert found.words == f"{version}, signed in"


@pytest.mark.parametrize(
    ("engine", "version", "status", "fix", "words"),
    [
        (Claude(), "2.1.300 (Claude Code)", 1, "claude auth login", "not signed in"),
        (Codex(), "codex-cli 0.170.2", 1, "codex login", "not signed in"),
        (Claude(), "2.0.9 (Claude Code)", 0, INSTALL, "older: 2.1.197 to 2.1 was tested"),
        (Claude(), "Claude Code, some build", 0, INSTALL, "unknown"),
        (Claude(), "2.0.9 (Claude Code)", 1, INSTALL, "older"),
        (Claude(), "", 0, INSTALL, "not found"),
    ],
)
def test_what_keeps_an_engine_from_working_comes_with_its_fix(
    tmp_path: Path, engine: Engine, version: str, status: int, fix: str, words: str
) -> None:
    """Signed out, too old, of a version that nobody knows, or not there."""
    found = asked(tmp_path, engine, version, status)
    assert fix in found.fix and words in found.words


def test_a_newer_version_is_a_warning(tmp_path: Path) -> None:
    """It may work: nobody has tried."""
    found = asked(tmp_path, Claude(), "3.0.1 (Claude Code)")
    assert (found.judgement, found.fix, found.is_usual) == ("newer", "", False)


def test_an_engine_that_cannot_tell_whether_it_is_signed_in_is_a_warning(tmp_path: Path) -> None:
    """An older one has no such command."""
    found = asked(tmp_path, Claude(), "2.1.197", status=2)
    assert (found.signed_in, found.fix, found.is_usual) == (None, "", False)


def test_a_provider_of_its_own_needs_no_sign_in(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text('model_provider = "own"\n')
    assert asked(tmp_path, Codex(), "codex-cli 0.170.2", status=1).signed_in


def test_the_scripted_engine_needs_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, Console()).words == "needs nothing"


def test_an_engine_is_asked_in_what_a_run_would_see(tmp_path: Path) -> None:
    """Where its sign-in lies is known from the environment that it is given, and from nothing else."""
    version = '#!/bin/sh\n[ "$1" = --version ] && echo 2.1.300 && exit 0\n'
    script = f'{version}[ -z "$LINEAR_API_KEY" ] && [ -n "$DISABLE_AUTOUPDATER" ]\n'
    assert asked(tmp_path, Claude(), script=script).signed_in


def test_an_engine_is_asked_where_it_can_read_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the directory in which the factory was started; and one that hangs holds up nobody."""
    here = tmp_path / "checkout"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(engine_state, "PATIENCE", 0.5)
    found = asked(tmp_path, Claude(), script="#!/bin/sh\necho left > left.txt\nsleep 60\n")
    assert (found.judgement, found.signed_in) == ("unknown", None) and list(here.iterdir()) == []
