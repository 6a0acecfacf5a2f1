"""What every section of factory.config.yaml has in common, and how times and sizes are written in it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"kB": 1000, "MB": 1000**2, "GB": 1000**3}


def _duration(value: object) -> object:
    """`90s`, `30m`, `4h`, `7d`; a bare number is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


def _size(value: object) -> object:
    """`500kB`, `10MB`, `1GB`; a bare number is bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(kB|MB|GB)", value) if isinstance(value, str) else None
    return round(float(match[1]) * _SIZES[match[2]]) if match else value


Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))]
Span = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]


class Section(BaseModel):
    """Keys are camelCase in the file and snake_case in the code; an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)
