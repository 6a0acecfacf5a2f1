"""People write in Slack and Linear: signed webhooks through the real adapters, and the events that come of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Event
from tests.core.world import config_of

from .vendors import linear_request, linear_webhook, signed_slack, slack_webhook

BOT, OURS, THEIRS = "U0BOT", "T0OURS", "T0THEIRS"
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WORDS = "Show `amount` instead of `total` in shop/cart.py, everywhere."
CONFIG = config_of(slack={"channel": "C1", "botUserId": BOT})
INSTALLED = {"team_id": OURS, "enterprise_id": None, "user_id": BOT, "is_bot": True}


def message(text: str = WORDS, ts: str = "1796040000.000100", user: str = "U1", **fields: Any) -> dict[str, Any]:
    """A reply in the thread that RecordingChannel opens first."""
    said = {"type": "message", "channel": "C1", "user": user, "text": text, "ts": ts, "thread_ts": "1.0"}
    return {**said, "parent_user_id": BOT, **fields}


def slack(event: dict[str, Any], config: FactoryConfig = CONFIG, **envelope: Any) -> tuple[Event, ...]:
    return slack_webhook(config).events_in(signed_slack({"team_id": OURS, "event": event, **envelope}, NOW)).events


def linear(payload: dict[str, Any], config: FactoryConfig = CONFIG) -> tuple[Event, ...]:
    return linear_webhook(config).events_in(linear_request({"organizationId": "o-1", **payload}, NOW)).events


def comment(body: str = WORDS, id: str = "c-1", actor: str = "user", **fields: Any) -> dict[str, Any]:
    """A comment on ACME-1; `fields` say who wrote it."""
    issue = {"id": "uuid-ACME-1", "identifier": "ACME-1"}
    data = {"id": id, "body": body, "issueId": "uuid-ACME-1", "issue": issue, **(fields or {"userId": "maya"})}
    return {"type": "Comment", "action": "create", "actor": {"id": "a", "type": actor}, "data": data}


def prompt(body: str = WORDS, id: str = "p-1", **fields: Any) -> dict[str, Any]:
    """The same words in the agent session s-1 of ACME-1."""
    session = {"id": "s-1", "creatorId": "maya", "issue": {"id": "uuid-ACME-1", "identifier": "ACME-1"}}
    activity = {"id": id, "userId": "maya", "content": {"type": "prompt", "body": body}, **fields}
    return {
        "type": "AgentSessionEvent", "action": "prompted", "appUserId": "app", "agentSession": session,
        "agentActivity": activity,
    }  # fmt: skip
