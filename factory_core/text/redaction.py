"""Secrets are taken out of every text of a value before it is stored or shown; which they are, the host knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel

Redact = Callable[[str], str]
"""Gives the text without secrets; a text without any as it is."""

T = TypeVar("T")


def redacted(value: T, redact: Redact) -> T:
    """The value with each text in it redacted, at any depth; the very same object where that changes nothing.

    Keys of mappings and members of enumerations are ours, and stay. All texts are looked at in one go first: hardly any
    value holds a secret.
    """
    whole = "\n".join(_texts(value))
    return value if redact(whole) == whole else cast(T, _redacted(value, redact))


def _texts(value: Any) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif isinstance(value, BaseModel):
        for _, part in value:
            yield from _texts(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif type(value) in (tuple, list):
        for part in value:
            yield from _texts(part)


def _redacted(value: Any, redact: Redact) -> Any:
    if type(value) is str:
        text = redact(value)
        return value if text == value else text
    if isinstance(value, BaseModel):
        changed = _changed(dict(value), redact)
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, Mapping):
        changed = _changed(value, redact)
        return {**value, **changed} if changed else value
    if type(value) in (tuple, list):
        parts = [_redacted(part, redact) for part in value]
        return type(value)(parts) if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    return value


def _changed(values: Mapping[Any, Any], redact: Redact) -> dict[Any, Any]:
    parts = {name: _redacted(old, redact) for name, old in values.items()}
    return {name: new for name, new in parts.items() if new is not values[name]}
