"""A tenant's secrets by name, wherever the host keeps them. What is missing is named, with where to find it.

One tenant uses the plain names (`LINEAR_API_KEY`); where several share one list of names, each has its own
(`ACME_LINEAR_API_KEY`), and the plain names count for none.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from factory_core.config import FactoryConfig
from factory_core.errors import NeedsPerson, Problem

from .providers.credential import Credential
from .registry import WORKERS, Secret, declared

logger = logging.getLogger("factory.connections")


class Missing(NamedTuple):
    """One secret that is not there. `name` is the variable that would hold it."""

    provider: str
    secret: Secret
    name: str


class MissingSecrets(NeedsPerson):
    """Without them no webhook could be trusted, or no vendor asked: the factory does not start."""

    code = "E-SECRET"

    def __init__(self, missing: Sequence[Missing], looked_in: str = "the environment and in .env") -> None:
        lines = [f"{provider} {secret.what}: {name}" for provider, secret, name in missing]
        super().__init__(
            f"Not starting: {len(missing)} {'secret is' if len(missing) == 1 else 'secrets are'} missing.",
            why=f"looked in {looked_in} for {'; '.join(lines)}",
            fix=f"factory connect {missing[0].provider}",
            see=missing[0].secret.where,
        )
        self.missing = tuple(missing)


def missing_secrets(config: FactoryConfig, secrets: Secrets) -> list[Missing]:
    """Every secret that is not there and without which no sender, and no worker, could be told from a stranger."""
    wanted = [(name, vendor.webhook_secret) for name, vendor in declared(config).items()]
    wanted += [("workers", WORKERS)] if config.agents.fleet == "workers" else []
    return [Missing(name, secret, secrets.names(secret)[0]) for name, secret in wanted if not secrets.several(secret)]


def lacking(config: FactoryConfig, secrets: Secrets) -> list[str]:
    """The names of all that is not there: what it hears with, and what it speaks with."""
    tokens = [vendor.token for vendor in declared(config).values() if not secrets.find(vendor.token)]
    return [*(one.name for one in missing_secrets(config, secrets)), *(secrets.names(token)[0] for token in tokens)]


def refuse_missing_secrets(missing: Sequence[Missing], *looked_in: str) -> None:
    """Raise MissingSecrets with the whole list, if there is one."""
    if missing:
        raise MissingSecrets(missing, *looked_in)


Values = Sequence[Mapping[str, str]]
"""Names to values, by place; the first place wins."""


class Secrets:
    """Looks secrets up by name; never shows a value.

    `kept` reads them again, place by place, where they are kept; without it they stay as they are for the life of this
    process.
    """

    def __init__(
        self, values: Mapping[str, str], prefix: str = "", *, kept: Callable[[], Awaitable[Values]] | None = None
    ) -> None:
        self._places: Values = (values,)
        self._prefix, self._kept = prefix, kept
        self._credentials: dict[tuple[str, str], Credential] = {}

    def find(self, secret: Secret) -> str:
        """The value to speak with, or nothing; the first of several."""
        return next(iter(self.several(secret)), "")

    def several(self, secret: Secret) -> tuple[str, ...]:
        """Values separated by commas: while a secret is being rotated, the old and the new are both good."""
        return next(iter(self._found(secret)), ())

    def credential(self, provider: str, secret: Secret, use: str = "") -> Credential:
        """The vendor's token as it is today, the same object for all that use it in the same way: git may be refused
        where the API is not.

        A token that is refused in one place (the environment) has its successor in another one (a file), too.
        """

        def tokens() -> tuple[str, ...]:
            return tuple(dict.fromkeys(token for given in self._found(secret) for token in given))

        if (provider, use) not in self._credentials:
            self._credentials[provider, use] = Credential(provider, tokens, renew=self.renew)
        return self._credentials[provider, use]

    async def renew(self) -> None:
        """Read them again where they are kept. While that cannot be read they stay as they are."""
        if self._kept is None:
            return
        try:
            self._places = await self._kept()
        except Problem as problem:
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "read_secrets"})

    def _found(self, secret: Secret) -> list[tuple[str, ...]]:
        """What each place has under the first name that any of them knows: other names are other accounts."""
        for name in self.names(secret):
            given = (place.get(name, "").split(",") for place in self._places)
            split = [tuple(filter(None, map(str.strip, parts))) for parts in given]
            if any(split):
                return [parts for parts in split if parts]
        return []

    def names(self, secret: Secret) -> tuple[str, ...]:
        return tuple(self._prefix + name for name in secret.names)

    def among(self, names: Collection[str]) -> Secrets:
        """Those that somebody else has under these names; what they are, only he knows."""
        return Secrets(dict.fromkeys(names, "known elsewhere"), self._prefix)

    def __repr__(self) -> str:
        return "Secrets(…)"


def prefix_of(tenant: str, tenants: int) -> str:
    """What the names of this tenant's secrets begin with."""
    return f"{tenant.upper().replace('-', '_')}_" if tenants > 1 else ""
