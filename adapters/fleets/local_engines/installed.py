"""Where an engine's native program is. npm puts a small Node wrapper in front of it, and a killed wrapper leaves the
program and its tools alive; so the program itself is started."""

from __future__ import annotations

import shutil
from pathlib import Path

from factory_core.errors import Terminal


def program(binary: str, beside: str, fix: str) -> str:
    """The native program of `binary`: its package's neighbour that matches `beside`, else `binary` itself."""
    found = shutil.which(binary)
    if found is None:
        raise Terminal(f"The engine {binary} is not installed", why="no such program on PATH", fix=fix)
    package = next((parent for parent in Path(found).resolve().parents if parent.parent.name.startswith("@")), None)
    if package is None:
        return found
    native = [*package.parent.glob(beside), *package.glob(f"node_modules/{package.parent.name}/{beside}")]
    return str(native[0]) if native else found
