"""The tenants of this process: configuration from SSM, secrets from Secrets Manager, built anew when one changes."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import timedelta
from typing import Any, NamedTuple

from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem, NotFound, Problem, Retryable
from factory_core.ports import Clock

from ..assembly import utc_now
from ..config_text import config_of_tenant
from .clients import Clients, in_our_words
from .deployment import Deployment
from .secrets import read_secrets, secrets_kept
from .ttl_cache import TtlCache
from .wiring import AwsTenant

logger = logging.getLogger("factory.aws")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_EFFECT = timedelta(minutes=4)  # a function has five, and begins none that it could not end


class Texts(NamedTuple):
    config: str
    secrets: str


class Tenants:
    """A name in, its tenant out; a minute after its configuration or a secret changed, the new one."""

    def __init__(self, deployment: Deployment, clients: Clients, holder: str, clock: Clock = utc_now) -> None:
        self._deployment, self._clients, self._holder = deployment, clients, holder
        self._texts = TtlCache(self._read, clock)
        self._built: dict[str, tuple[Texts, AwsTenant]] = {}

    async def __call__(self, name: str) -> AwsTenant:
        """Raise NotFound, ConfigProblem or NeedsPerson when it cannot be served, Retryable while AWS is away."""
        if not _NAME.fullmatch(name):
            raise _unknown(name)
        texts = await self._texts(name)
        known = self._built.get(name)
        if known and known[0] == texts:
            return known[1]
        self._built[name] = (texts, self._build(name, texts))
        if known:
            await known[1].close()
        return self._built[name][1]

    async def at_the_door(self, name: str) -> AwsTenant:
        """For whoever asks and is not known yet. Raise NotFound; all else that is wrong with a tenant is ours to mend:
        Retryable, so that its senders come again, and in words that tell a stranger nothing."""
        try:
            return await self(name)
        except NotFound:
            raise
        except Problem as problem:
            logger.error("%s: %s", problem.what, problem.why, extra={"action": "refused", "tenant": name})
            why, fix = "the log of this function says why", "factory deploy aws --dry-run"
            raise Retryable(f"{name} cannot be served now", why=why, fix=fix) from None

    def _build(self, name: str, texts: Texts) -> AwsTenant:
        config = config_here(texts.config, name, self._deployment.parameter(name))
        secrets = secrets_kept(texts.secrets, self._clients.secretsmanager, self._deployment, name)
        return AwsTenant(config, secrets, self._deployment, self._clients, self._holder)

    async def _read(self, name: str) -> Texts:
        """Both at once; what is wrong with the configuration is said first, for without one there is no such tenant."""
        config, secrets = await asyncio.gather(
            asyncio.to_thread(read_config_text, self._clients.ssm, self._deployment, name),
            asyncio.to_thread(read_secrets, self._clients.secretsmanager, self._deployment, name),
            return_exceptions=True,
        )
        if isinstance(config, BaseException):
            raise config
        if isinstance(secrets, BaseException):
            raise secrets
        return Texts(config, secrets)


def config_here(text: str, tenant: str, file: str) -> FactoryConfig:
    """Raise ConfigProblem for what is no configuration, and for what no function can do."""
    config = config_of_tenant(text, tenant, file)
    if config.agents.fleet != "workers":
        fix = "In factory.config.yaml: set agents.fleet to workers"
        raise ConfigProblem(f"{file}: agents.fleet", why="no agent can run in a function of AWS", fix=fix)
    if config.runner.effect_timeout > LONGEST_EFFECT:
        fix = "In factory.config.yaml: set runner.effectTimeout to 4m or less"
        raise ConfigProblem(f"{file}: runner.effectTimeout", why="a function of AWS ends after five minutes", fix=fix)
    return config


def read_config_text(client: Any, deployment: Deployment, tenant: str) -> str:
    """Raise NotFound when there is no such tenant, Retryable when SSM cannot be asked."""
    name = deployment.parameter(tenant)
    with in_our_words(f"the configuration of {tenant} cannot be read"):
        try:
            text: str = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except client.exceptions.ParameterNotFound:
            raise _unknown(tenant) from None
        return text


def _unknown(name: str) -> NotFound:
    return NotFound(f"no tenant {name[:63]!r} here", why="the address names it", fix="factory deploy aws --dry-run")
