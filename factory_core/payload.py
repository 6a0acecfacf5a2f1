"""Reading JSON that others wrote (vendors, workers, engines, stores), and a document whose shape nobody promised.

`parse` and `parse_as` are the one parser, so every reader takes the same documents: RFC 8259 in UTF-8, some 200 levels
deep, whole numbers of at most 4,300 digits. A byte order mark is passed over; of two members with one name the last
counts; a lone surrogate, which no store can keep, becomes `�`; NUL stays, and is cleaned where text is used.
NaN and Infinity are read, as Python writes them, and no field takes them. All else is a ValueError.

`read_model` and `read_object` refuse what cannot be read; none of the others raises: what is not there, or of another
type, is absent.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.config import ExtraValues
from pydantic_core import PydanticSerializationError, from_json

from .errors import Refused

M = TypeVar("M", bound=BaseModel)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"\\u[dD]")
_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*+)(?:(%b%b)|%b|%b)" % (_HIGH, _LOW, _HIGH, _LOW))


def parse(raw: bytes | str) -> Any:
    """The document; raise ValueError when it is no JSON."""
    body = _encoded(raw)
    try:
        return from_json(body)
    except ValueError:
        return from_json(_repaired(body))


def parse_as(model: type[M] | TypeAdapter[M], raw: bytes | str, *, extra: ExtraValues | None = None) -> M:
    """The document as this model; raise ValidationError when it is no JSON, or of another shape.

    `extra`: what becomes of unknown fields, instead of what each model says: "ignore" where a stranger sent it.
    """
    read = model.validate_json if isinstance(model, TypeAdapter) else model.model_validate_json
    body = _encoded(raw)
    try:
        return read(body, extra=extra)
    except ValidationError:
        repaired = _repaired(body)
        if repaired == body:
            raise
        return read(repaired, extra=extra)


def to_json(value: BaseModel) -> str:
    """JSON that parse_as takes again, whatever the value holds."""
    try:
        return value.model_dump_json()
    except PydanticSerializationError:
        return whole(value).model_dump_json()


def whole(value: M) -> M:
    """The same without halves of a character, should one have come by another way than JSON."""
    return parse_as(type(value), json.dumps(value.model_dump(mode="json")))


def _encoded(raw: bytes | str) -> bytes:
    return raw.encode("utf-8", "replace") if isinstance(raw, str) else raw


def _repaired(body: bytes) -> bytes:
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not _HALF.search(body):  # the pattern below takes seconds for megabytes
        return body
    return _SURROGATES.sub(lambda found: found[0] if found[2] else found[1] + rb"\ufffd", body)


def read_model(provider: str, model: type[M] | TypeAdapter[M], body: bytes) -> M:
    """The body as this model; raise Refused that names the first wrong field, and quotes nothing of the body."""
    try:
        return parse_as(model, body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise _unreadable(provider, f"{where}: {first['type']}") from None


def read_object(provider: str, body: bytes | str) -> dict[str, Any]:
    """The JSON object in a webhook's body; raise Refused for anything else."""
    document = object_in(body)
    if document is None:
        raise _unreadable(provider, "its body is no JSON object")
    return document


def object_in(raw: bytes | str) -> dict[str, Any] | None:
    """The JSON object; None for anything else."""
    try:
        document = parse(raw)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _unreadable(provider: str, why: str) -> Refused:
    return Refused(f"a {provider} webhook that cannot be read", why=why, fix=f"factory doctor {provider}")


def at(document: object, *path: str) -> Any:
    """What stands at the end of the path, of any type; None when the path ends earlier."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def text(document: object, *path: str) -> str:
    """A string, or an empty one."""
    value = at(document, *path)
    return value if isinstance(value, str) else ""


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
