"""What an agent that wants out finds behind each form of the wall: nothing. The real command lines are those of npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_real_engines import HERE, PACKAGES, private_network

FORMS = ("bubblewrap", "container", "claude", "codex")


def play(form: str, folder: Path) -> dict[str, Any]:
    """Skips by name where something is missing."""
    if form in PACKAGES and not (HERE / "real_engines/node_modules" / PACKAGES[form]).is_dir():
        pytest.skip(f"npm package {PACKAGES[form]}")
    for program in ("unshare", "setpriv") if form == "container" else ("unshare", "bwrap", "socat"):
        if not shutil.which(program):
            pytest.skip(program)
    if form == "container" and os.getuid() != 0:
        pytest.skip("root, as in a container")
    if not private_network():
        pytest.skip("unshare -rn")
    namespaces = "-n" if form == "container" else "-rn"
    command = ["unshare", namespaces, sys.executable, str(HERE / "play_escapes.py"), form, str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}:{HERE}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_no_way_leads_out(form: str, tmp_path: Path) -> None:
    """Secrets, other trees, the sign-in, processes, sockets, names, mounts; and nothing is left or changed outside.

    Settings that lie in the tree are not obeyed, and what stands above it is not in the prompt.
    """
    found = play(form, tmp_path)
    assert found["status"] == "succeeded", found
    assert json.loads(found["found"]) == {}
    assert (found["obeyed"], found["prompted"]) == (False, False)
    assert found["server lives"] and found["left"] == [] and found["outside"] == []


def test_without_a_wall_the_same_ways_lead_out(tmp_path: Path) -> None:
    """So the attempts are good ones."""
    found = play("no wall", tmp_path)
    assert not found["server lives"]
    ways = set(json.loads(found["found"]))
    assert {f"read {tmp_path / '.env'}", "environments", "loopback of the host", "abstract socket"} <= ways
