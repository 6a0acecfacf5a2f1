"""What sections of factory.config.yaml have in common, a vendor's too, and how times and sizes are written in it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, ClassVar

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


class VendorSettings(Section):
    """A vendor's section. Its keys are the vendor's own; the methods are what others may ask of any vendor."""

    title: ClassVar[str] = ""  # the vendor's own spelling of its name
    site: ClassVar[str] = ""  # the domain that its links lead to, besides the configured addresses
    channel_hint: ClassVar[str] = ""  # how people find the id of a channel

    url: str = ""

    def addresses(self) -> tuple[str, ...]:
        """The configured addresses of the vendor: its token may be sent there, and its links may lead there."""
        return (self.url,)

    def organisation_id(self) -> str:
        """The organisation whose events are taken; empty: the section names none."""
        return ""

    def own_user_id(self) -> str:
        """The factory's own user at the vendor; empty: the section names none."""
        return ""

    def ready_state(self) -> str:
        """What people call the state in which a ticket starts."""
        return "ready"

    def channel_id(self) -> str:
        """Where people are asked; empty: the section names no place."""
        return ""

    def git_site(self) -> str:
        """The site that repositories are cloned from; empty: the vendor has none."""
        return ""

    def missing_key(self) -> str:
        """A key without which nobody can be asked; empty: nothing is missing."""
        return ""
