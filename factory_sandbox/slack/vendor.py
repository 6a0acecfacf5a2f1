"""Slack, as the sandbox plays it."""

from __future__ import annotations

from ..signing import Attempt, Headers, digest
from ..vendor import PlayedVendor


def sign(secret: str, attempt: Attempt) -> Headers:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack: over `v0:<seconds>:<body>`."""
    seconds = str(int(attempt.at.timestamp()))
    retry = {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": attempt.last_failure or "http_error"}
    return {
        "Content-Type": "application/json",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": seconds,
        "X-Slack-Signature": "v0=" + digest(secret, f"v0:{seconds}:".encode() + attempt.body),
        **(retry if attempt.number else {}),
    }


PLAYED = PlayedVendor(
    sign=sign,
    variables=("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"),
    section="slack:\n  url: {0}/slack\n  channel: C0SANDBOX\n",
)
