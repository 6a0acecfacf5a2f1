"""Fixtures: a directory with a configuration, and the sandbox as a process."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .calling import CONFIG, Command, running, within


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "factory.config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """`factory sandbox`: its own document."""
    directory = tmp_path_factory.mktemp("sandbox")
    with running("sandbox", "--port", "0", "--json", cwd=directory, until="{") as (_, said):
        yield json.loads(said)


@pytest.fixture
def ready(tmp_path: Path, sandbox: dict[str, Any]) -> Path:
    """A directory whose configuration and secrets are those that the sandbox prints."""
    (tmp_path / "factory.config.yaml").write_text(sandbox["config"])
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in sandbox["environment"].items()))
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


@pytest.fixture
def unchanged_logging() -> Iterator[None]:
    """What log_to() changes in the process is as before after the test."""
    root, factory = logging.root, logging.getLogger("factory")
    handlers, levels, raises = root.handlers[:], (root.level, factory.level), logging.raiseExceptions
    hooks = sys.unraisablehook, threading.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    factory.setLevel(levels[1])
    logging.raiseExceptions = raises
    logging.captureWarnings(False)
    sys.unraisablehook, threading.excepthook = hooks


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], unchanged_logging: None) -> Command:
    """`factory` in this process, for tests that do not ask how a process behaves."""
    return partial(within, capsys=capsys)
