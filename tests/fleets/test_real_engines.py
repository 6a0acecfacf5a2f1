"""The real command lines under the fleet, against a stand-in of their API, in a network where only loopback is.

They are large and not part of the project: `npm ci --ignore-scripts` in tests/fleets/real_engines brings them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex"}


@pytest.fixture(scope="module", params=sorted(PACKAGES))
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What one engine's runs came to; skipped by name where the engine or the private network is missing."""
    package = PACKAGES[request.param]
    if not (HERE / "real_engines/node_modules" / package).is_dir():
        pytest.skip(f"npm package {package}")
    if not private_network():
        pytest.skip("unshare -rn")
    folder = tmp_path_factory.mktemp(request.param)
    command = ["unshare", "-rn", sys.executable, str(HERE / "play_real_engines.py"), request.param, str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}:{HERE}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


@cache
def private_network() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run(["unshare", "-rn", "true"]).returncode == 0


def test_a_real_engine_works_and_is_counted(played: tuple[str, dict[str, Any]]) -> None:
    """200 kB of task arrive whole, the edit is committed, turns, tokens and cost are told."""
    name, found = played
    assert (found["work"]["status"], found["work"]["words"]) == ("succeeded", "DONE: file written")
    assert (found["task arrived whole"], found["files"]) == (True, ["made.txt"])
    usage = found["work"]["usage"]
    assert (usage["turns"], usage["input_tokens"], usage["output_tokens"]) == (2, 200, 14)
    assert (float(usage["usd"]) > 0) == (name == "claude")


def test_a_real_engine_goes_on_in_its_session_and_is_counted_once(played: tuple[str, dict[str, Any]]) -> None:
    """The second run is in the first one's session, counts only itself, and asks with its last words."""
    _, found = played
    first, second = found["work"], found["asked in the same session"]
    assert (second["status"], second["words"]) == ("asked", "Which colour?")
    assert (second["session"], second["usage"]) == (first["session"], first["usage"])


def test_a_real_engine_answers_by_a_schema_and_writes_nothing(played: tuple[str, dict[str, Any]]) -> None:
    """Its command to write a file fails, its last words are the answer, and nothing is pushed."""
    _, found = played
    answers = found["answers"]
    assert (answers["status"], json.loads(answers["words"])["verdict"]) == ("no-change", "ask")
    assert answers["found"] == ["README.md"]
    assert found["pushed"] == ["refs/heads/main"]
    assert any(refusal in body for body in found["refused"] for refusal in ("No such tool", "Read-only file system"))


def test_a_real_engines_limit_is_told(played: tuple[str, dict[str, Any]]) -> None:
    """A usage limit is no failure; its end is told where the engine tells it."""
    name, found = played
    for scenario, lasts in (("limited", timedelta(hours=2)), ("limited for days", timedelta(days=6))):
        assert found[scenario]["status"] == "limited"
        if name == "codex":
            again = datetime.fromisoformat(found[scenario]["retry_at"])
            assert lasts - timedelta(minutes=10) < again - datetime.now(UTC) < lasts + timedelta(minutes=1)


def test_a_real_engine_is_stopped_with_its_tools(played: tuple[str, dict[str, Any]]) -> None:
    """Stopped in the middle of a long shell command: nothing of it lives on."""
    _, found = played
    assert found["stopped"]["status"] == "stopped"
    assert found["left behind"] == []


def test_a_real_engine_whose_model_never_answers_is_ended(played: tuple[str, dict[str, Any]]) -> None:
    """The idle watchdog ends what says nothing."""
    _, found = played
    assert found["silent"]["status"] == "failed" and "no progress for 6 seconds" in found["silent"]["why"]
