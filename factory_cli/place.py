"""A configuration on disk: the file, what it says, the secrets beside it, and where its store and work trees lie."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.assembly import utc_now
from adapters.credentials import Secrets, prefix_of
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.local.credentials import environment_with_file, secrets_here
from adapters.local.sqlite_file import SqliteFile, create_file
from adapters.local.wiring import leases_of, load_config
from adapters.sqlite_state_store import SqliteStateStore
from factory_core.config import FactoryConfig
from factory_core.dispatch.effects import Planned
from factory_core.dispatch.queued_run import Worker
from factory_core.dispatch.records import InFlightRecord
from factory_core.errors import ConfigProblem, Refused, StoreUnavailable
from factory_core.factory import Factory
from factory_core.ports import Fleet
from factory_core.run_queue import WorkerFleet
from factory_core.runner.drive import Outcome, Runner

from .output import Output

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
        return self.path.parent / self.config.store.path

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


def _refuse_twins(configs: Sequence[FactoryConfig]) -> None:
    tenants = [config.tenant for config in configs]
    twin = next((tenant for tenant in tenants if tenants.count(tenant) > 1), "")
    if twin:
        why = "each tenant has its own webhooks, secrets and records"
        raise ConfigProblem(
            f"two configurations name the tenant {twin}", why=why, fix=f"In {FILE}: give each its own tenant"
        )


@contextmanager
def factory_at(place: Place) -> Iterator[Factory]:
    """A factory that decides and saves and performs nothing: the running server does. Raises StoreUnavailable.

    Its runner holds leases in nobody's name, and so leaves them free for whoever performs.
    """
    if not place.store.exists():
        why = f"there is no state store {relative(place.store)}"
        raise StoreUnavailable("No factory has run here yet.", why=why, fix="factory serve")
    with closing(SqliteFile(place.store)) as file:
        store = SqliteStateStore(file, place.config.tenant, utc_now)
        runner = Runner(store, _leave, place.config, utc_now, holder="", wake=_nobody)
        yield Factory(place.config, store, runner, utc_now, {}, None, _nobody)


@contextmanager
def fleet_at(place: Place) -> Iterator[Fleet]:
    """What is known here of runs and workers; nothing is started by it."""
    if place.config.agents.fleet == "local":
        yield LocalFleet(place.home / "fleet" / place.config.tenant, environment=os.environ, clock=utc_now)
        return
    create_file(place.store)  # one of an older release has no room for runs yet
    with closing(SqliteFile(place.store)) as file:
        yield WorkerQueueFleet(leases_of(place.config, file), _untold)


async def workers_at(place: Place) -> Sequence[Worker]:
    """Who was heard within the last day; nobody where no factory has run."""
    if not place.store.exists():
        return ()
    with fleet_at(place) as fleet:
        return await fleet.workers() if isinstance(fleet, WorkerFleet) else ()


async def _untold(run_id: str) -> None:
    raise AssertionError("this fleet starts nothing")


async def _leave(record: InFlightRecord, planned: Planned) -> Outcome:
    raise AssertionError("this runner performs nothing")


def _nobody(record: InFlightRecord) -> None:
    """Whom this process would wake: the server looks by itself."""


def relative(path: Path) -> str:
    """As a person here would write it."""
    return os.path.relpath(path)
