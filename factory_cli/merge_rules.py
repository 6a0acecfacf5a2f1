"""on-green merges what some check likes: which one must be said, in the configuration or by the rules of the base."""

from __future__ import annotations

from adapters.assembly import ports_of
from adapters.providers.http_call import RedactingClient
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.errors import Problem, Terminal

from .place import Place

NAME = "merge"


async def merge_connection(place: Place) -> ProviderConnection | None:
    """As one of the connections; None where the configuration decides it alone. A code host that does not answer is no
    reason not to start: until it says that a check is required, nothing is merged."""
    merge, repositories = place.config.merge, place.config.repositories
    if merge.policy != "on-green" or merge.required_checks or merge.trust_any_check or not repositories:
        return None
    required: dict[str, tuple[str, ...]] = {}
    async with RedactingClient(place.secrets.redact) as http:
        target = ports_of(place.config, place.secrets, http).target
        for name, repository in repositories.items():
            try:
                found = await target.required_checks(name, repository.base)
            except Terminal:
                found = None
            except Problem as problem:
                return ProviderConnection(
                    provider=NAME, status=ConnectionStatus.ERROR, error=problem.why, fix=problem.fix
                )
            if not found:
                return _unready(place, name, repository.base, known=found is not None)
            required[name] = found
    words = "; ".join(f"{name} requires {', '.join(checks)}" for name, checks in required.items())
    return ProviderConnection(provider=NAME, status=ConnectionStatus.CONNECTED, account=words)


def _unready(place: Place, name: str, base: str, *, known: bool) -> ProviderConnection:
    what = f"{base} of {name} requires none" if known else f"what {base} of {name} requires cannot be read"
    error = f"policy on-green, and no check that must succeed: merge.requiredChecks is empty, and {what}"
    file = place.path.name
    fix = f"In {file}: name merge.requiredChecks (or set merge.trustAnyCheck: true, and any check will do)"
    return ProviderConnection(provider=NAME, status=ConnectionStatus.NEEDS_CONFIG, error=error, fix=fix)
