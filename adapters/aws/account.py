"""What of a deployment is there, and what is missing, asked of the account itself. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from factory_core.config import FactoryConfig
from factory_core.errors import Problem, StoreUnavailable

from ..credentials.secrets import lacking
from ..deployment_checks import DeploymentCheck, failed_check
from ..web.pages import weak_token
from .clients import Clients
from .deployment import Deployment
from .dynamo_client import asked, dynamo_client
from .secrets import NoSecrets, read_secrets, secrets_of
from .table import definition
from .tenants import config_here, read_config_text


def looks(deployment: Deployment, tenants: Mapping[str, FactoryConfig], clients: Clients) -> Iterator[DeploymentCheck]:
    """The table, then each tenant's configuration and secrets. Without the table nothing else is asked."""
    try:
        refuse_other_layout(deployment.table)
    except StoreUnavailable as problem:
        yield failed_check("aws", "table", problem)
        return
    yield DeploymentCheck("aws", "table", deployment.table)
    for tenant, config in tenants.items():
        yield _configuration(deployment, tenant, config, clients)
        yield _secrets(deployment, tenant, config, clients)


def refuse_other_layout(table: str) -> None:
    """Raise StoreUnavailable for a table that cannot be asked, or whose keys and index are another release's."""
    known = asked(dynamo_client, table, "describe_table", {"TableName": table})["Table"]
    wanted = definition(table)
    indexes = {one["IndexName"]: one["KeySchema"] for one in known.get("GlobalSecondaryIndexes", [])}
    ours = {one["IndexName"]: one["KeySchema"] for one in wanted.get("GlobalSecondaryIndexes", [])}
    if known["KeySchema"] != wanted["KeySchema"] or any(indexes.get(name) != keys for name, keys in ours.items()):
        raise StoreUnavailable(
            f"the table {table} cannot be used",
            why="it is laid out for another release of the factory",
            fix="In Terraform: `terraform apply` of this release under another name; the old table stays as it is",
        )


def _configuration(deployment: Deployment, tenant: str, config: FactoryConfig, clients: Clients) -> DeploymentCheck:
    try:
        stored = config_here(read_config_text(clients.ssm, deployment, tenant), tenant, deployment.parameter(tenant))
    except Problem as problem:
        return failed_check(tenant, "configuration", problem)
    same = stored == config.model_copy(update={"tenant": tenant})
    return DeploymentCheck(
        tenant, "configuration", deployment.parameter(tenant) + ("" if same else ", other than the file here")
    )


def _secrets(deployment: Deployment, tenant: str, config: FactoryConfig, clients: Clients) -> DeploymentCheck:
    name = deployment.secret(tenant)
    try:
        secrets = secrets_of(read_secrets(clients.secretsmanager, deployment, tenant), name)
    except Problem as problem:
        return failed_check(tenant, "secrets", problem)
    if missing := [*lacking(config, secrets), *weak_token(secrets)]:
        why = f"it lacks {', '.join(missing)}"
        return DeploymentCheck(tenant, "secrets", f"{name}: {why}", NoSecrets(name, why))
    return DeploymentCheck(tenant, "secrets", name)
