"""GitHub: the code host, where pull requests are."""

from __future__ import annotations

from collections.abc import Sequence

from factory_core.config import FactoryConfig
from factory_core.ports import OutputTarget, Webhook

from ..vendor import SHORTEST, Access, Secret, Vendor
from .settings import SCOPES, GithubSettings


def _webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .webhook import GithubWebhook

    return GithubWebhook(secrets, config)


def _target(access: Access, config: FactoryConfig) -> OutputTarget:
    from .client import GithubClient
    from .output_target import GithubOutputTarget

    settings = config.section("github", GithubSettings)
    return GithubOutputTarget(GithubClient(access.http, access.token, settings.url, clock=access.clock), config)


VENDOR = Vendor(
    settings=GithubSettings,
    token=Secret("token", ("GITHUB_TOKEN", "GH_TOKEN"), "github.com → Settings → Developer settings"),
    webhook_secret=Secret(
        "webhook secret", ("GITHUB_WEBHOOK_SECRET",), "github.com → the repository → Settings → Webhooks", SHORTEST
    ),
    scopes=SCOPES,
    webhook=_webhook,
    target=_target,
)
