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
from .place import config_argument, places_of

if TYPE_CHECKING:
    from adapters.aws.account import Look

CLOUDS = ["aws"]
FOLDER = Path("infra/terraform/aws")
STEPS = (
    "make aws-package",
    "cp -r infra/terraform/aws/example deploy && cp factory.config.yaml deploy/",
    "cd deploy && terraform init && terraform apply",
    "factory deploy aws --dry-run",
)
_RESOURCE = re.compile(r'^resource "(\w+)" "\w+" {$', re.MULTILINE)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cloud", metavar="CLOUD", help="aws")
    parser.add_argument("--dry-run", action="store_true", help="ask the account what is there; change nothing")
    parser.add_argument("--name", default="main", help="the deployment, as in Terraform's `name` (default: main)")
    config_argument(parser, several=True)


def run(args: argparse.Namespace, out: Output) -> int:
    if args.cloud not in CLOUDS:
        raise unknown("cloud", args.cloud, CLOUDS, lambda near: f"factory deploy {near}", "factory deploy aws")
    if not args.dry_run:
        return out.answer(
            {"schema": "factory.deploy/1", "steps": STEPS}, "\n".join((*STEPS, "", "docs/aws.md says more."))
        )
    resources, found = _resources(), _looks(args, out)
    problems = sum(look.problem is not None for look in found)
    document = {"schema": "factory.deploy/1", "ok": not problems, "resources": resources,
                "looks": [_document(look) for look in found]}  # fmt: skip
    return out.answer(document, _words(resources, found, out), 1 if problems else 0)


def _resources() -> dict[str, int]:
    """Kind to how many blocks of it Terraform's files have; some make one for each tenant or function."""
    if not FOLDER.is_dir():
        why = f"there is no {FOLDER} here"
        raise Refused("What would be made is not known.", why=why, fix="In the shell: cd to a clone of the factory")
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.tf")))
    return dict(sorted(Counter(_RESOURCE.findall(text)).items()))


def _looks(args: argparse.Namespace, out: Output) -> Sequence[Look]:
    from adapters.aws.account import looks
    from adapters.aws.clients import Clients
    from adapters.aws.deployment import Deployment

    tenants = {place.config.tenant: place.config for place in places_of(args.config, out)}
    return tuple(looks(Deployment(args.name, f"factory-{args.name}"), tenants, Clients()))


def _words(resources: dict[str, int], found: Sequence[Look], out: Output) -> str:
    made = aligned([(f"  {kind}", str(count)) for kind, count in resources.items()])
    lines = ["Terraform makes", *made, ""]
    for look in found:
        lines.append(f"{out.mark('fail' if look.problem else 'ok')} {look.section} {look.name}: {look.words}")
        lines += [f"  fix: {out.paint('bold', look.problem.fix)}"] if look.problem else []
    return "\n".join(lines)


def _document(look: Look) -> dict[str, Any]:
    said = {"section": look.section, "name": look.name, "ok": look.problem is None, "words": look.words}
    return {**said, "problem": look.problem.document() if look.problem else None}
