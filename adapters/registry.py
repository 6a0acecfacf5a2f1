"""Name in the configuration → what implements it. The only list of what exists; a new vendor is four files and a line.

Imports happen when a vendor is used, so that nobody pays for the others.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem
from factory_core.ports import (
    ClarificationChannel,
    Clock,
    OutputTarget,
    PointerReader,
    Webhook,
    WorkItemProvider,
)

if TYPE_CHECKING:
    from .providers.credential import Token
    from .providers.http_call import RedactingClient


class Access(NamedTuple):
    """How a vendor is reached: connections that carry no secret in what they send, where today's token is found, the
    time."""

    http: RedactingClient
    token: Token
    clock: Clock


class Secret(NamedTuple):
    """What a person must give, under which names it is looked for (first wins), and where the vendor shows it.

    `shortest`: characters of one that others show to us or sign with; what is shorter can be guessed.
    """

    what: str
    names: tuple[str, ...]
    where: str
    shortest: int = 0


SHORTEST = 16  # GitHub's and Slack's own are 32 and more

WORKERS = Secret("token", ("FACTORY_WORKER_TOKEN",), "factory connect workers makes one", SHORTEST)
"""What every worker of a tenant shows; two, with a comma between, while it is being rotated."""

Role = Callable[[Access, FactoryConfig], Any]


class Vendor(NamedTuple):
    """One provider: its secrets, its webhooks, and the roles that it can play."""

    token: Secret
    webhook_secret: Secret
    webhook: Callable[[Sequence[str], FactoryConfig], Webhook]
    tracker: Role | None = None
    channel: Role | None = None
    target: Role | None = None
    reader: Role | None = None


def _linear_webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .providers.linear.webhook import LinearWebhook

    return LinearWebhook(secrets, config)


def _linear_tracker(access: Access, config: FactoryConfig) -> WorkItemProvider:
    from .providers.linear.client import LinearClient
    from .providers.linear.items import LinearWorkItemProvider

    return LinearWorkItemProvider(LinearClient(access.http, access.token, config.linear.url, access.clock), config)


def _linear_channel(access: Access, config: FactoryConfig) -> ClarificationChannel:
    from .providers.linear.clarification import LinearClarificationChannel
    from .providers.linear.client import LinearClient

    return LinearClarificationChannel(LinearClient(access.http, access.token, config.linear.url, access.clock), config)


def _slack_webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .providers.slack.webhook import SlackWebhook

    return SlackWebhook(secrets, config)


def _slack_channel(access: Access, config: FactoryConfig) -> ClarificationChannel:
    from .providers.slack.clarification import SlackClarificationChannel
    from .providers.slack.client import SlackClient

    return SlackClarificationChannel(SlackClient(access.http, access.token, config.slack.url), config)


def _github_webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .providers.github.webhook import GithubWebhook

    return GithubWebhook(secrets, config)


def _github_target(access: Access, config: FactoryConfig) -> OutputTarget:
    from .providers.github.client import GithubClient
    from .providers.github.output_target import GithubOutputTarget

    return GithubOutputTarget(GithubClient(access.http, access.token, config.github.url, clock=access.clock), config)


def _relayfile_webhook(secrets: Sequence[str], config: FactoryConfig) -> Webhook:
    from .providers.relayfile.webhook import RelayfileWebhook

    return RelayfileWebhook(secrets, config)


def _relayfile_reader(access: Access, config: FactoryConfig) -> PointerReader:
    from .providers.relayfile.client import RelayfileClient
    from .providers.relayfile.reader import RelayfileReader

    client = RelayfileClient(access.http, access.token, config.relayfile.url, config.relayfile.workspace)
    return RelayfileReader(client, config, access.clock)


VENDORS: dict[str, Vendor] = {
    "linear": Vendor(
        token=Secret("token", ("LINEAR_API_KEY", "LINEAR_ACCESS_TOKEN"), "linear.app → Settings → Security & access"),
        webhook_secret=Secret(
            "signing secret", ("LINEAR_WEBHOOK_SECRET",), "linear.app → Settings → API → Webhooks", SHORTEST
        ),
        webhook=_linear_webhook,
        tracker=_linear_tracker,
        channel=_linear_channel,
    ),
    "slack": Vendor(
        token=Secret("bot token", ("SLACK_BOT_TOKEN",), "api.slack.com/apps → your app → OAuth & Permissions"),
        webhook_secret=Secret(
            "signing secret", ("SLACK_SIGNING_SECRET",), "api.slack.com/apps → your app → Basic Information", SHORTEST
        ),
        webhook=_slack_webhook,
        channel=_slack_channel,
    ),
    "github": Vendor(
        token=Secret("token", ("GITHUB_TOKEN", "GH_TOKEN"), "github.com → Settings → Developer settings"),
        webhook_secret=Secret(
            "webhook secret", ("GITHUB_WEBHOOK_SECRET",), "github.com → the repository → Settings → Webhooks", SHORTEST
        ),
        webhook=_github_webhook,
        target=_github_target,
    ),
    "relayfile": Vendor(
        token=Secret("token", ("RELAYFILE_TOKEN",), "your relayfile workspace"),
        webhook_secret=Secret(
            "webhook secret", ("RELAYFILE_WEBHOOK_SECRET",), "the answer to creating the webhook", SHORTEST
        ),
        webhook=_relayfile_webhook,
        reader=_relayfile_reader,
    ),
}

ROLES = {"intentProvider": "tracker", "clarificationChannel": "channel", "outputTarget": "target", "relay": "reader"}


def vendor(name: str, key: str, file: str = "factory.config.yaml") -> Vendor:
    """The vendor that the configuration names under `key`, if it exists and can play that role."""
    can = sorted(known for known, found in VENDORS.items() if getattr(found, ROLES[key]) is not None)
    if name not in can:
        near = next(iter(difflib.get_close_matches(name, can, 1)), "")
        hint = f' Did you mean "{near}"?' if near else ""
        raise ConfigProblem(
            f'Unknown provider "{name}" in {file}: {key}',
            why=f"known here: {', '.join(can)}.{hint}",
            fix=f"In {file}: set {key} to one of {', '.join(can)}",
            see="docs/extend.md",
        )
    return VENDORS[name]


def declared(config: FactoryConfig) -> dict[str, Vendor]:
    """Every vendor of the configuration, checked for its role."""
    named = {
        "intentProvider": config.intent_provider,
        "clarificationChannel": config.clarification_channel,
        "outputTarget": config.output_target,
        "relay": config.relay,
    }
    return {name: vendor(name, key) for key, name in named.items() if name}
