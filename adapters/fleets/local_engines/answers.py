"""What an answer says of the tree that its engine read: which of the paths in it are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from factory_core.payload import object_in
from factory_core.runs.run import MOST_FOUND, MOST_PATH


def paths_found(words: str, tree: Path) -> tuple[str, ...]:
    """Of the texts under `path` in the JSON object that the words hold, those that name something in the tree."""
    document = object_in(words[words.find("{") : words.rfind("}") + 1]) or {}
    named = dict.fromkeys(path for path in _paths(document) if _is_in(path, tree))
    return tuple(named)[:MOST_FOUND]


def _paths(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 10:
        return
    if isinstance(value, dict):
        if isinstance(path := value.get("path"), str):
            yield path
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _paths(one, depth + 1)


def _is_in(path: str, tree: Path) -> bool:
    """Not above it, not beside it behind a link, and not git's own."""
    parts = path.split("/")
    if not path or len(path) > MOST_PATH or "\0" in path or {"", "..", ".", ".git"} & set(parts):
        return False
    try:
        root = os.path.realpath(tree)
        return os.path.lexists(tree / path) and os.path.realpath(tree / path).startswith(f"{root}{os.sep}")
    except (OSError, ValueError):
        return False
