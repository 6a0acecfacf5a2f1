"""relayfile, as the sandbox plays it."""

from __future__ import annotations

from ..signing import Attempt, Headers, digest
from ..vendor import PlayedVendor


def sign(secret: str, attempt: Attempt) -> Headers:
    """Over `<seconds>.<body>`; the event id header is not signed."""
    seconds = str(int(attempt.at.timestamp()))
    return {
        "content-type": "application/json",
        "x-relay-timestamp": seconds,
        "x-relay-signature": digest(secret, f"{seconds}.".encode() + attempt.body),
        "x-relay-event-id": attempt.delivery_id,
    }


PLAYED = PlayedVendor(
    sign=sign,
    variables=("RELAYFILE_TOKEN", "RELAYFILE_WEBHOOK_SECRET"),
    section="relayfile:\n  url: {0}/relayfile\n",
    sends=False,  # it would tell everything a second time
)
