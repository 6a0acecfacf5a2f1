"""One factory on AWS by its names: where its table, queues, configuration and secrets are. No secret is in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from factory_core.errors import ConfigProblem


class Deployment(NamedTuple):
    """As infra/terraform/aws names it all.

    `dead_effects` is a queue's address, `runs` how those of the runs begin; `tasks` is JSON that places_of() reads;
    `api` is the id of the public address in API Gateway.
    """

    name: str
    table: str
    dead_effects: str = ""
    runs: str = ""
    tasks: str = ""
    api: str = ""

    def parameter(self, tenant: str) -> str:
        """The SSM parameter with the tenant's factory.config.yaml."""
        return f"/factory/{self.name}/tenants/{tenant}/config"

    def secret(self, tenant: str) -> str:
        """The secret in Secrets Manager: JSON, a secret's name to its value, or to a list while it is being changed."""
        return f"factory/{self.name}/{tenant}"

    def run_queue(self, tenant: str) -> str:
        """The address of the queue that feeds the tenant's workers."""
        return f"{self.runs}{tenant}"


def deployment_of(environment: Mapping[str, str]) -> Deployment:
    """Raise ConfigProblem when the function's environment does not say which factory it belongs to."""
    missing = [name for name in ("FACTORY_NAME", "FACTORY_TABLE", "FACTORY_RUNS") if not environment.get(name)]
    if missing:
        raise ConfigProblem(
            "this function does not know its factory",
            why=f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in its environment",
            fix="In infra/terraform/aws: run terraform apply",
        )
    return Deployment(
        environment["FACTORY_NAME"],
        environment["FACTORY_TABLE"],
        environment.get("FACTORY_DEAD_EFFECTS", ""),
        environment["FACTORY_RUNS"],
        environment.get("FACTORY_TASKS", ""),
        environment.get("FACTORY_API", ""),
    )
