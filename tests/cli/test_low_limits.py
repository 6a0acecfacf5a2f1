"""Where little is allowed, each command works or says clearly what is missing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from .calling import SECRETS, environment, factory, running


def test_a_directory_that_was_deleted_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m factory_cli status"
    done = subprocess.run(
        ["sh", "-c", command], env=environment(tmp_path, {}), check=False, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("✗ The current directory is gone.")


def test_too_few_open_files_are_named(home: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (63, hard))
    try:
        done = factory("serve", "--port", "0", cwd=home, **SECRETS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert done.code == 2 and "may open 63 files" in done.err and "ulimit -n 1024" in done.err


@pytest.mark.parametrize(
    "more", [{"LC_ALL": "C", "LANG": "C"}, {"TERM": "dumb", "TMPDIR": "/nonexistent"}, {"HOME": "/nonexistent"}]
)
def test_it_starts_with_little_around_it(ready: Path, more: dict[str, str]) -> None:
    """A plain locale, no terminal, no place for temporary files, no home; what it makes is its own."""
    before = os.umask(0)
    try:
        with running("serve", "--port", "0", cwd=ready, until="Ready.", **more) as (process, _):
            process.terminate()
            assert process.wait(60) == 0
    finally:
        os.umask(before)
    assert (ready / "factory.db").stat().st_mode & 0o077 == 0
