"""Linear, as the sandbox plays it."""

from __future__ import annotations

from ..signing import Attempt, Headers, digest
from ..vendor import PlayedVendor


def sign(secret: str, attempt: Attempt) -> Headers:
    """https://linear.app/developers/webhooks: hex over the raw body; the time stamp header is not signed."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Linear-Delivery": attempt.delivery_id,
        "Linear-Event": attempt.event,
        "Linear-Signature": digest(secret, attempt.body),
        "Linear-Timestamp": str(round(attempt.at.timestamp() * 1000)),
        "User-Agent": "Linear-Webhook",
    }


PLAYED = PlayedVendor(
    sign=sign,
    variables=("LINEAR_API_KEY", "LINEAR_WEBHOOK_SECRET"),
    section="linear:\n  url: {0}/linear\n",
)
