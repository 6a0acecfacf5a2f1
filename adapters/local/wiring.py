"""A tenant's factory on this machine: configuration and secrets in, everything connected out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import httpx2

from factory_core.config import FactoryConfig
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.errors import ConfigProblem, StoreUnavailable
from factory_core.intake.intake import Intake
from factory_core.overview import Health, Observed, health, loop_lines, overview
from factory_core.performing.effect_performer import EffectPerformer
from factory_core.performing.event_recorder import EventRecorder, LeaseHolder
from factory_core.performing.reconcile import Sources
from factory_core.ports import Fleet
from factory_core.settings import VendorSettings
from factory_core.status import Line, StatusReport

from ..assembly import handlers_of, keep_organisations, ports_of, utc_now, webhooks_of
from ..clockwork import Clockwork
from ..config_text import config_of
from ..credentials.secrets import Secrets, missing_secrets, refuse_missing_secrets
from ..fleets.local_engines.code_host import CodeHost
from ..fleets.local_engines.engines import ENGINES
from ..fleets.local_engines.environment import for_git
from ..fleets.local_engines.fleet import LocalFleet
from ..fleets.local_engines.git import GitFailed, repository_at
from ..fleets.worker_queue.endpoint import WorkerEndpoint
from ..fleets.worker_queue.fleet import WorkerQueueFleet
from ..fleets.worker_queue.leases import Leases
from ..fleets.worker_queue.long_poll_notifier import LongPollNotifier
from ..logs.log_lines import of_tenant
from ..providers.http_call import RedactingClient, is_refusal, provider_of
from ..registry import WORKERS, declared
from ..stores.sqlite.run_queue import SqliteRunQueue
from ..stores.sqlite.sqlite_file import SqliteFile, create_file
from ..stores.sqlite.state_store import SqliteStateStore
from ..stores.sqlite.store_identity import Marks, behind_link, holders_of
from .clocks import read_clocks
from .performer import BackgroundTasks, check_in, watch_clocks
from .presence import Presence
from .server_clocks import ServerClocks
from .traffic import Traffic
from .unanswered import UnansweredRequests

HOLD = timedelta(seconds=25)  # a worker's claim, while nothing is in line; many proxies hang up after 30 s


def load_config(path: Path) -> FactoryConfig:
    """Read factory.config.yaml (or the same as JSON); every way in which it can be wrong is a ConfigProblem."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        denied = isinstance(error, PermissionError)
        fix = f"In the shell: give the factory's user the right to read {path}" if denied else "factory init"
        raise ConfigProblem(f"{path} cannot be read", why=error.strerror or str(error), fix=fix) from None
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not UTF-8"
        raise ConfigProblem(f"{path.name}: not text", why=why, fix=f"In {path.name}: save it as UTF-8") from None
    config = config_of(text, path.name)
    _check_engines(config, path.name)
    check_roots(config, path.name, path.parent)
    return config


def _check_engines(config: FactoryConfig, file: str) -> None:
    """Every engine that is named must exist; else it would be found out when the first ticket is dispatched."""
    named = [("agents.engine", config.agents.engine)]
    named += [(f"repositories.{name}.engine", one.engine) for name, one in config.repositories.items() if one.engine]
    for key, engine in named:
        if engine not in ENGINES:
            known = ", ".join(ENGINES)
            raise ConfigProblem(f"{file}: {key}", why=f"{engine!r} is none of {known}", fix=f"In {file}: correct {key}")


def checkouts_of(config: FactoryConfig, beside: Path) -> dict[str, Path]:
    """Repository → the git directory of its existing checkout. Raises GitFailed."""
    roots = {name: beside / Path(one.root).expanduser() for name, one in config.repositories.items() if one.root}
    return {name: repository_at(root, for_git(os.environ)) for name, root in roots.items()}


def check_roots(config: FactoryConfig, file: str, beside: Path) -> None:
    """Raise ConfigProblem for a root that is no checkout."""
    for name, repository in config.repositories.items():
        try:
            checkouts_of(config.model_copy(update={"repositories": {name: repository}}), beside)
        except GitFailed as error:
            key = f"repositories.{name}.root"
            why, fix = f"it is no git checkout: {error}", f"In {file}: correct {key}"
            raise ConfigProblem(f"{file}: {key}", why=why, fix=fix) from None


class LocalTenant:
    """One tenant in this process. Use as a context: entering adopts what a predecessor left, leaving lets go of it."""

    def __init__(
        self,
        config: FactoryConfig,
        secrets: Secrets,
        file: SqliteFile,
        presence: Presence,
        home: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.config, self.secrets = config, secrets
        self.vendors = declared(config)
        refuse_missing_secrets(missing_secrets(config, secrets))
        self.store = SqliteStateStore(file, config.tenant, utc_now)
        self.http = RedactingClient(secrets.redact, event_hooks={"response": [self._note_answer]})
        self.background = BackgroundTasks()
        self.here: LocalFleet | None = None
        self.leases: Leases | None = None
        self.door: WorkerEndpoint | None = None  # for workers, when agents run on other machines
        self.notifier = LongPollNotifier()  # at that door
        if config.agents.fleet == "workers":
            self.fleet: Fleet = self._workers(file)
        else:
            self.fleet = self.here = self._local_fleet(home, environment)
        self.ports = ports_of(config, secrets, self.http)
        holder = LeaseHolder(presence.holder, self._wake, presence.is_gone)
        self.recorder = EventRecorder(self.store, config, utc_now, redact=secrets.redact, holder=holder)
        self.intake = Intake(self.recorder, webhooks_of(config, secrets), self.ports.reader)
        handlers = handlers_of(config, self.store, self.ports, self.fleet)
        self.performer = EffectPerformer(self.recorder, handlers, sources=Sources(*self.ports))
        keep_organisations(config, secrets, self.http, self.intake.organisations)
        for source in (self.here, self.leases):
            if source:
                source.finished = self.recorder.finished
        if self.here:
            self.here.is_over, self.here.is_known = self._is_over, self.recorder.knows_run
        if self.leases:
            self.leases.began = self.recorder.began
        self.clockwork = Clockwork(utc_now)
        self.clocks = ServerClocks(utc_now)
        self.traffic = Traffic()
        self.unanswered = UnansweredRequests(self.recorder.gaps.note)

    async def __aenter__(self) -> LocalTenant:
        with of_tenant(self.config.tenant):
            self.recorder.gaps.note("the factory was started")
            if self.here:
                await self.here.adopt()
                self.clockwork.start("runs", self.here.adopt, every=60, within=60)
            if self.leases:
                self.clockwork.start("leases", self.leases.settle_due, every=1, within=120)
            self.clockwork.start("check-in", check_in(self.performer, self.config.runner), every=0.5, within=120)
            self.clockwork.start("sweep", self.performer.sweep, every=0.5, within=1800)  # it waits for the vendors
            self.clockwork.start("clocks", watch_clocks(self.recorder.gaps, read_clocks, 0.5), every=0.5, within=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clockwork.close()
        await self.background.close()
        if self.here:
            await self.here.close()
        await self.http.aclose()

    def observed(self) -> Observed:
        return Observed(self.recorder, self.intake.contacts, self.performer.checked_in_at)

    async def health(self) -> Health:
        """The factory's, with the loops and the clock of this process."""
        found = await health(self.observed(), self.clockwork.states())
        off = self.clocks.words()
        return found.model_copy(update={"degraded": (*found.degraded, off)}) if off else found

    async def overview(self, version: str, more: Sequence[Line] = ()) -> StatusReport:
        """With what else this process knows in `more`. Raises StoreUnavailable."""
        lines = [*loop_lines(self.clockwork.states()), *self.clocks.lines(), *more]
        return await overview(self.observed(), self.fleet, version, "SQLite", lines)

    def _local_fleet(self, home: Path, environment: Mapping[str, str]) -> LocalFleet:
        return LocalFleet(
            home / "fleet" / self.config.tenant,
            environment=environment,
            clock=utc_now,
            credentials=code_host(self.secrets, self.config),
            checkouts=checkouts_of(self.config, home.parent),
            pass_environment=self.config.agents.pass_environment,
            secrets=self.secrets.redact,
            wall=self.config.agents.wall,
            push_within=self.config.runner.effect_timeout * 0.9,  # the rest is for ending git
            disk=self.config.disk,
        )

    async def _is_over(self, work_item_id: str) -> bool | None:
        """None where its work is not known: the store may be an older one, and the work go on when it is found."""
        record = await self.store.get_in_flight(work_item_id)
        return None if record is None or record.state is State.NEW else record.state in ENDED

    def _workers(self, file: SqliteFile) -> WorkerQueueFleet:
        self.leases = leases_of(self.config, file)
        tokens = self.secrets.several(WORKERS)
        self.door = WorkerEndpoint(self.leases, tokens, hold=HOLD, wait=self.notifier.wait, again=timedelta(0))
        return WorkerQueueFleet(self.leases, self.notifier.notify)

    async def _note_answer(self, response: httpx2.Response) -> None:
        """For the health page: which vendor answered well, and when."""
        provider = provider_of(response)
        self.clocks.note(provider, response.headers)
        if provider in self.vendors and response.is_success and not is_refusal(await response.aread()):
            self.intake.answered(provider)

    def _wake(self, record: InFlightRecord) -> None:
        self.background.start(self.performer.perform(record))


def code_host(secrets: Secrets, config: FactoryConfig) -> CodeHost:
    """The code host's token, for the code host alone."""
    vendor = config.output_target
    return CodeHost(
        config.section(vendor, VendorSettings).git_site(),
        secrets.credential(vendor, declared(config)[vendor].token, "git"),
    )


def leases_of(config: FactoryConfig, file: SqliteFile) -> Leases:
    return Leases(SqliteRunQueue(file, config.tenant), utc_now, config.workers)


def open_store(config: FactoryConfig, beside: Path) -> tuple[SqliteFile, Presence]:
    """The store's file, made at the first start here, and this process's presence beside it.

    A file that is gone, empty or not the one that was there, though a factory has run here, is never begun anew and
    never used: everything would begin again.
    """
    path, home = behind_link(beside / config.store.path), beside / ".factory"
    marks = Marks(path, home)
    marks.refuse_gone()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, home)
        marks.refuse_empty(home / "fleet" / config.tenant / "runs")
        return SqliteFile(path, home=home), Presence(holders_of(path))
    except OSError as error:
        fix = "In factory.config.yaml: set store.path to a place where the factory may write"
        raise StoreUnavailable(f"no state store at {path}", why=error.strerror or str(error), fix=fix) from None
