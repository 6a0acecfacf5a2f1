"""What a deployment to Cloudflare needs: the package, the tools, and each tenant's variable and secrets.

Nothing is changed. The account is asked for the names of its secrets if the environment says with which token; else the
secrets here are looked at, for they are the ones that a person puts in.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2
import yaml

from factory_core.config import FactoryConfig
from factory_core.errors import ConfigProblem, NeedsPerson, NotFound, Problem, Refused, Retryable
from factory_core.payload import object_in, rows, text

from ..credentials.secrets import Secrets, lacking
from ..deployment_checks import DeploymentCheck, failed_check
from ..web.pages import TOKEN, weak_token

PACKAGE = Path("dist/cloudflare")
LARGEST_WORKER = (
    64 * 2**20
)  # bytes, on every plan: https://developers.cloudflare.com/workers/platform/limits/#worker-size
LARGEST_VARIABLE = 5_000  # bytes: https://developers.cloudflare.com/workers/platform/limits/#environment-variables
OLDEST_NODE = 22  # that wrangler runs on
API = "https://api.cloudflare.com/client/v4"


class Tenant(NamedTuple):
    """`text`: of its factory.config.yaml, which is YAML; a variable of the Worker holds it as JSON."""

    config: FactoryConfig
    text: str
    secrets: Secrets


def looks(worker: str, tenants: Mapping[str, Tenant], environment: Mapping[str, str]) -> Iterator[DeploymentCheck]:
    """The package and the tools, then each tenant's configuration and secrets. `worker`: its name in the account."""
    for name, look in (("package", _package), ("node", _node), ("wrangler", _wrangler)):
        try:
            yield DeploymentCheck("cloudflare", name, look())
        except Problem as problem:
            yield failed_check("cloudflare", name, problem)
    known = None
    try:
        known = _known(worker, environment)
    except Problem as problem:
        yield failed_check("cloudflare", "account", problem)
    for name, tenant in tenants.items():
        yield _configuration(name, tenant)
        yield _secrets(name, tenant, worker, known)


def _package() -> str:
    if not (PACKAGE / "wrangler.jsonc").is_file():
        raise _refused("the package is not built", f"there is no {PACKAGE}/wrangler.jsonc", "make cloudflare-package")
    size = sum(path.stat().st_size for path in PACKAGE.glob("[!.]*/**/*") if path.is_file())
    said = f"{PACKAGE}, {size / 2**20:.1f} MiB of {LARGEST_WORKER / 2**20:.0f}"
    if size > LARGEST_WORKER:
        raise _refused("the package is too large", said, "make cloudflare-package")
    return said


def _node() -> str:
    found = shutil.which("node")
    if not found:
        raise _refused(
            "there is no node", "wrangler needs it, and it is not on the PATH", f"install Node {OLDEST_NODE}"
        )
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    major = re.match(r"v(\d+)\.", said)
    if not major or int(major[1]) < OLDEST_NODE:
        raise _refused("node is too old", f"it is {said or 'of no version'}", f"install Node {OLDEST_NODE} or newer")
    return said


def _wrangler() -> str:
    found = next((name for name in ("wrangler", "npx") if shutil.which(name)), "")
    if not found:
        why = "neither wrangler nor npx is on the PATH"
        raise _refused("there is no wrangler", why, "npm install --global wrangler")
    return found if found == "wrangler" else "npx fetches it"


def _configuration(name: str, tenant: Tenant) -> DeploymentCheck:
    file = "factory.config.yaml"
    if tenant.config.agents.fleet != "workers":
        why = "no agent can run in a Worker"
        problem = ConfigProblem(f"{file}: agents.fleet", why=why, fix=f"In {file}: set agents.fleet to workers")
        return failed_check(name, "configuration", problem)
    size = len(json.dumps(yaml.safe_load(tenant.text), ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST_VARIABLE:
        why = f"it has {size} bytes as JSON, and a variable of a Worker holds {LARGEST_VARIABLE}"
        problem = ConfigProblem(f"{file} is too long", why=why, fix=f"In {file}: leave out what is as it is by default")
        return failed_check(name, "configuration", problem)
    return DeploymentCheck(name, "configuration", f"{size} bytes of {LARGEST_VARIABLE}")


def _secrets(name: str, tenant: Tenant, worker: str, known: Collection[str] | None) -> DeploymentCheck:
    """Those of the Worker if it could be asked, else those here."""
    found = tenant.secrets if known is None else tenant.secrets.among(known)
    if missing := _lacking(tenant.config, found):
        return failed_check(name, "secrets", _missing(missing, worker, asked=known is not None))
    where = "here" if known is None else f"in {worker}"
    return DeploymentCheck(name, "secrets", f"{where}: {', '.join(_lacking(tenant.config, found.among(())))}")


def _lacking(config: FactoryConfig, secrets: Secrets) -> list[str]:
    token = weak_token(secrets) if secrets.find(TOKEN) else secrets.names(TOKEN)
    return [*lacking(config, secrets), *token]


def _missing(names: Sequence[str], worker: str, *, asked: bool) -> NeedsPerson:
    where = f"the Worker {worker} lacks" if asked else "neither the environment nor .env has"
    put = f"In the shell: npx wrangler secret bulk .env --name {worker}"
    fix = put if asked else "In .env: add them; `factory connect PROVIDER` asks for a provider's"
    return NeedsPerson("secrets are missing", why=f"{where} {', '.join(names)}", fix=fix, see="docs/cloudflare.md")


def _known(worker: str, environment: Mapping[str, str]) -> frozenset[str] | None:
    """The names of the Worker's secrets; None where nobody may ask.

    https://developers.cloudflare.com/api/resources/workers/subresources/scripts/subresources/secrets/methods/list/
    """
    token, account = (environment.get(f"CLOUDFLARE_{name}", "") for name in ("API_TOKEN", "ACCOUNT_ID"))
    if not token or not account:
        return None
    base = environment.get("CLOUDFLARE_API_BASE_URL") or API
    url = f"{base}/accounts/{account}/workers/scripts/{worker}/secrets"
    try:
        said = httpx2.get(url, headers={"authorization": f"Bearer {token}"}, timeout=10)
    except httpx2.TransportError as error:
        why = f"its API does not answer ({type(error).__name__})"
        raise Retryable("Cloudflare was not asked", why=why, fix="factory deploy cloudflare --dry-run") from None
    if said.status_code == 404:
        why = "the account has no such Worker yet"
        raise NotFound(f"there is no {worker}", why=why, fix="In Terraform: terraform apply", see="docs/cloudflare.md")
    if said.status_code != 200:
        why = f"it answers {said.status_code} to the token in CLOUDFLARE_API_TOKEN"
        fix = "In Cloudflare: give the token the right to edit Workers Scripts of this account"
        raise NeedsPerson("Cloudflare does not say", why=why, fix=fix)
    listed = object_in(said.content)
    if listed is None:
        why = "its answer is no JSON object"
        raise Retryable("Cloudflare was not asked", why=why, fix="factory deploy cloudflare --dry-run")
    return frozenset(text(one, "name") for one in rows(listed, "result"))


def _refused(what: str, why: str, command: str) -> Refused:
    return Refused(what, why=why, fix=f"In the shell: {command}", see="docs/cloudflare.md")
