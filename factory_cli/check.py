"""Is every provider of the configuration ready? Exit 0: all are; 4: a person is needed; 1: one does not answer."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from adapters.assembly import check_connections, ports_of, utc_now
from adapters.credentials.secrets import missing_secrets
from adapters.fleets.local_engines.engine_state import EngineState
from adapters.fleets.local_engines.engines import ENGINES
from adapters.providers.http_call import RedactingClient
from adapters.registry import WORKERS, declared
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.overview import workers_line
from factory_core.ports import WallState
from factory_core.text.redaction import redacted

from .merge_rules import NAME, merge_connection
from .output import Output, aligned
from .place import Place, config_argument, engines_at, place_of, wall_at, warn_of_open_secrets, workers_at


def arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="say more: accounts, and what is missing")


def run(args: argparse.Namespace, out: Output) -> int:
    place = place_of(args.config, out)
    warn_of_open_secrets(place.secrets_file, out)
    found = asyncio.run(_everything(place))
    text = f"{table(found, out, verbose=args.verbose)}\n\n{verdict(found)}"
    return out.answer(document(found), text, exit_code(found))


async def _everything(place: Place) -> list[ProviderConnection]:
    wall, states = await wall_at(place), await engines_at(place)
    engines = [engine_connection(state) for state in states if state.fix or state.tested]
    return [*await look(place), *engines, *([wall_connection(wall)] if wall else [])]


def engine_connection(state: EngineState) -> ProviderConnection:
    """An engine as one of the connections."""
    if state.fix:
        unavailable = ConnectionStatus.UNAVAILABLE
        return ProviderConnection(provider=state.name, status=unavailable, error=state.words, fix=state.fix)
    return ProviderConnection(provider=state.name, status=ConnectionStatus.CONNECTED, account=state.words)


def wall_connection(wall: WallState) -> ProviderConnection:
    """The wall as one of the connections."""
    if wall.fix:
        return ProviderConnection(provider="wall", status=ConnectionStatus.UNAVAILABLE, error=wall.note, fix=wall.fix)
    return ProviderConnection(provider="wall", status=ConnectionStatus.CONNECTED, account=wall.note)


async def ask(place: Place) -> list[ProviderConnection]:
    """What each vendor says of our token."""
    async with RedactingClient(place.secrets.redact) as http:
        found = await check_connections(place.config, ports_of(place.config, place.secrets, http))
        return redacted(found, place.secrets.redact)


async def look(place: Place) -> list[ProviderConnection]:
    """The same, and whether the secrets are here at all; with agents on other machines, who is there to run them."""
    lacks = _lacking(place)
    found = [_needs(one, lacks[one.provider]) if lacks[one.provider] else one for one in await ask(place)]
    found += [await workers_connection(place)] if place.config.agents.fleet == "workers" else []
    merging = await merge_connection(place) if not any(lacks.values()) else None
    return [*found, *([merging] if merging else [])]


def _lacking(place: Place) -> dict[str, list[str]]:
    """What is wrong with each provider's secrets, its token first."""
    vendors = declared(place.config)
    tokens = {name: vendor.token for name, vendor in vendors.items() if not place.secrets.find(vendor.token)}
    lacks = {name: [f"no {place.secrets.names(tokens[name])[0]}"] if name in tokens else [] for name in vendors}
    for one in missing_secrets(place.config, place.secrets):
        lacks.setdefault(one.provider, []).append(one.words)
    return lacks


async def workers_connection(place: Place) -> ProviderConnection:
    """Workers as one of the connections: ready when they can be let in; who was heard is the account."""
    if lacking := next((one for one in missing_secrets(place.config, place.secrets) if one.secret is WORKERS), None):
        found = ProviderConnection(provider="workers", status=ConnectionStatus.NEEDS_AUTH)
        return _needs(found, [lacking.words])
    line = workers_line(await workers_at(place), utc_now(), place.config.workers)
    heard = f", the last at {line.last_event_at:%Y-%m-%d %H:%M:%S} UTC" if line.last_event_at else ""
    return ProviderConnection(provider="workers", status=ConnectionStatus.CONNECTED, account=f"{line.note}{heard}")


def _needs(found: ProviderConnection, lacks: Sequence[str]) -> ProviderConnection:
    changes = {"error": " and ".join(lacks), "fix": f"factory connect {found.provider}"}
    return found.model_copy(update={"status": ConnectionStatus.NEEDS_AUTH, **changes})


_EXPLAINED = (ConnectionStatus.ERROR, ConnectionStatus.UNAVAILABLE, ConnectionStatus.NEEDS_CONFIG)


def table(found: Sequence[ProviderConnection], out: Output, *, verbose: bool = False) -> str:
    """A line a provider, as wide as the longest name."""
    return "\n".join(aligned([(one.provider, _line(one, out, verbose)) for one in found]))


def _line(one: ProviderConnection, out: Output, verbose: bool) -> str:
    if one.ready and one.provider == "workers":
        return f"{out.mark('ok')} may connect: {one.account}"
    if one.ready and one.provider in ("wall", NAME, *ENGINES):
        return f"{out.mark('ok')} {one.account}"
    if one.ready:
        return f"{out.mark('ok')} connected" + (f" as {one.account}" if verbose and one.account else "")
    said = one.words if verbose or not one.error or one.status in _EXPLAINED else str(one.status)
    run_it = "run: " if one.fix.startswith("factory ") else ""
    return f"{out.mark('fail')} {said} → {run_it}{out.paint('bold', one.fix)}"


def verdict(found: Sequence[ProviderConnection]) -> str:
    unready = [one for one in found if not one.ready]
    if unready and all(one.status is ConnectionStatus.UNAVAILABLE for one in unready):
        names = " and ".join(one.provider for one in unready)
        return f"No agent starts until that is fixed: {names}. The factory does, and tickets wait."
    if not unready:
        return f"{len(found)} of {len(found)} are connected."
    if not any(one.waits_for_a_person for one in unready):
        return f"{len(unready)} of {len(found)} did not answer. The factory starts, and tries them again."
    are, they_are = ("is", "it is") if len(unready) == 1 else ("are", "they are")
    return f"{len(unready)} of {len(found)} {are} not ready. The factory will not start until {they_are}."


def exit_code(found: Sequence[ProviderConnection]) -> int:
    if any(one.waits_for_a_person or one.status is ConnectionStatus.UNAVAILABLE for one in found):
        return 4
    return 0 if all(one.ready for one in found) else 1


def document(found: Sequence[ProviderConnection]) -> dict[str, object]:
    ready = all(one.ready for one in found)
    return {"schema": "factory.check/1", "ready": ready, "connections": [connection(one) for one in found]}


def connection(one: ProviderConnection) -> dict[str, object]:
    argv = one.fix.split() if one.fix.startswith("factory ") else []
    return {**one.model_dump(mode="json"), "fix": argv, "fix_in_words": one.fix}
