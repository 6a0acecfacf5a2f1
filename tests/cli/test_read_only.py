"""A folder, or a file in it, that the factory's user may not write or read: each command says which, and what helps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.stores.sqlite.sqlite_file import create_file

from .calling import SECRETS, Done, environment

WITHOUT_POWERS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []
TOKEN = "0123456789abcdef" * 2
FAULT = "met a fault of its own"


@pytest.fixture
def folder(home: Path) -> Iterator[Path]:
    if WITHOUT_POWERS and not shutil.which("setpriv"):
        pytest.skip("setpriv is not here")
    (home / "folder").mkdir()
    (home / "factory.config.yaml").rename(home / "folder" / "factory.config.yaml")
    yield home / "folder"
    for path in (home / "folder", *(home / "folder").rglob("*")):
        path.chmod(0o700)


def factory(*argv: str, cwd: Path) -> Done:
    """By a user to whom the rights of files apply."""
    done = subprocess.run(
        [*WITHOUT_POWERS, sys.executable, "-m", "factory_cli", *argv], cwd=cwd, capture_output=True, text=True,
        env=environment(cwd, {**SECRETS, "FACTORY_WORKER_TOKEN": TOKEN}), timeout=300,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


SERVE = ("serve", "--no-check", "--port", "0")
WORKER = ("worker", "--url", "http://127.0.0.1:9", "--once")


@pytest.mark.parametrize("command", [SERVE, WORKER], ids=lambda words: words[0])
def test_a_folder_that_cannot_be_written_is_said_at_the_start(command: tuple[str, ...], folder: Path) -> None:
    folder.chmod(0o500)
    done = factory(*command, cwd=folder)
    assert done.code in (1, 2) and FAULT not in done.err and "Permission denied" in done.err
    assert f"the right to write {folder}" in done.err


@pytest.mark.parametrize(
    ("mode", "command"),
    [
        (0o400, SERVE),
        (0o400, ("status",)),
        (0o400, ("backup", "../copy.db")),
        (0o400, ("pipeline", "retry", "A-1")),
        (0o000, ("backup", "../copy.db")),
    ],
)
def test_a_store_that_cannot_be_written_is_not_called_damaged(
    command: tuple[str, ...], mode: int, folder: Path
) -> None:
    """No backup would help."""
    create_file(folder / "factory.db")
    (folder / "factory.db").chmod(mode)
    folder.chmod(0o500)
    done = factory(*command, cwd=folder)
    assert done.code == 1 and FAULT not in done.err
    assert f"the right to write {folder / 'factory.db'}" in done.err


@pytest.mark.parametrize("name", ["factory.config.yaml", ".env"])
def test_a_file_that_cannot_be_read_is_named_with_what_helps(name: str, folder: Path) -> None:
    (folder / name).touch()
    (folder / name).chmod(0o000)
    done = factory(*SERVE, cwd=folder)
    assert done.code == 2 and "Permission denied" in done.err
    assert f"the right to read {name}" in done.err
