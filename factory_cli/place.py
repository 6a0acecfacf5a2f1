"""A configuration on disk: the file, what it says, the secrets beside it, and where its store and work trees lie."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.assembly import utc_now
from adapters.credentials.files import environment_with_file, open_to_others, secrets_here
from adapters.credentials.secrets import Secrets, prefix_of
from adapters.fleets.local_engines.engine_state import EngineState, state_of
from adapters.fleets.local_engines.engines import ENGINES
from adapters.fleets.local_engines.environment import for_engine
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.local.wiring import check_roots, leases_of, load_config
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from adapters.stores.sqlite.store_identity import Marks, behind_link
from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem, Refused, StoreUnavailable
from factory_core.performing.event_recorder import EventRecorder
from factory_core.ports import Fleet, WalledFleet, WallState
from factory_core.run_queue import WorkerFleet
from factory_core.runs.queued_run import Worker

from .output import Output
from .repository import look

FILE = "factory.config.yaml"


class UnknownItem(Refused):
    """The factory keeps no record of that key."""

    code, exit_code = "E-NO-ITEM", 1

    def __init__(self) -> None:
        why = "no ticket of that key is in flight or was finished lately"
        super().__init__("The factory knows no such ticket.", why=why, fix="factory status --all")


class Place(NamedTuple):
    path: Path
    config: FactoryConfig
    environment: Mapping[str, str]  # the process's own, over the .env file
    secrets: Secrets

    @property
    def store(self) -> Path:
        return behind_link(self.path.parent / self.config.store.path)

    @property
    def secrets_file(self) -> Path:
        return self.path.parent / ".env"

    @property
    def home(self) -> Path:
        """Work trees and agents' output."""
        return self.path.parent / ".factory"


def config_argument(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    words = f"the configuration (default: $FACTORY_CONFIG, or ./{FILE})"
    if several:
        parser.add_argument("--config", metavar="FILE", action="append", default=[], help=f"{words}; may be repeated")
    else:
        parser.add_argument("--config", metavar="FILE", default="", help=words)


def path_of(given: str, out: Output) -> Path:
    return Path(given or out.environment.get("FACTORY_CONFIG", "") or FILE)


def place_of(given: str, out: Output) -> Place:
    return places_of([given] if given else [], out)[0]


def places_of(given: Sequence[str], out: Output) -> list[Place]:
    """Raise ConfigProblem for the first configuration that is wrong, and for one tenant in two of them."""
    paths = [path_of(one, out) for one in given or [""]]
    configs = [load_config(path) for path in paths]
    _refuse_twins(configs)
    places = []
    for path, config in zip(paths, configs, strict=True):
        file = path.parent / ".env"
        known = environment_with_file(out.environment, file)
        secrets = secrets_here(out.environment, file, prefix_of(config.tenant, len(paths)))
        places.append(Place(path.absolute(), config, known, secrets))
    return places


def with_roots(places: Sequence[Place], given: Sequence[str]) -> list[Place]:
    """With what `--repo-root [NAME=]PATH` says of repositories; raise ConfigProblem for one that is not configured."""
    found = list(places)
    for one in given:
        named, _, path = one.rpartition("=") if re.match(r"[\w.-]+/[\w.-]+=", one) else ("", "", one)
        root = Path(path).absolute()
        name = named or look(root).repo
        at = next((n for n, place in enumerate(found) if name in place.config.repositories), -1)
        if at < 0:
            known = [name for place in found for name in place.config.repositories]
            why = f"its origin names no repository that is configured ({', '.join(known) or 'none is'})"
            fix = f"factory serve --repo-root {known[0] if known else 'NAME'}=PATH"
            raise ConfigProblem("--repo-root is no checkout of a configured repository", why=why, fix=fix)
        found[at] = found[at]._replace(config=_rooted(found[at].config, name, root))
        check_roots(found[at].config, found[at].path.name, found[at].path.parent)
    return found


def _rooted(config: FactoryConfig, name: str, root: Path) -> FactoryConfig:
    described = config.repositories[name].model_copy(update={"root": str(root)})
    return config.model_copy(update={"repositories": {**config.repositories, name: described}})


def _refuse_twins(configs: Sequence[FactoryConfig]) -> None:
    tenants = [config.tenant for config in configs]
    twin = next((tenant for tenant in tenants if tenants.count(tenant) > 1), "")
    if twin:
        why = "each tenant has its own webhooks, secrets and records"
        raise ConfigProblem(
            f"two configurations name the tenant {twin}", why=why, fix=f"In {FILE}: give each its own tenant"
        )


def warn_of_open_secrets(file: Path, out: Output) -> None:
    if why := open_to_others(file):
        name = relative(file)
        out.say(f"{out.mark('warn', stderr=True)} {name}: {why} → run: chmod 600 {name}")


@contextmanager
def recorder_at(place: Place) -> Iterator[EventRecorder]:
    """Decides and saves; the running server performs. Raises StoreUnavailable."""
    Marks(place.store, place.home).refuse_gone()
    if not place.store.exists():
        why = f"there is no state store {relative(place.store)}"
        raise StoreUnavailable("No factory has run here yet.", why=why, fix="factory serve")
    with closing(SqliteFile(place.store, home=place.home)) as file:
        store, redact = SqliteStateStore(file, place.config.tenant, utc_now), place.secrets.redact
        yield EventRecorder(store, place.config, utc_now, redact=redact)


@contextmanager
def fleet_at(place: Place) -> Iterator[Fleet]:
    """What is known here of runs and workers; nothing is started by it."""
    if place.config.agents.fleet == "local":
        home, policy = place.home / "fleet" / place.config.tenant, place.config.agents.wall
        yield LocalFleet(home, environment=os.environ, clock=utc_now, wall=policy, disk=place.config.disk)
        return
    create_file(place.store, place.home)  # one of an older release has no room for runs yet
    with closing(SqliteFile(place.store, home=place.home)) as file:
        yield WorkerQueueFleet(leases_of(place.config, file), _untold)


async def wall_at(place: Place) -> WallState | None:
    """What keeps agents from the rest of this machine; None where none run that need it."""
    with fleet_at(place) as fleet:
        return await fleet.wall(place.config.engines()) if isinstance(fleet, WalledFleet) else None


async def engines_at(place: Place) -> Sequence[EngineState]:
    """The engines that start on this machine, as far as they exist."""
    if place.config.agents.fleet == "workers":
        return ()
    environment = for_engine(os.environ, place.config.agents.pass_environment)
    known = [ENGINES[name] for name in place.config.engines() if name in ENGINES]
    return await asyncio.gather(*(state_of(engine, environment) for engine in known))


async def workers_at(place: Place) -> Sequence[Worker]:
    """Who was heard within the last day; nobody where no factory has run."""
    if not place.store.exists():
        return ()
    with fleet_at(place) as fleet:
        return await fleet.workers() if isinstance(fleet, WorkerFleet) else ()


async def _untold(run_id: str) -> None:
    raise AssertionError("this fleet starts nothing")


def relative(path: Path) -> str:
    """As a person here would write it; whole where the current directory is gone."""
    try:
        return os.path.relpath(path)
    except OSError:
        return str(path)
