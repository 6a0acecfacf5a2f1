"""`factory demo` as a process: exit 0, one document, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.scenarios.server_process import ROOT

AGENT = ["triaging", "dispatching", "running", "in-review", "merging", "done"]  # in line only where there is no room


def demo(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "factory_cli", "demo", "--port=0", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def test_the_document_of_the_demo(tmp_path: Path) -> None:
    """Four scenarios, each ended as it must, in exactly this shape."""
    done = demo(tmp_path, "--format=json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    scenarios = document.pop("scenarios")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", document.pop("status_page"))
    assert 0 < document.pop("seconds") < 60 and document == {"schema": "factory.demo/1", "ok": True}
    assert all(0 < scenario.pop("seconds") < 60 for scenario in scenarios)
    urls = [scenario["pull_request"].pop("url") for scenario in scenarios if scenario["pull_request"]]
    assert len(set(urls)) == 3 and all(
        re.fullmatch(r"http://127\.0\.0\.1:\d+/\S+/acme/shop/pull/\d", url) for url in urls
    )
    assert scenarios == [
        {"scenario": "clear", "outcome": "done", "ok": True, "work_item": "DEMO-1", "pull_request": {"merged": True},
         "states": ["new", *AGENT]},
        {"scenario": "vague", "outcome": "done", "ok": True, "work_item": "DEMO-2", "pull_request": {"merged": True},
         "states": ["new", "triaging", "waiting-clarification", *AGENT]},
        {"scenario": "reviewed", "outcome": "done", "ok": True, "work_item": "DEMO-3", "pull_request": {"merged": True},
         "states": ["new", "triaging", *AGENT[1:4], *AGENT[1:]]},
        {"scenario": "unroutable", "outcome": "waiting-clarification", "ok": True, "work_item": "DEMO-4",
         "pull_request": None, "states": ["new", "triaging", "waiting-clarification"]},
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("factory-")] == []


def test_the_demo_in_words(tmp_path: Path) -> None:
    """A line a happening, the four ends, the address; no control characters where nobody sits."""
    done = demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^\d\d\.\d  DEMO-2  person   .*amount", done.stdout, re.MULTILINE)
    assert [
        line[0] for line in done.stdout.splitlines() if re.match(r"\S (clear|vague|reviewed|unroutable) ", line)
    ] == ["✓"] * 4
    assert re.search(r"http://127\.0\.0\.1:\d+", done.stdout) and "\x1b" not in done.stdout
