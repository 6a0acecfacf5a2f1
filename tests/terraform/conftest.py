"""Terraform on a copy of the module, with a provider that is its schema alone.

FACTORY_TERRAFORM_PROVIDER=real: with the provider itself, where its registry can be reached.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .schema import provider_of, schema_of

HERE = Path(__file__).parent
MODULE = HERE.parents[1] / "infra/terraform/aws"
BINDINGS = HERE / "node_modules/@cdktf/provider-aws"
TOOLS, READY = HERE / ".venv/bin", HERE / ".venv/.ready"

Ran = subprocess.CompletedProcess[str]
Terraform = Callable[..., Ran]


@pytest.fixture(scope="session")
def checkov() -> Path:
    if not READY.exists():
        pytest.skip("checkov is not installed: make test")
    return TOOLS / "checkov"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How Terraform finds its provider without asking anybody."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on the PATH")
    quiet = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    if os.environ.get("FACTORY_TERRAFORM_PROVIDER") == "real":
        return quiet
    if not BINDINGS.exists() or not READY.exists():
        pytest.skip("the provider's bindings are not installed: make test")
    home = tmp_path_factory.mktemp("terraform")
    settings = home / "terraformrc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{_mirror(home)}"\n  }}\n}}\n')
    return quiet | {"TF_CLI_CONFIG_FILE": str(settings), "HOME": str(home)}


def _mirror(home: Path) -> Path:
    """A folder laid out as Terraform wants it, with our provider under the real one's name."""
    used = [
        pair for path in MODULE.glob("*.tf") for pair in re.findall(r'^(resource|data) "(\w+)"', path.read_text(), re.M)
    ]
    (home / "schema.json").write_text(json.dumps(schema_of(BINDINGS, used)))
    name, version = provider_of(BINDINGS)
    program = home / "mirror" / name / version / _platform() / f"terraform-provider-aws_v{version}"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nexec '{TOOLS / 'python'}' '{HERE / 'provider.py'}' '{home / 'schema.json'}'\n")
    program.chmod(0o755)
    return home / "mirror"


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return f"{sys.platform}_{machine}"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A copy of the module that a test may spoil."""
    copy = tmp_path / "module"
    shutil.copytree(MODULE, copy, ignore=shutil.ignore_patterns(".terraform*"))
    return copy


@pytest.fixture
def terraform(environment: dict[str, str]) -> Terraform:
    def run(folder: Path, *words: str) -> Ran:
        line = ["terraform", f"-chdir={folder}", *words, "-no-color"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)

    return run
