"""The real command in a process of its own, with an environment in which nothing of this machine's secrets is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from factory_cli.main import run

ROOT = Path(__file__).parents[2]
CLEAN = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}
NOWHERE = "http://127.0.0.1:9"  # nobody listens there
CONFIG = f"""\
intentProvider: linear
clarificationChannel: slack
outputTarget: github
repositories: {{acme/api: {{}}}}
routing: {{default: acme/api}}
agents: {{engine: console}}
linear: {{url: {NOWHERE}}}
slack: {{url: {NOWHERE}, channel: C1}}
github: {{url: {NOWHERE}, gitUrl: {NOWHERE}}}
"""
SECRETS = {
    "LINEAR_API_KEY": "a", "SLACK_BOT_TOKEN": "b", "GITHUB_TOKEN": "c",
    "LINEAR_WEBHOOK_SECRET": "d" * 16, "SLACK_SIGNING_SECRET": "e" * 16, "GITHUB_WEBHOOK_SECRET": "f" * 16,
}  # fmt: skip


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Command = Callable[..., Done]
"""As `factory` below."""


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {**CLEAN, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), **more}


def factory(*argv: str, cwd: Path, given: str = "", **more: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "factory_cli", *argv],
        cwd=cwd, input=given, env=environment(cwd, more), capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def within(*argv: str, cwd: Path, capsys: pytest.CaptureFixture[str], given: str = "", **more: str) -> Done:
    """The same in this process, for the many: quicker by the time that Python takes to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name in [*os.environ]:
            patch.delenv(name)
        for name, value in environment(cwd, more).items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.StringIO(given))
        code = run(argv)
    said = capsys.readouterr()
    return Done(code, said.out, said.err)


@contextmanager
def running(*argv: str, cwd: Path, until: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and what it said until the line that begins so; ended when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "factory_cli", *argv],
        cwd=cwd, env=environment(cwd, more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout and process.stderr
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith(until):
                break
        else:
            raise AssertionError(f"it ended: {process.stderr.read()}")
        yield process, "".join(said)
    finally:
        process.terminate()
        process.communicate(timeout=120)
