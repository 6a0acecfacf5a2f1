"""Where it was measured: what matters for the figures, and no names."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .processes import ROOT

CONCERNED = ("uvicorn", "httptools", "h11", "uvloop", "starlette", "pydantic", "httpx2")


def machine() -> dict[str, str | int]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _line(Path("/proc/cpuinfo"), "model name"),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "filesystem": _filesystem(ROOT),
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on; empty for what is not installed."""
    said = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in CONCERNED:
        try:
            said[name] = version(name)
        except PackageNotFoundError:
            said[name] = ""
    return said


def _line(path: Path, name: str) -> str:
    found = (line for line in path.read_text().splitlines() if line.startswith(name)) if path.exists() else iter(())
    return next(found, "").partition(":")[2].strip()


def _filesystem(path: Path) -> str:
    """The kind of what is mounted nearest above the path."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(place), kind) for place, kind in mounts if path.is_relative_to(place)]
    return max(above)[1]
