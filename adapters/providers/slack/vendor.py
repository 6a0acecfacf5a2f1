"""Slack: a channel where people are asked, a thread for each question."""

from __future__ import annotations

from collections.abc import Sequence

from factory_core.config import FactoryConfig
from factory_core.ports import ClarificationChannel, Webhook

from ..vendor import SHORTEST, Access, Secret, Vendor
from .settings import SCOPES, SlackSettings


def _webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .webhook import SlackWebhook

    return SlackWebhook(secrets, config)


def _channel(access: Access, config: FactoryConfig) -> ClarificationChannel:
    from .clarification import SlackClarificationChannel
    from .client import SlackClient

    settings = config.section("slack", SlackSettings)
    return SlackClarificationChannel(SlackClient(access.http, access.token, settings.url), config)


VENDOR = Vendor(
    settings=SlackSettings,
    token=Secret("bot token", ("SLACK_BOT_TOKEN",), "api.slack.com/apps → your app → OAuth & Permissions"),
    webhook_secret=Secret(
        "signing secret", ("SLACK_SIGNING_SECRET",), "api.slack.com/apps → your app → Basic Information", SHORTEST
    ),
    scopes=SCOPES,
    webhook=_webhook,
    channel=_channel,
)
