"""The core's own pure tests, inside Pyodide: what it forbids, the core does not need."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from infra.cloudflare_package import LOCKS, ROOT, install

from .runtime import node

HERE = Path(__file__).parent
OF_THE_DOCS = "--ignore=tests/core/test_diagram.py"  # reads every adapter, also those that no Worker has


def test_the_core_keeps_its_laws_inside_pyodide(package: Path, tmp_path: Path) -> None:
    install(LOCKS[1], tmp_path)
    program = [str(node()), str(HERE / "run_pytest.mjs"), str(ROOT), str(package / "python_modules"), str(tmp_path)]
    options = ["-m", "pure", "tests/core", "-p", "no:cacheprovider", OF_THE_DOCS]
    done = subprocess.run([*program, "--", *options], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 500, done.stdout[-300:]
