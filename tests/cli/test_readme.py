"""The README shows what the demo really says: times, ports and commits aside, every word of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def shape(said: str) -> list[str]:
    """The lines without what differs from run to run."""
    plain = re.sub(r"\b[0-9a-f]{7}\b", "COMMIT", said)
    plain = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", plain)
    return re.sub(r"\b\d+\.\d+(?= s\b|  )", "TIME", plain).strip().splitlines()


def test_the_demo_in_the_readme_is_the_demos_real_output() -> None:
    """`factory demo` is run, and the README's block compared with what it printed."""
    shown = re.search(r"<!-- demo -->\n```\n(.*?)\n```\n<!-- /demo -->", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown, "README.md has no demo block"
    command = [sys.executable, "-m", "factory_cli", "demo", "--port", "0"]
    environment = {**os.environ, "PYTHONUTF8": "1", "CI": "true"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    assert shape(shown[1]) == shape(ran.stdout)
