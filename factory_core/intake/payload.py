"""Reading a vendor's JSON without trusting its shape.

`read_model` and `read_object` refuse what cannot be read; none of the other readers raises, whatever the document
holds: what is missing or of another type is simply not there.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import Refused

M = TypeVar("M", bound=BaseModel)


def read_model(provider: str, model: type[M] | TypeAdapter[M], body: bytes) -> M:
    """The body as this model; raise Refused that names the first wrong field, and quotes nothing of the body."""
    try:
        return model.validate_json(body) if isinstance(model, TypeAdapter) else model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise _unreadable(provider, f"{where}: {first['type']}") from None


def read_object(provider: str, body: bytes | str) -> dict[str, Any]:
    """The JSON object in a webhook's body; raise Refused for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unreadable(provider, "its body is no JSON object")
    return document


def _unreadable(provider: str, why: str) -> Refused:
    return Refused(f"a {provider} webhook that cannot be read", why=why, fix=f"factory doctor {provider}")


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
