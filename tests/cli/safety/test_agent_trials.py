"""A hostile agent reaches nothing behind the wall. Without one, and with a git that leaks, each promise falls."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from factory_cli.safety import hostile_run
from factory_cli.safety.hostile_run import agent_trials
from factory_cli.safety.promises import PROMISES, WALL
from factory_sandbox.github import git

OF_AGENTS = {promise for promise in PROMISES if promise.section == WALL.section}
GIT = shutil.which("git") or ""
LEAKS = f"""#!/bin/sh
for one in "$@"; do case "$one" in include.path=*) given=$(cat "${{one#include.path=}}");; esac; done
if [ -n "$given" ]; then SEEN="$given" sleep 2 >/dev/null 2>&1 & {sys.executable} -ISc 'import time; time.sleep(2)' \
  "$given" >/dev/null 2>&1 & echo "$given" > fetched; fi
for hook in nested/.git/hooks/post-commit; do [ -x $hook ] && $hook; done
exec {GIT} "$@"
"""


def environment(home: Path, path: str = "") -> dict[str, str]:
    return {"PATH": f"{path}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}


def left_behind() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("factory-safety-*"))


@pytest.fixture(autouse=True)
def own_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bwrap")
def test_behind_the_wall_each_promise_holds(tmp_path: Path) -> None:
    home, store = tmp_path / "home", tmp_path / "factory.db"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_text("a key")
    store.write_text("records")
    found = asyncio.run(agent_trials("required", environment(home), (store,)))
    assert [(one.promise.text, one.found) for one in found if one.outcome != "held"] == []
    assert {one.promise for one in found} == OF_AGENTS
    assert left_behind() == []


def test_without_a_wall_and_with_a_git_that_leaks_each_promise_falls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was left behind is ended. The process that lives on is one of ours that carries the run's mark."""
    home, store, programs = tmp_path / "home", tmp_path / "factory.db", tmp_path / "bin"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_text("a key")
    store.write_text("records")
    programs.mkdir()
    (programs / "git").write_text(LEAKS)
    (programs / "git").chmod(0o755)
    number = itertools.count(1)
    monkeypatch.setattr(hostile_run.secrets, "token_hex", lambda size: f"{next(number):0{size * 2}}")
    mark = f"safety-{3:032}"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", mark]) as lives_on:
        found = asyncio.run(agent_trials("off", environment(home, f"{programs}:"), (store,), known=False))
        assert lives_on.wait(10) != 0
    assert {one.promise for one in found} == OF_AGENTS
    assert [(one.promise.text, one.found) for one in found if one.outcome != "fell" or not one.fix] == []
    said = {one.promise.text: one.found for one in found}
    assert str(store) in said[hostile_run.READS.text] and ".ssh" in said[hostile_run.READS.text]
    assert "the environment of another process" in said[hostile_run.READS.text]
    assert said[hostile_run.CREDENTIAL.text] == "it was seen in a command line, a file, an environment"
    assert left_behind() == []


def test_where_no_engine_starts_there_is_nothing_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path/git").symlink_to(GIT)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = asyncio.run(agent_trials("required", environment(tmp_path), ()))
    assert {one.outcome for one in found if one.promise is not WALL} == {"not applicable"}
    assert all("bubblewrap is not installed" in one.found for one in found if one.promise is not WALL)
    assert left_behind() == []


def test_without_git_nothing_is_tried_and_nothing_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(git.ENVIRONMENT, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = asyncio.run(agent_trials("off", environment(tmp_path), ()))
    assert {one.outcome for one in found if one.promise is not WALL} == {"not applicable"}
    assert all("git" in one.found for one in found if one.promise is not WALL)
    assert left_behind() == []
