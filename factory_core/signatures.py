"""One verifier for all senders: HMAC-SHA256 in hex, compared in constant time, any of several secrets."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from .errors import BadSignature

FRESH = timedelta(seconds=300)  # for senders that sign a new time stamp with each attempt (Slack, relayfile)
REMEMBERED = timedelta(hours=72)  # for the others: as long as applied ids are remembered


def signed(secrets: Sequence[str], raw: bytes, given: str | None, *, prefix: str = "", head: bytes = b"") -> bool:
    """Is `given` the signature of `head + raw` under one of the secrets? Garbage is simply not."""
    if given is None or not given.startswith(prefix):
        return False
    got = given[len(prefix) :].encode("ascii", "replace").lower()
    digests = [hmac.digest(secret.encode(), head + raw, "sha256").hex().encode() for secret in secrets if secret]
    return sum(hmac.compare_digest(digest, got) for digest in digests) > 0  # a sum: every secret costs the same time


def refuse_unsigned(provider: str, ok: bool, *, header: str, present: bool) -> None:
    """Raise BadSignature that says which of the two causes fits: no header, or a wrong digest."""
    if ok:
        return
    why = f"its {header} does not match" if present else f"it has no {header} header"
    raise BadSignature(
        f"a {provider} webhook that is not signed by its secret", why=why, fix=f"factory doctor {provider}"
    )


def refuse_stale(provider: str, sent: datetime, now: datetime, window: timedelta) -> None:
    """Raise BadSignature for a signed time stamp outside the window: an old recording played again."""
    if abs(now - sent) > window:
        raise BadSignature(
            f"a {provider} webhook from {sent:%Y-%m-%d %H:%M:%S} UTC",
            why=f"it is more than {round(window.total_seconds())} s away from this machine's clock",
            fix=f"factory doctor {provider}",
        )
