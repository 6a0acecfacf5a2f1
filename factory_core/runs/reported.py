"""Types of values that others report: workers over HTTPS, engines on their output, files that an older release wrote.

A measurement out of bounds is brought within them, for it is no reason to lose a run's work; so is a text that is too
long. What is no value of its kind at all (a time without a zone, a number that is none, an unknown word) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, ValidationError, WrapValidator

MOST_COUNTED, MOST_USD = 10**15, Decimal(10**9)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=365)
MOST_WORDS, MOST_WHY = 20_000, 2_000
"""Characters of an agent's last words, and of a reason."""
_NEW_WORDS = frozenset({"enum", "literal_error", "union_tag_invalid"})
"""What pydantic calls an unknown state, format or kind of effect."""
_NANO, _MOST_DIGITS = Decimal("1e-9"), 28


def within_bounds(value: datetime) -> datetime:
    """The time in UTC; ValueError for one that no clock shows, and that could not be reckoned with."""
    if not EARLIEST <= value <= LATEST:
        raise ValueError(f"should be between {EARLIEST:%Y} and {LATEST:%Y}")
    return value.astimezone(UTC)


def believable(value: datetime) -> datetime | None:
    """The time, if a clock could show it."""
    try:
        return within_bounds(value)
    except ValueError:
        return None


def money(value: Decimal) -> Decimal:
    """Between 0 and MOST_USD, with at most nine digits after the point: a sum of such keeps every digit."""
    if value <= 0:
        return Decimal(0)  # minus zero, too
    if value >= MOST_USD:
        return MOST_USD
    rounded = value.quantize(_NANO)
    return value if value == rounded and len(value.as_tuple().digits) <= _MOST_DIGITS else rounded


def session_id(value: str) -> str:
    """The engine's session id; empty for what could be taken for an option when the engine is called with it."""
    return value if re.fullmatch(r"[A-Za-z0-9][\w.:-]{0,200}", value, re.ASCII) else ""


def fix(value: str) -> str:
    """By the rule of Problem.fix, on one line; empty for what is none."""
    line = " ".join(value.split())
    return line[:300] if line.startswith(("factory ", "In ")) else ""


def cut(most: int) -> AfterValidator:
    return AfterValidator(lambda value: value[:most])


def _or_none(value: Any, read: Callable[[Any], datetime]) -> datetime | None:
    try:
        return read(value)
    except ValidationError:
        return None


def is_of_newer_release(error: ValidationError) -> bool:
    """Is the document whole, with nothing wrong in it but words for which this release has no meaning?"""
    return {problem["type"] for problem in error.errors(include_url=False, include_input=False)} <= _NEW_WORDS


Moment = Annotated[AwareDatetime, AfterValidator(within_bounds)]
StoredMoment = Annotated[Moment | None, WrapValidator(_or_none)]
"""None for a time that an older release stored and this one refuses."""
Span = Annotated[timedelta, AfterValidator(lambda value: min(max(value, timedelta(0)), LONGEST))]
Count = Annotated[int, AfterValidator(lambda value: min(max(value, 0), MOST_COUNTED))]
Money = Annotated[Decimal, AfterValidator(money)]
SessionId = Annotated[str, AfterValidator(session_id)]
Sha = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")]
Id = Annotated[str, Field(max_length=500)]  # one of ours, or a vendor's: in a report it is only compared
Short = Annotated[str, cut(300)]
Fix = Annotated[str, AfterValidator(fix)]
Why = Annotated[str, cut(MOST_WHY)]
Words = Annotated[str, cut(MOST_WORDS)]
