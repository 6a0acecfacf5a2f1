"""Webhooks as the vendors sign them."""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from typing import Any

from adapters.providers.linear.webhook import LinearWebhook
from adapters.providers.slack.webhook import SlackWebhook
from factory_core.config import FactoryConfig
from factory_core.http import HttpRequest

SECRET = "s3cret"


def linear_webhook(config: FactoryConfig) -> LinearWebhook:
    return LinearWebhook((SECRET,), config)


def slack_webhook(config: FactoryConfig) -> SlackWebhook:
    return SlackWebhook((SECRET,), config)


def linear_request(document: dict[str, Any], now: datetime) -> HttpRequest:
    stamp = {"createdAt": now.isoformat(), "webhookTimestamp": int(now.timestamp() * 1000)}
    body = json.dumps({**stamp, **document}).encode()
    headers = {"linear-signature": hmac.new(SECRET.encode(), body, "sha256").hexdigest(), "linear-delivery": "d-1"}
    return HttpRequest(path="/hooks/default/linear", headers=headers, body=body, received_at=now)


def signed_slack(document: dict[str, Any], now: datetime) -> HttpRequest:
    envelope = {"team_id": "T1", "type": "event_callback", "event_id": "Ev1", **document}
    body, stamp = json.dumps(envelope).encode(), str(int(now.timestamp()))
    digest = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, "sha256").hexdigest()
    headers = {"x-slack-signature": f"v0={digest}", "x-slack-request-timestamp": stamp}
    return HttpRequest(path="/hooks/default/slack", headers=headers, body=body, received_at=now)


def github_request(event: str, payload: dict[str, Any], now: datetime, secret: str = SECRET) -> HttpRequest:
    body = json.dumps(payload).encode()
    headers = {
        "x-github-event": event,
        "x-github-delivery": "g-1",
        "x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest(),
    }
    return HttpRequest(path="/hooks/default/github", headers=headers, body=body, received_at=now)
