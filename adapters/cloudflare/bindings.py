"""What a deployment gives the Worker by name: configurations as variables, secrets as secrets.

One tenant: FACTORY_CONFIG, and the secrets' plain names. Several: FACTORY_CONFIG_<TENANT> for each, and
<TENANT>_LINEAR_API_KEY and so on, the tenant in capitals with _ for -.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from js import Object

from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem, NotFound

from ..config_text import config_of, config_of_tenant
from ..credentials import Secrets, prefix_of

CONFIG = "FACTORY_CONFIG"


class Bindings:
    """`texts`: every binding that is text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @cached_property
    def tenants(self) -> Mapping[str, FactoryConfig]:
        """By name. Raises ConfigProblem when one cannot be read, or there is none."""
        named = {name: text for name, text in self._texts.items() if name.startswith(f"{CONFIG}_")}
        several = [
            config_of_tenant(text, name.removeprefix(f"{CONFIG}_").lower().replace("_", "-"), name)
            for name, text in named.items()
        ]
        alone = [config_of(self._texts[CONFIG], CONFIG)] if CONFIG in self._texts else []
        if not several and not alone:
            why = f"there is neither {CONFIG} nor {CONFIG}_<TENANT>"
            raise ConfigProblem("the Worker has no configuration", why=why, fix="factory deploy cloudflare")
        return {config.tenant: config for config in (*alone, *several)}

    def config(self, tenant: str) -> FactoryConfig:
        """Raises NotFound for a tenant that is none of ours."""
        if tenant not in self.tenants:
            raise NotFound(f"no tenant {tenant[:63]!r} here", why="the address names it", fix="factory check")
        return self.tenants[tenant]

    def secrets(self, tenant: str) -> Secrets:
        return Secrets(self._texts, prefix_of(tenant, len(self.tenants)))


def bindings_of(env: Any) -> Bindings:
    """`env` as the Workers SDK wraps it. It is the same as long as the code is."""
    return Bindings({name: value for name, value in Object.entries(env._env) if isinstance(value, str)})
