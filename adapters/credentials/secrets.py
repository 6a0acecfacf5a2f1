"""A tenant's secrets by name, wherever the host keeps them. What is missing is named, with where to find it.

One tenant uses the plain names (`LINEAR_API_KEY`); where several share one list of names, each has its own
(`ACME_LINEAR_API_KEY`), and the plain names count for none.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from factory_core.config import FactoryConfig
from factory_core.errors import NeedsPerson, Problem
from factory_core.settings import VendorSettings

from ..logs.redaction import Redactor, values_of_secrets
from ..providers.credential import Credential
from ..providers.vendor import Secret
from ..registry import WORKERS, declared

logger = logging.getLogger("factory.connections")

PUBLISHED = "sandbox-"  # what every secret of the sandbox begins with; they stand in the source
MAKE_ONE = "openssl rand -hex 32"


class Missing(NamedTuple):
    """One secret that is not there, or that anybody could guess: then `weakness` is why. `name` is its variable."""

    provider: str
    secret: Secret
    name: str
    weakness: str = ""

    @property
    def words(self) -> str:
        return f"{self.name} {self.weakness}" if self.weakness else f"no {self.name}"


class MissingSecrets(NeedsPerson):
    """Without them no webhook could be trusted, or no vendor asked: the factory does not start."""

    code = "E-SECRET"

    def __init__(self, missing: Sequence[Missing], looked_in: str = "the environment and in .env") -> None:
        weak = [one.words for one in missing if one.weakness]
        lines = [f"{one.provider} {one.secret.what}: {one.name}" for one in missing if not one.weakness]
        why = [f"looked in {looked_in} for {'; '.join(lines)}"] if lines else []
        why += [*weak, f"`{MAKE_ONE}` makes a good one"] if weak else []
        are, fault = "secret is" if len(missing) == 1 else "secrets are", "missing or weak" if weak else "missing"
        super().__init__(
            f"Not starting: {len(missing)} {are} {fault}.",
            why="; ".join(why),
            fix=f"factory connect {missing[0].provider}",
            see=missing[0].secret.where,
        )
        self.missing = tuple(missing)


def missing_secrets(config: FactoryConfig, secrets: Secrets) -> list[Missing]:
    """Every secret without which no sender, and no worker, could be told from anybody else: it is not there, or it is
    one that can be guessed."""
    wanted = [(name, vendor.webhook_secret) for name, vendor in declared(config).items()]
    wanted += [("workers", WORKERS)] if config.agents.fleet == "workers" else []
    found = []
    for name, secret in wanted:
        values = secrets.several(secret)
        why = weakness(secret, values, published_is_fine=_is_sandbox(config.section(name, VendorSettings).url))
        if not values or why:
            found.append(Missing(name, secret, secrets.names(secret)[0], why))
    return found


def weakness(secret: Secret, values: Sequence[str], *, published_is_fine: bool = False) -> str:
    """Why anybody could guess one of these values; empty if nobody can."""
    if any(len(value) < secret.shortest for value in values):
        return f"is shorter than {secret.shortest} characters"
    if any(value.startswith(PUBLISHED) for value in values) and not published_is_fine:
        return "is the sandbox's own, which is published"
    return ""


def _is_sandbox(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def lacking(config: FactoryConfig, secrets: Secrets) -> list[str]:
    """The names of all that is not there: what it hears with, and what it speaks with."""
    tokens = [vendor.token for vendor in declared(config).values() if not secrets.find(vendor.token)]
    missing = missing_secrets(config, secrets)
    return [
        *(f"a good {one.name}" if one.weakness else one.name for one in missing),
        *(secrets.names(token)[0] for token in tokens),
    ]


def refuse_missing_secrets(missing: Sequence[Missing], *looked_in: str) -> None:
    """Raise MissingSecrets with the whole list, if there is one."""
    if missing:
        raise MissingSecrets(missing, *looked_in)


Values = Sequence[Mapping[str, str]]
"""Names to values, by place; the first place wins."""


class Secrets:
    """Looks secrets up by name; never shows a value. `redact` takes all of them out of a text.

    `kept` reads them again, place by place, where they are kept; without it they stay as they are for the life of this
    process.
    """

    def __init__(
        self, values: Mapping[str, str], prefix: str = "", *, kept: Callable[[], Awaitable[Values]] | None = None
    ) -> None:
        self._keep((values,))
        self._prefix, self._kept = prefix, kept
        self._credentials: dict[tuple[str, str], Credential] = {}
        self.redact = Redactor(self.known)

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
            self._keep(await self._kept())
        except Problem as problem:
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "read_secrets"})

    def _keep(self, places: Values) -> None:
        self._places = places
        self._known = frozenset[str]().union(*map(values_of_secrets, places))

    def _found(self, secret: Secret) -> list[tuple[str, ...]]:
        """What each place has under the first name that any of them knows: other names are other accounts."""
        for name in self.names(secret):
            given = (place.get(name, "").split(",") for place in self._places)
            split = [tuple(filter(None, map(str.strip, parts))) for parts in given]
            if any(split):
                return [parts for parts in split if parts]
        return []

    def known(self) -> frozenset[str]:
        """Every value under a name of a secret, in any place."""
        return self._known

    def names(self, secret: Secret) -> tuple[str, ...]:
        return tuple(self._prefix + name for name in secret.names)

    def among(self, names: Collection[str]) -> Secrets:
        """Those that somebody else has under these names; what they are, only he knows."""
        return Secrets(dict.fromkeys(names, "its value is known elsewhere"), self._prefix)

    def __repr__(self) -> str:
        return "Secrets(…)"


def prefix_of(tenant: str, tenants: int) -> str:
    """What the names of this tenant's secrets begin with."""
    return f"{tenant.upper().replace('-', '_')}_" if tenants > 1 else ""
