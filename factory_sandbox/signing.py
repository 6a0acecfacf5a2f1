"""How each vendor signs a webhook: one function per vendor, for the sandbox's own deliveries and for samples.

Each gives the headers of one attempt. `number` counts attempts from 0; the delivery id stays the same over them.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Vendor = Literal["linear", "slack", "github", "relayfile"]
Headers = dict[str, str]


class Attempt(NamedTuple):
    """What is sent now: `event` is the vendor's name for the kind of happening."""

    delivery_id: str
    event: str
    body: bytes
    at: datetime
    number: int = 0
    last_failure: str = ""


def encoded(payload: Mapping[str, Any]) -> bytes:
    """The body as the vendors write it: no spaces, no escapes that are not needed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, "sha256").hexdigest()


def sign_linear(secret: str, attempt: Attempt) -> Headers:
    """https://linear.app/developers/webhooks: hex over the raw body; the time stamp header is not signed."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Linear-Delivery": attempt.delivery_id,
        "Linear-Event": attempt.event,
        "Linear-Signature": _digest(secret, attempt.body),
        "Linear-Timestamp": str(round(attempt.at.timestamp() * 1000)),
        "User-Agent": "Linear-Webhook",
    }


def sign_slack(secret: str, attempt: Attempt) -> Headers:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack: over `v0:<seconds>:<body>`."""
    seconds = str(int(attempt.at.timestamp()))
    retry = {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": attempt.last_failure or "http_error"}
    return {
        "Content-Type": "application/json",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": seconds,
        "X-Slack-Signature": "v0=" + _digest(secret, f"v0:{seconds}:".encode() + attempt.body),
        **(retry if attempt.number else {}),
    }


def sign_github(secret: str, attempt: Attempt) -> Headers:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries: `sha256=` over the raw body."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a9d0e1",
        "X-GitHub-Event": attempt.event,
        "X-GitHub-Delivery": attempt.delivery_id,
        "X-GitHub-Hook-ID": "1",
        "X-Hub-Signature-256": "sha256=" + _digest(secret, attempt.body),
    }


def sign_relayfile(secret: str, attempt: Attempt) -> Headers:
    """Over `<seconds>.<body>`; the event id header is not signed."""
    seconds = str(int(attempt.at.timestamp()))
    return {
        "content-type": "application/json",
        "x-relay-timestamp": seconds,
        "x-relay-signature": _digest(secret, f"{seconds}.".encode() + attempt.body),
        "x-relay-event-id": attempt.delivery_id,
    }


SIGN: Mapping[Vendor, Callable[[str, Attempt], Headers]] = MappingProxyType(
    {"linear": sign_linear, "slack": sign_slack, "github": sign_github, "relayfile": sign_relayfile}
)
