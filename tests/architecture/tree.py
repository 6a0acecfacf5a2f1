"""The project's own files, for laws about all of them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PACKAGES = ("factory_core", "adapters", "factory_cli")


@cache
def tracked() -> tuple[Path, ...]:
    """What git knows and the disk has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def modules() -> tuple[Path, ...]:
    """The product's modules."""
    return tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


class WorkersRuntime(ModuleType):
    """In the place of what only the Workers runtime has: every name in it is a class."""

    def __getattr__(self, name: str) -> type:
        return type(name, (), {})


def import_all() -> Iterator[str]:
    """Import every module of the product that is not a program."""
    runtime = {name: WorkersRuntime(name) for name in ("js", "workers", "pyodide", "pyodide.ffi")}
    sys.modules.update(runtime)
    for package in PACKAGES:
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
                yield found.name
    for name in runtime:
        del sys.modules[name]
