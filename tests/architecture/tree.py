"""The project's own files, for laws about all of them."""

from __future__ import annotations

import ast
import importlib
import logging
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PACKAGES = ("factory_core", "adapters", "factory_sandbox", "factory_simulator", "factory_cli")


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


@cache
def collected(path: str) -> frozenset[str]:
    """The tests that pytest finds in a file, without running it; none where it would not look.

    It looks where a file's name begins so, and at the laws that such a file takes from beside it.
    """
    file = ROOT / path
    if not (path.startswith("tests/") and file.is_file()):
        return frozenset()
    nodes = parsed(file).body
    if not file.name.startswith("test_"):
        beside = "".join(other.read_text() for other in file.parent.glob("test_*.py"))
        laws = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name.endswith("Laws")]
        nodes = [inner for law in laws if f"from .{file.stem} import" in beside for inner in law.body]
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def holds(holder: str, laws: Mapping[str, str]) -> bool:
    """Is what a page names in backticks a test by path and name, or a law, that exists?"""
    law, test = re.fullmatch("`law: ([a-z-]+)`", holder), re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", holder)
    return (law is not None and law[1] in laws) or (test is not None and test[2] in collected(test[1]))


class WorkersRuntime(ModuleType):
    """In the place of what only the Workers runtime has: every name in it is a class."""

    def __getattr__(self, name: str) -> type:
        return type(name, (), {})


def import_all() -> Iterator[str]:
    """Import every module of the product that is not a program."""
    runtime = {name: WorkersRuntime(name) for name in ("js", "workers", "pyodide", "pyodide.ffi")}
    root, handlers = logging.getLogger(), [*logging.getLogger().handlers]  # a module of a host sets its own
    levels = {logger: logger.level for logger in (root, logging.getLogger("factory"))}
    sys.modules.update(runtime)
    for package in PACKAGES:
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
                yield found.name
    for name in runtime:
        del sys.modules[name]
    root.handlers[:] = handlers
    for logger, level in levels.items():
        logger.setLevel(level)
