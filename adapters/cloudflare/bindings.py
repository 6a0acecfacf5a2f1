"""What a deployment gives the Worker by name: configurations as variables, secrets as secrets.

One tenant: FACTORY_CONFIG, and the secrets' plain names. Several: FACTORY_CONFIG_<TENANT> for each, and
<TENANT>_LINEAR_API_KEY and so on, the tenant in capitals with _ for -.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem, NotFound, Problem, Retryable

from ..config_text import config_of, config_of_tenant
from ..credentials.secrets import Secrets, prefix_of

logger = logging.getLogger("factory.cloudflare")
CONFIG = "FACTORY_CONFIG"


class Bindings:
    """`texts`: every binding that is text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """Tenant to the variable with its configuration. Raises ConfigProblem when there is none."""
        several = {_tenant_of(name): name for name in self._texts if name.startswith(f"{CONFIG}_")}
        alone = {config_of(self._texts[CONFIG], CONFIG).tenant: CONFIG} if CONFIG in self._texts else {}
        if not several and not alone:
            why = f"there is neither {CONFIG} nor {CONFIG}_<TENANT>"
            raise ConfigProblem("the Worker has no configuration", why=why, fix="factory deploy cloudflare")
        return {**alone, **several}

    def known(self, tenant: str) -> str:
        """The tenant; raises NotFound for one that is none of ours."""
        if tenant not in self.variables:
            raise NotFound(f"no tenant {tenant[:63]!r} here", why="the address names it", fix="factory check")
        return tenant

    def config(self, tenant: str) -> FactoryConfig:
        """Raises NotFound for a tenant that is none of ours, ConfigProblem for what it cannot be."""
        variable = self.variables[self.known(tenant)]
        return config_of_tenant(self._texts[variable], tenant, variable)

    def secrets(self, tenant: str) -> Secrets:
        return Secrets(self._texts, prefix_of(tenant, len(self.variables)))


def _tenant_of(variable: str) -> str:
    return variable.removeprefix(f"{CONFIG}_").lower().replace("_", "-")


def not_now(problem: Problem) -> Problem:
    """What a sender hears of trouble that is ours to mend: come again, and nothing that a stranger may not know."""
    if isinstance(problem, NotFound):
        return problem
    logger.error("%s: %s", problem.what, problem.why, extra={"action": "refused"})
    why = "its operator finds the reason in the Worker's log"
    return Retryable("this tenant cannot be served just now", why=why, fix="factory check")


def bindings_of(env: Any) -> Bindings:
    """`env` as the Workers SDK wraps it."""
    from js import Object  # there is none outside the runtime, and `factory deploy` reads these names

    return _known(frozenset((name, value) for name, value in Object.entries(env._env) if isinstance(value, str)))


@cache
def _known(texts: frozenset[tuple[str, str]]) -> Bindings:
    """They are the same as long as the code is."""
    return Bindings(dict(texts))
