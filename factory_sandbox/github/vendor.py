"""GitHub, as the sandbox plays it."""

from __future__ import annotations

from ..signing import Attempt, Headers, digest
from ..vendor import PlayedVendor


def sign(secret: str, attempt: Attempt) -> Headers:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries: `sha256=` over the raw body."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a9d0e1",
        "X-GitHub-Event": attempt.event,
        "X-GitHub-Delivery": attempt.delivery_id,
        "X-GitHub-Hook-ID": "1",
        "X-Hub-Signature-256": "sha256=" + digest(secret, attempt.body),
    }


PLAYED = PlayedVendor(
    sign=sign,
    variables=("GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET"),
    section="github:\n  url: {0}/github\n  gitUrl: {0}/git\n",
)
