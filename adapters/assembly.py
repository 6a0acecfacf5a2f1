"""Configuration and secrets become ports, webhooks and effect handlers: the same on every host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import ConnectionLost
from factory_core.intake.intake import configured_organisations
from factory_core.performing.perform import EffectHandlers, RuleTriager
from factory_core.ports import Fleet, StateStore, Webhook

from .credentials.secrets import Secrets
from .providers.vendor import Access, Vendor
from .registry import declared

if TYPE_CHECKING:
    from .providers.http_call import RedactingClient


def utc_now() -> datetime:
    return datetime.now(UTC)


class Ports(NamedTuple):
    """The roles of a configuration, played by its vendors; `reader` where webhooks come through a relay."""

    tracker: Any
    channel: Any
    target: Any
    reader: Any


def ports_of(config: FactoryConfig, secrets: Secrets, http: RedactingClient) -> Ports:
    """Needs no secret: what is missing is told by check_connections()."""

    def role(provider: str, name: str) -> Any:
        vendor = declared(config)[provider]
        return getattr(vendor, name)(Access(http, secrets.credential(provider, vendor.token), utc_now), config)

    keep_organisations(config, secrets, http, configured_organisations(config))
    return Ports(
        role(config.intent_provider, "tracker"),
        role(config.clarification_channel, "channel"),
        role(config.output_target, "target"),
        role(config.relay, "reader") if config.relay else None,
    )


def keep_organisations(
    config: FactoryConfig, secrets: Secrets, http: RedactingClient, organisations: Mapping[str, str]
) -> None:
    """A token that takes another one's place must be of the same organisation, where that is known: in another one our
    tickets do not exist, and would be taken for deleted."""

    def same(provider: str, vendor: Vendor) -> Callable[[str], Awaitable[None]]:
        make = vendor.tracker or vendor.channel or vendor.target or vendor.reader

        async def confirm(token: str) -> None:
            ours = organisations.get(provider)
            found = await make(Access(http, token, utc_now), config).check_connection() if ours and make else None
            if found and found.organisation and found.organisation != ours:
                why = f"the new token is of organisation {found.organisation}, and this factory works for {ours}"
                raise ConnectionLost(provider, why)

        return confirm

    for provider, vendor in declared(config).items():
        secrets.credential(provider, vendor.token).confirm = same(provider, vendor)


async def check_connections(config: FactoryConfig, ports: Ports) -> list[ProviderConnection]:
    """All declared providers, asked side by side, each once."""
    named = (config.intent_provider, config.clarification_channel, config.output_target, config.relay)
    roles = {name: port for name, port in zip(named, ports, strict=True) if port}
    return list(await asyncio.gather(*(port.check_connection() for port in roles.values())))


def webhooks_of(config: FactoryConfig, secrets: Secrets) -> dict[str, Webhook]:
    """Of every declared vendor."""
    vendors = declared(config).items()
    return {name: vendor.webhook(secrets.several(vendor.webhook_secret), config) for name, vendor in vendors}


def handlers_of(config: FactoryConfig, store: StateStore, ports: Ports, fleet: Fleet) -> EffectHandlers:
    """The factory's own triage and task, the vendors' ports, this fleet."""
    return EffectHandlers(
        config,
        store,
        utc_now,
        tracker=ports.tracker,
        channel=ports.channel,
        target=ports.target,
        fleet=fleet,
        triager=RuleTriager(config),
        template=StandardTask(config),
    )
