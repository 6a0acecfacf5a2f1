"""What would be made in the cloud, what is there, what is missing. Terraform does the making. Exit 1 on a problem."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory_core.errors import Refused

from .arguments import unknown
from .output import Output, aligned
from .place import Place, config_argument, places_of

if TYPE_CHECKING:
    from adapters.deployment_checks import DeploymentCheck

FOLDER = Path("infra/terraform")
STEPS = {
    "aws": (
        "make aws-package",
        "cp -r infra/terraform/aws/example deploy && cp factory.config.yaml deploy/",
        "cd deploy && terraform init && terraform apply",
        "factory deploy aws --dry-run",
    ),
    "cloudflare": (
        "make cloudflare-package",
        "factory deploy cloudflare --dry-run",
        "cp -r infra/terraform/cloudflare/example deploy && cp factory.config.yaml deploy/",
        "cd deploy && terraform init && terraform apply",
        "npx wrangler secret bulk .env --name factory-main",
    ),
}
_RESOURCE = re.compile(r'^resource "(\w+)" "\w+" {$', re.MULTILINE)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cloud", metavar="CLOUD", help=" or ".join(STEPS))
    parser.add_argument("--dry-run", action="store_true", help="say what is there and what is missing; change nothing")
    parser.add_argument("--name", default="main", help="the deployment, as in Terraform's `name` (default: main)")
    config_argument(parser, several=True)


def run(args: argparse.Namespace, out: Output) -> int:
    if args.cloud not in STEPS:
        raise unknown("cloud", args.cloud, list(STEPS), lambda near: f"factory deploy {near}", "factory deploy aws")
    if not args.dry_run:
        steps = STEPS[args.cloud]
        more = f"docs/{args.cloud}.md says more."
        return out.answer({"schema": "factory.deploy/1", "steps": steps}, "\n".join((*steps, "", more)))
    resources, found = _resources(FOLDER / args.cloud), _looks(args, out)
    problems = sum(look.problem is not None for look in found)
    document = {"schema": "factory.deploy/1", "ok": not problems, "resources": resources,
                "looks": [_document(look) for look in found]}  # fmt: skip
    return out.answer(document, _words(resources, found, out), 1 if problems else 0)


def _resources(folder: Path) -> dict[str, int]:
    """Kind to how many blocks of it Terraform's files have; some make one for each tenant or function."""
    if not folder.is_dir():
        why = f"there is no {folder} here"
        raise Refused("What would be made is not known.", why=why, fix="In the shell: cd to a clone of the factory")
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return dict(sorted(Counter(_RESOURCE.findall(text)).items()))


def _looks(args: argparse.Namespace, out: Output) -> Sequence[DeploymentCheck]:
    places = places_of(args.config, out)
    return _of_aws(args.name, places) if args.cloud == "aws" else _of_cloudflare(args.name, places, out)


def _of_aws(name: str, places: Sequence[Place]) -> Sequence[DeploymentCheck]:
    from adapters.aws.account import looks
    from adapters.aws.clients import Clients
    from adapters.aws.deployment import Deployment

    tenants = {place.config.tenant: place.config for place in places}
    return tuple(looks(Deployment(name, f"factory-{name}"), tenants, Clients()))


def _of_cloudflare(name: str, places: Sequence[Place], out: Output) -> Sequence[DeploymentCheck]:
    from adapters.cloudflare.deployment import Tenant, looks

    tenants = {place.config.tenant: Tenant(place.config, place.path.read_text(), place.secrets) for place in places}
    return tuple(looks(f"factory-{name}", tenants, out.environment))


def _words(resources: dict[str, int], found: Sequence[DeploymentCheck], out: Output) -> str:
    made = aligned([(f"  {kind}", str(count)) for kind, count in resources.items()])
    lines = ["Terraform makes", *made, ""]
    for look in found:
        lines.append(f"{out.mark('fail' if look.problem else 'ok')} {look.section} {look.name}: {look.words}")
        lines += [f"  fix: {out.paint('bold', look.problem.fix)}"] if look.problem else []
    return "\n".join(lines)


def _document(look: DeploymentCheck) -> dict[str, Any]:
    said = {"section": look.section, "name": look.name, "ok": look.problem is None, "words": look.words}
    return {**said, "problem": look.problem.document() if look.problem else None}
