"""A shell that has read `factory completion` completes the commands and flags that there are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from factory_cli.main import COMMANDS

from .calling import within

COMPLETED = """
{script}
COMP_WORDS=({words}) COMP_CWORD={number}
_shtab_factory
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(script: str, *words: str) -> set[str]:
    program = COMPLETED.format(script=script, words=" ".join((*words[:-1], f'"{words[-1]}"')), number=len(words) - 1)
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_bash_completes_commands_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = within("completion", "bash", cwd=tmp_path, capsys=capsys).out
    assert completed(script, "factory", "") >= {*COMMANDS} - {"help"}
    assert completed(script, "factory", "si") == {"simulate"}
    assert "--schedules" in completed(script, "factory", "simulate", "--s")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_each_shell_takes_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = within("completion", shell, cwd=tmp_path, capsys=capsys).out
    assert "simulate" in script and "schedules" in script
    if shell != "tcsh" and shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, check=True).returncode == 0
