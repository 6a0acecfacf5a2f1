"""The plain dictionaries that the vendors' APIs are made of, and the callback for a change of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .signing import Vendor

Node = dict[str, Any]
Changed = Callable[[Vendor, str, Node, Sequence[str]], None]  # vendor, event, payload, paths of its files in relayfile


def slug(text: str) -> str:
    """A title as addresses and file names have it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-") or "untitled"
