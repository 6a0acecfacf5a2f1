"""relayfile: a relay through which other vendors' webhooks come."""

from __future__ import annotations

from collections.abc import Sequence

from factory_core.config import FactoryConfig
from factory_core.ports import PointerReader, Webhook

from ..vendor import SHORTEST, Access, Secret, Vendor
from .settings import SCOPES, RelayfileSettings


def _webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .webhook import RelayfileWebhook

    return RelayfileWebhook(secrets, config)


def _reader(access: Access, config: FactoryConfig) -> PointerReader:
    from .client import RelayfileClient
    from .reader import RelayfileReader

    settings = config.section("relayfile", RelayfileSettings)
    client = RelayfileClient(access.http, access.token, settings.url, settings.workspace)
    return RelayfileReader(client, config, access.clock)


VENDOR = Vendor(
    settings=RelayfileSettings,
    token=Secret("token", ("RELAYFILE_TOKEN",), "your relayfile workspace"),
    webhook_secret=Secret(
        "webhook secret", ("RELAYFILE_WEBHOOK_SECRET",), "the answer to creating the webhook", SHORTEST
    ),
    scopes=SCOPES,
    webhook=_webhook,
    reader=_reader,
)
