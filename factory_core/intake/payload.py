"""Reading a vendor's JSON without trusting its shape: what is missing or of another type is simply not there.

None of the readers below raises, whatever the document holds; only `read_object` refuses.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..errors import Refused


def read_object(provider: str, body: bytes | str) -> dict[str, Any]:
    """The JSON object in a webhook's body; raise Refused for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(
            f"a {provider} webhook that cannot be read",
            why="its body is no JSON object",
            fix=f"factory doctor {provider}",
        )
    return document


def at(document: object, *path: str) -> Any:
    """What stands at the end of the path, of any type; None when the path ends earlier."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def text(document: object, *path: str) -> str:
    """A string, or an empty one. Half surrogate pairs, which nothing can store, become question marks."""
    value = at(document, *path)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def number(document: object, *path: str) -> int | None:
    value = at(document, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth(document: object, *path: str) -> bool | None:
    """True or False where the vendor says exactly that, else None."""
    value = at(document, *path)
    return value if isinstance(value, bool) else None


def rows(document: object, *path: str) -> list[Any]:
    """A list, or an empty one."""
    value = at(document, *path)
    return value if isinstance(value, list) else []


def moment(document: object, *path: str) -> datetime | None:
    """An ISO 8601 time with its zone, in UTC."""
    try:
        read = datetime.fromisoformat(text(document, *path))
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None
