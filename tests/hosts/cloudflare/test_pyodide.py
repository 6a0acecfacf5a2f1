"""The core's own pure tests, inside Pyodide: what it forbids, the core does not need."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.cloudflare_package import LOCKS, ROOT, install

from .runtime import node

HERE = Path(__file__).parent
CORE = "tests/core"
SAMPLE = [f"{CORE}/test_{name}.py" for name in ("config", "routing", "scenarios", "sweep", "takeovers", "worker_fleet")]
OF_THE_DOCS = "--ignore=tests/core/test_diagram.py"  # reads every adapter, also those that no Worker has


@pytest.mark.parametrize(
    ("chosen", "least"),
    [pytest.param(SAMPLE, 150, id="sample"), pytest.param([CORE], 500, id="all", marks=pytest.mark.soak)],
)
def test_the_core_keeps_its_laws_inside_pyodide(chosen: list[str], least: int, package: Path, tmp_path: Path) -> None:
    """A sample of them here. What the core may not import, also inside a function, the import contracts know."""
    install(LOCKS[1], tmp_path)
    program = [str(node()), str(HERE / "run_pytest.mjs"), str(ROOT), str(package / "python_modules"), str(tmp_path)]
    options = ["-m", "pure and not soak", *chosen, "-p", "no:cacheprovider", "--assert=plain", OF_THE_DOCS]
    done = subprocess.run([*program, "--", *options], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > least, done.stdout[-300:]
