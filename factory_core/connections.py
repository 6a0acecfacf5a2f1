"""ProviderConnection: is each declared provider ready? Check all, refuse to start with the whole list."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from .errors import NeedsPerson
from .work_item import Frozen


class ConnectionStatus(StrEnum):
    CONNECTED = "connected"
    NEEDS_AUTH = "needs-auth"
    MISSING_SCOPES = "missing-scopes"
    NEEDS_CONFIG = "needs-config"  # a setting, in the configuration or at the vendor
    UNAVAILABLE = "unavailable"  # something on this machine: the factory starts, and what needs it does not
    ERROR = "error"


class ProviderConnection(Frozen):
    """What a provider says of its own connection. `fix` follows the rule of Problem.fix; empty when connected."""

    provider: str
    status: ConnectionStatus
    required_scopes: tuple[str, ...] = ()
    connected_scopes: tuple[str, ...] | None = None  # None: the vendor does not say
    auth_url: str = ""
    error: str = ""
    account: str = ""  # who we are there
    organisation: str = ""  # the vendor's id of the organisation that the credential is for
    fix: str = ""

    @property
    def ready(self) -> bool:
        return self.status is ConnectionStatus.CONNECTED

    @property
    def waits_for_a_person(self) -> bool:
        needs = {ConnectionStatus.NEEDS_AUTH, ConnectionStatus.MISSING_SCOPES, ConnectionStatus.NEEDS_CONFIG}
        return self.status in needs

    @property
    def words(self) -> str:
        """The status as the table shows it."""
        missing = [scope for scope in self.required_scopes if scope not in (self.connected_scopes or ())]
        detail = ", ".join(missing) if self.status is ConnectionStatus.MISSING_SCOPES else self.error
        return f"{self.status}: {detail}" if detail else str(self.status)


class NotReady(NeedsPerson):
    """The factory does not start before every declared connection is ready."""

    code = "E-NOT-READY"

    def __init__(self, connections: Sequence[ProviderConnection]) -> None:
        waiting = [connection for connection in connections if connection.waits_for_a_person]
        super().__init__(
            f"Not starting: {len(waiting)} of {len(connections)} connections are not ready.",
            why="; ".join(f"{connection.provider} {connection.words}" for connection in waiting),
            fix=waiting[0].fix or "factory check",
            see="factory check",
        )
        self.waiting = tuple(waiting)


def refuse_to_start(connections: Sequence[ProviderConnection]) -> None:
    """Raise NotReady if any waits for a person; a vendor that merely does not answer now is no reason."""
    if any(connection.waits_for_a_person for connection in connections):
        raise NotReady(connections)
