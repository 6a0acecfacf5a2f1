"""Whose move a block is, as a value: every reason for which an item is blocked has one cause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Cause = Literal["vendor-outage", "vendor-refusal", "machine", "limit", "person", "ticket", "work"]

_REASONS: Mapping[Cause, tuple[str, ...]] = {
    "vendor-outage": ("vendor-outage",),  # a vendor did not answer for so long
    "vendor-refusal": ("effect-failed", "merge-refused"),  # it said no
    "machine": ("interrupted", "setup-failed"),
    "limit": ("attempts-exhausted", "budget-run", "budget-item"),
    "person": ("held", "protected-paths", "pull-request-closed", "pull-request-gone", "review-unanswered", "stopped",
               "withdrawn"),
    "ticket": ("ineligible", "still-unclear", "unroutable"),
    "work": ("checks-failed", "ci-failed", "conflict", "no-change", "not-publishable", "review-failed"),
}  # fmt: skip

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {reason: cause for cause, reasons in _REASONS.items() for reason in reasons}
)
"""Reason → cause."""

CAUSE_NAMES: tuple[Cause, ...] = get_args(Cause)


def is_blocked_by(reason: str, selected: str) -> bool:
    """Is it the reason, or one of the cause, that is `selected`?"""
    return selected in {reason, CAUSES.get(reason)}
