"""A .env that others on the machine can read is named where it is used, with the command that closes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .calling import Command, running


@pytest.mark.parametrize(("mode", "verb"), [(0o644, "read"), (0o640, "read"), (0o666, "write"), (0o620, "write")])
def test_check_and_doctor_name_it(ready: Path, mode: int, verb: str, command: Command) -> None:
    (ready / ".env").chmod(mode)
    done = command("check", cwd=ready)
    assert done.code == 0, "a warning, and no reason not to work"
    assert done.err == f"! .env: others on this machine can {verb} it (mode {mode:o}) → run: chmod 600 .env\n"
    said = command("doctor", "--json", cwd=ready).document["checks"]
    found = [one for one in said if one["name"] == ".env"]
    assert [(one["mark"], one["fix"]) for one in found] == [("warn", "In the shell: chmod 600 .env")]
    (ready / ".env").chmod(0o600)
    assert command("check", cwd=ready).err == ""


def test_the_server_names_it(ready: Path) -> None:
    (ready / ".env").chmod(0o644)
    with running("serve", "--port", "0", cwd=ready, until="Ready.") as (process, _):
        process.terminate()
        process.wait(120)
        assert process.stderr and "chmod 600 .env" in process.stderr.read()
