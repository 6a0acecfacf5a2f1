"""The Worker as a deployment has it: two tenants, their configurations and secrets, and the probe beside it."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from factory_core.dispatch.records import InFlightRecord, State
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt, Vendor
from infra.cloudflare_package import copy
from infra.own_files import own_files, own_graph
from tests.scenarios.sandbox_thread import PATIENCE, World
from tests.scenarios.server_process import HOOKS, TOKENS, config_of, now, until
from tests.scenarios.worker_process import TOKEN

from .remote import Probe
from .runtime import Runtime

TENANTS = ("acme", "globex")
QUICK = {"firstDelay": "0.1s", "lease": "6s", "effectTimeout": "5s"}
STATUS, OPERATOR = "FACTORY_STATUS_TOKEN", "FACTORY_OPERATOR_TOKEN"
PROBED = ("factory_simulator.generate", "factory_simulator.simulation")
CRON = "* * * * *"
HERE = Path(__file__).parent


class Tenant:
    """What its operator knows: secrets and configuration; and what stands in its object."""

    def __init__(self, name: str, world: World, folder: Path) -> None:
        self.tenant, self.path = name, folder / name
        self.path.mkdir()
        self.secrets = {
            known: secrets.token_hex(16) for known in (*HOOKS.values(), *TOKENS.values(), TOKEN, STATUS, OPERATOR)
        }
        agents = {"engine": "console", "cooldown": "0.1s", "fleet": "workers"}
        self.document = config_of(world, tenant=name, agents=agents, runner=QUICK)
        self.config = self.path / "factory.config.yaml"
        self.config.write_text(f"gitUrl: {self.document['github']['gitUrl']}\n")  # what a worker must know of it
        self.probe: Probe

    def texts(self) -> dict[str, str]:
        prefix = self.tenant.upper()
        config = {f"FACTORY_CONFIG_{prefix}": json.dumps(self.document)}
        return config | {f"{prefix}_{known}": value for known, value in self.secrets.items()}

    def record(self, key: str) -> InFlightRecord | None:
        found: InFlightRecord | None = self.probe("store", "get_in_flight", key)
        return found

    def until(self, key: str, holds: Callable[[InFlightRecord], object], patience: float = PATIENCE) -> InFlightRecord:
        def look() -> InFlightRecord | None:
            record = self.record(key)
            return record if record and holds(record) else None

        return until(look, patience, every=0.2)

    def asked(self, key: str) -> str:
        """Wait for the thread of its question."""
        record = self.until(key, lambda record: record.clarification and record.clarification.thread_id)
        assert record.clarification is not None
        return record.clarification.thread_id

    def done(self, key: str) -> InFlightRecord:
        return self.until(key, lambda record: record.state is State.DONE and not record.outbox)

    def run_directories(self) -> list[Path]:
        return sorted(self.path.glob(f".factory/fleet/{self.tenant}*/runs/*"))


class Deployed:
    """The running Worker. `url` is where its tenants' vendors and workers find it."""

    def __init__(self, package: Path, folder: Path, world: World) -> None:
        self.world, self.tenants = world, {name: Tenant(name, world, folder) for name in TENANTS}
        worker = folder / "worker"
        shutil.copytree(package, worker)
        _put_in_probe(worker)
        texts = {name: text for tenant in self.tenants.values() for name, text in tenant.texts().items()}
        (worker / ".dev.vars").write_text("".join(f"{name}='{text}'\n" for name, text in texts.items()))
        self.runtime = Runtime(worker, folder / "runtime")
        for name, tenant in self.tenants.items():
            tenant.probe = Probe(self.runtime, "FACTORY", name)

    @property
    def url(self) -> str:
        return self.runtime.address

    def subscribe(self, name: str) -> None:
        """The vendors send to this tenant, and take its tokens alone."""
        tenant = self.tenants[name]
        for vendor, secret in HOOKS.items():
            self.world.call(
                self.world.sandbox.webhooks.subscribe, vendor, self._hook(name, vendor), tenant.secrets[secret]
            )
        for vendor, token in TOKENS.items():
            self.world.call(self.world.sandbox.set_token, vendor, tenant.secrets[token])

    def post(self, name: str, vendor: Vendor, body: bytes, secret: str = "", event: str = "") -> Any:
        """A webhook that the vendor signed."""
        key = secret or self.tenants[name].secrets[HOOKS[vendor]]
        headers = SIGN[vendor](key, Attempt(secrets.token_hex(8), event, body, now()))
        return self.runtime.http.post(self._hook(name, vendor), content=body, headers=headers)

    def claim(self, name: str, token: str) -> Any:
        """As a worker with this token asks for a run."""
        said = {"schema": "factory.worker/1", "worker": {"id": "worker-of-the-test", "engines": ["console"]}}
        headers = {"Authorization": f"Bearer {token}"}
        return self.runtime.http.post(f"{self.url}/fleet/{name}/claim", json=said, headers=headers)

    def get(self, path: str, name: str = "", password: str = "", **headers: str) -> Any:
        auth = (name, password or self.tenants[name].secrets[STATUS]) if name else None
        return self.runtime.http.get(f"{self.url}{path}", auth=auth, headers=headers)

    def logged_secrets(self) -> list[str]:
        said = self.runtime.log.read_text(errors="replace")
        return [known for one in self.tenants.values() for known, value in one.secrets.items() if value in said]

    def _hook(self, tenant: str, vendor: str) -> str:
        return f"{self.url}/hooks/{tenant}/{vendor}"


def _put_in_probe(worker: Path) -> None:
    shutil.copyfile(HERE / "probe.py", worker / "src/probe.py")
    copy(own_files(own_graph(), PROBED), worker / "src")
    main = worker / "src/main.py"
    *imports, _ = main.read_text().splitlines()
    main.write_text("\n".join([*imports, "from probe import Default, FactoryObject, StoreObject", ""]))
    settings = settings_of(worker / "wrangler.jsonc")
    settings["durable_objects"]["bindings"].append({"name": "STORE", "class_name": "StoreObject"})
    settings["migrations"].append({"tag": "probe", "new_sqlite_classes": ["StoreObject"]})
    (worker / "wrangler.jsonc").write_text(json.dumps(settings))


def settings_of(path: Path) -> dict[str, Any]:
    """wrangler.jsonc without its comments."""
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    settings: dict[str, Any] = json.loads(text)
    return settings
