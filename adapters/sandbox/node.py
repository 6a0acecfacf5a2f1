"""The plain dictionaries that the vendors' APIs are made of, and how a change of one is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .signing import Vendor

Node = dict[str, Any]
Changed = Callable[[Vendor, str, Node, Sequence[str]], None]  # vendor, event, payload, paths of its files in relayfile
