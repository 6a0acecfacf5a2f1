"""Linear's filters and pages over plain dictionaries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ..clock import iso
from ..node import Node

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "eq": operator.eq,
        "neq": operator.ne,
        "gt": operator.gt,
        "gte": operator.ge,
        "lt": operator.lt,
        "lte": operator.le,
        "in": lambda got, wanted: got in wanted,
        "nin": lambda got, wanted: got not in wanted,
        "eqIgnoreCase": lambda got, wanted: got.lower() == wanted.lower(),
        "neqIgnoreCase": lambda got, wanted: got.lower() != wanted.lower(),
        "contains": lambda got, wanted: wanted in got,
        "containsIgnoreCase": lambda got, wanted: wanted.lower() in got.lower(),
        "startsWith": lambda got, wanted: got.startswith(wanted),
        "endsWith": lambda got, wanted: got.endswith(wanted),
    }
)


def fits(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Does the value meet every condition? A list meets a condition when one of its members does, or `every` does."""
    return all(_holds(value, key, condition) for key, condition in wanted.items() if condition is not None)


def _holds(value: Any, key: str, condition: Any) -> bool:
    if key in ("and", "or"):
        return (all if key == "and" else any)(fits(value, one) for one in condition)
    if key in ("some", "every"):
        return (any if key == "some" else all)(fits(one, condition) for one in value)
    if isinstance(value, list):
        return any(_holds(one, key, condition) for one in value)
    if key == "null":
        return (value is None) is condition
    if value is None:
        return False
    if key in COMPARE:
        return _compared(key, value, condition)
    return fits(value.get(key), condition)


def _compared(key: str, value: Any, condition: Any) -> bool:
    if _as_instant(value):
        return COMPARE[key](_as_instant(value), _as_instant(condition) or condition)
    return COMPARE[key](value, condition)


def _as_instant(value: Any) -> str:
    """An instant in one spelling (`…00Z` and `…00.000Z` are the same); empty for what is none."""
    try:
        return iso(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return ""


def page(
    nodes: Sequence[Node],
    filter: Mapping[str, Any] | None = None,
    after: str | None = None,
    first: int | None = None,
    orderBy: str | None = None,
    **_: Any,
) -> Node:
    """One page, newest first when an order is asked for; the cursor is the last node's id."""
    chosen = [node for node in nodes if fits(node, filter or {})]
    if orderBy:
        chosen.sort(key=lambda node: str(node[orderBy]), reverse=True)
    start = next((i + 1 for i, node in enumerate(chosen) if node["id"] == after), 0) if after else 0
    shown = chosen[start : start + (50 if first is None else first)]
    return {
        "nodes": shown,
        "pageInfo": {
            "hasNextPage": start + len(shown) < len(chosen),
            "hasPreviousPage": start > 0,
            "startCursor": shown[0]["id"] if shown else None,
            "endCursor": shown[-1]["id"] if shown else None,
        },
    }
