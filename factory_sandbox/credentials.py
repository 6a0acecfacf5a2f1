"""Which tokens a vendor takes: any, one, or none of those it knows that were revoked or have expired."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from .clock import Clock

End = Literal["revoked", "expired"]
Verdict = Literal["", "missing", "wrong", "revoked", "expired"]


@dataclass
class Credentials:
    """Tokens of one vendor. Without a `right` one any non-empty token is taken, until it has ended."""

    clock: Clock
    right: str = ""
    workspaces: dict[str, str] = field(default_factory=dict)  # the name of the workspace that a token belongs to
    seen: set[str] = field(default_factory=set)
    ended: dict[str, tuple[End, datetime]] = field(default_factory=dict)

    def only(self, token: str) -> None:
        """From now on only this token is right."""
        self.right = token
        self.ended.pop(token, None)

    def end(self, how: End, seconds: float = 0.0) -> None:
        """Every token that is known ends, at once or in so many seconds (unscaled); a new one may be put in."""
        at = self.clock.now() + timedelta(seconds=seconds)
        known = self.seen | {self.right} | set(self.workspaces)
        self.ended |= {token: (how, at) for token in known if token}
        self.right = ""

    def judge(self, token: str) -> Verdict:
        """Empty: it is taken."""
        if not token:
            return "missing"
        how, at = self.ended.get(token, ("", None))
        if at is not None and at <= self.clock.now():
            return how  # type: ignore[return-value]
        if self.right and token != self.right and token not in self.workspaces:
            return "wrong"
        self.seen.add(token)
        return ""
