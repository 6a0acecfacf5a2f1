"""A tenant's factory on this machine: configuration and secrets in, everything connected out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import yaml

from factory_core.config import FactoryConfig, read_config
from factory_core.connections import ProviderConnection
from factory_core.dispatch.records import InFlightRecord
from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import ConfigProblem
from factory_core.factory import Factory, build_factory
from factory_core.ports import Fleet
from factory_core.runner.perform_dispatch import Performer, RuleTriager

from ..fleets.local_engines.fleet import LocalFleet
from ..fleets.local_engines.git import http_credential
from ..registry import Access, Vendor, declared
from .background import Background, tick
from .credentials import MissingSecrets, Secrets
from .presence import Presence
from .sqlite_file import SqliteFile, create_file
from .sqlite_state_store import SqliteStateStore


def utc_now() -> datetime:
    return datetime.now(UTC)


def load_config(path: Path) -> FactoryConfig:
    """Read factory.config.yaml (or the same as JSON); every way in which it can be wrong is a ConfigProblem."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigProblem(f"{path} cannot be read", why=error.strerror or str(error), fix="factory init") from None
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        why = str(getattr(error, "problem", None) or "it is not YAML")
        raise ConfigProblem(f"{path.name}{line}: not YAML", why=why, fix=f"In {path.name}: correct that line") from None
    if not isinstance(document, Mapping):
        raise ConfigProblem(f"{path.name} is empty", why="it must be a mapping", fix="factory init")
    config = read_config(document, file=path.name, text=text)
    declared(config)
    return config


class LocalTenant:
    """One tenant in this process. Use as a context: entering adopts what a predecessor left, leaving lets go of it."""

    def __init__(
        self,
        config: FactoryConfig,
        secrets: Secrets,
        file: SqliteFile,
        presence: Presence,
        home: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.config, self.secrets = config, secrets
        self.vendors = declared(config)
        self._refuse_missing_secrets()
        self.store = SqliteStateStore(file, config.tenant, utc_now)
        self.http = httpx2.AsyncClient()
        self.background = Background()
        self.fleet = LocalFleet(
            home / "fleet" / config.tenant,
            environment=environment,
            clock=utc_now,
            credentials=self._git_credentials,
            pass_environment=config.agents.pass_environment,
        )
        self.tracker = self._role(config.intent_provider, "tracker")
        self.channel = self._role(config.clarification_channel, "channel")
        self.target = self._role(config.output_target, "target")
        self.reader = self._role(config.relay, "reader") if config.relay else None
        self.factory = self._build(presence, self.fleet)
        self.fleet.finished = self.factory.finished
        self._tick: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LocalTenant:
        await self.fleet.adopt()
        self._tick = asyncio.create_task(tick(self.factory, self.config.runner))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._tick:
            self._tick.cancel()
            await asyncio.gather(self._tick, return_exceptions=True)
        await self.background.close()
        await self.fleet.close()
        await self.http.aclose()

    async def check_connections(self) -> list[ProviderConnection]:
        """All declared providers, asked side by side, each once."""
        roles = {self.config.intent_provider: self.tracker, self.config.clarification_channel: self.channel}
        roles |= {self.config.output_target: self.target} | ({self.config.relay: self.reader} if self.reader else {})
        return list(await asyncio.gather(*(role.check_connection() for role in roles.values())))

    def _build(self, presence: Presence, fleet: Fleet) -> Factory:
        performer = Performer(
            self.config,
            self.store,
            utc_now,
            tracker=self.tracker,
            channel=self.channel,
            target=self.target,
            fleet=fleet,
            triager=RuleTriager(self.config),
            template=StandardTask(self.config),
        )
        return build_factory(
            self.config,
            self.store,
            performer,
            utc_now,
            webhooks={name: self._webhook(vendor) for name, vendor in self.vendors.items()},
            reader=self.reader,
            holder=presence.holder,
            wake=self._wake,
            is_gone=presence.is_gone,
        )

    def _webhook(self, vendor: Vendor) -> Any:
        return vendor.webhook(self.secrets.several(vendor.webhook_secret), self.config)

    def _role(self, provider: str, role: str) -> Any:
        vendor = self.vendors[provider]
        access = Access(self.http, self.secrets.find(vendor.token), utc_now)
        return getattr(vendor, role)(access, self.config)

    def _wake(self, record: InFlightRecord) -> None:
        self.background.start(self.factory.perform(record))

    def _refuse_missing_secrets(self) -> None:
        """The whole list at once: every webhook secret, for without one no sender could be told from a stranger."""
        missing = [
            (name, vendor.webhook_secret)
            for name, vendor in self.vendors.items()
            if not self.secrets.several(vendor.webhook_secret)
        ]
        if missing:
            raise MissingSecrets(missing, [self.secrets.names(secret)[0] for _, secret in missing])

    def _git_credentials(self, clone_url: str) -> Mapping[str, str]:
        """The code host's token, for the code host alone."""
        token = self.secrets.find(self.vendors[self.config.output_target].token)
        ours = {urlsplit(self.config.github.git_url).netloc}
        return http_credential("x-access-token", token) if token and urlsplit(clone_url).netloc in ours else {}


def open_store(config: FactoryConfig, beside: Path) -> tuple[SqliteFile, Presence]:
    """The store's file, made if it is not there, and this process's presence beside it."""
    path = beside / config.store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    create_file(path)
    return SqliteFile(path), Presence(path.with_name(f"{path.name}.holders"))
