"""Linear: a tracker, and a channel where the tickets' comments are the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from factory_core.config import FactoryConfig
from factory_core.ports import ClarificationChannel, Webhook, WorkItemProvider

from ..vendor import SHORTEST, Access, Secret, Vendor
from .settings import SCOPES, LinearSettings


def _webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .webhook import LinearWebhook

    return LinearWebhook(secrets, config)


def _tracker(access: Access, config: FactoryConfig) -> WorkItemProvider:
    from .client import LinearClient
    from .items import LinearWorkItemProvider

    settings = config.section("linear", LinearSettings)
    return LinearWorkItemProvider(LinearClient(access.http, access.token, settings.url, access.clock), config)


def _channel(access: Access, config: FactoryConfig) -> ClarificationChannel:
    from .clarification import LinearClarificationChannel
    from .client import LinearClient

    settings = config.section("linear", LinearSettings)
    return LinearClarificationChannel(LinearClient(access.http, access.token, settings.url, access.clock), config)


VENDOR = Vendor(
    settings=LinearSettings,
    token=Secret("token", ("LINEAR_API_KEY", "LINEAR_ACCESS_TOKEN"), "linear.app → Settings → Security & access"),
    webhook_secret=Secret(
        "signing secret", ("LINEAR_WEBHOOK_SECRET",), "linear.app → Settings → API → Webhooks", SHORTEST
    ),
    scopes=SCOPES,
    webhook=_webhook,
    tracker=_tracker,
    channel=_channel,
)
