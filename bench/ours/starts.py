"""What it costs to begin: imports and `factory --help`, the least of several starts; and a ready factory, one start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from ..measure import Sizes
from ..processes import ROOT, environment

READY = """
import time; begun = time.perf_counter()
import pathlib
from adapters.credentials.secrets import Secrets
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
config = config_model()(tenant="b", intentProvider="linear", clarificationChannel="slack", outputTarget="github")
here = pathlib.Path({path!r})
names = ("LINEAR_WEBHOOK_SECRET", "SLACK_SIGNING_SECRET", "GITHUB_WEBHOOK_SECRET")
file, presence = open_store(config, here)
LocalTenant(config, Secrets(dict.fromkeys(names, "s")), file, presence, here, {{}})
print((time.perf_counter() - begun) * 1000)
"""
FLOOR_READY = """
import time; begun = time.perf_counter()
import json, pathlib, sqlite3
from bench.floors.ledger import Ledger
ledger = Ledger(pathlib.Path({path!r}) / "ledger.db")
print((time.perf_counter() - begun) * 1000)
"""
PROGRAMS: Mapping[str, Sequence[str]] = {
    "floor.python": (sys.executable, "-c", "pass"),
    "factory.help": (str(Path(sys.executable).with_name("factory")), "--help"),
    "factory.import.core": (sys.executable, "-c", "import factory_core.intake.intake"),
    "factory.import.server": (sys.executable, "-c", "import adapters.local.server"),
}


def starts(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Milliseconds; the imports over a bare interpreter."""
    took = least(PROGRAMS, sizes.starts)
    for name in ("factory.import.core", "factory.import.server"):
        took[name] -= took["floor.python"]
    return took | _inits(path)


def least(programs: Mapping[str, Sequence[str]], times: int) -> dict[str, float]:
    """Of so many starts of each, in turn, the fastest: milliseconds."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(times):
        for name, command in programs.items():
            begun = perf_counter()
            _run(command)
            took[name].append((perf_counter() - begun) * 1000)
    return {name: min(each) for name, each in took.items()}


def _inits(path: Path) -> dict[str, float]:
    """As the process itself counts it, once, as a peer's: from its first line to a factory that can accept events."""
    said = {}
    for name, program in (("floor.init", FLOOR_READY), ("factory.init", READY)):
        home = path / name
        home.mkdir()
        said[name] = float(_run((sys.executable, "-c", program.format(path=str(home)))))
    return said


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
