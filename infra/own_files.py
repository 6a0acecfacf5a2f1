"""Which of our own files a package for a host needs: what its entry points import, and the data beside that."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]


def own_graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "adapters", "factory_core", "factory_simulator", exclude_type_checking_imports=True, cache_dir=None
    )


def own_files(graph: grimp.ImportGraph, entries: Iterable[str]) -> set[Path]:
    """Their files, those of what they import, and of the packages around it."""
    entries = set(entries)
    wanted = entries.union(*(graph.find_upstream_modules(entry) for entry in entries))
    around = {".".join(name.split(".")[:depth]) for name in wanted for depth in range(1, name.count(".") + 2)}
    modules = {_file(name) for name in around}
    return modules | {data for module in modules for data in module.parent.glob("operations/*")}


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
