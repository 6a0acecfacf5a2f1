"""What the factory must know of a vendor before it speaks to it: each vendor's vendor.py exports one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from factory_core.config import FactoryConfig
from factory_core.ports import Clock, Webhook
from factory_core.settings import VendorSettings

if TYPE_CHECKING:
    from .credential import Token
    from .http_call import RedactingClient

SHORTEST = 16  # characters of a secret that is not guessed; what vendors make has 32 and more


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


Role = Callable[[Access, FactoryConfig], Any]


class Vendor(NamedTuple):
    """One vendor: the model of its section in the configuration, its secrets, what its token must be allowed, its
    webhooks, and the roles that it can play. Roles import their clients when they are called: nobody pays for others.
    """

    settings: type[VendorSettings]
    token: Secret
    webhook_secret: Secret
    scopes: tuple[str, ...]
    webhook: Callable[[Sequence[str], FactoryConfig], Webhook]
    tracker: Role | None = None
    channel: Role | None = None
    target: Role | None = None
    reader: Role | None = None
