"""Terraform on a copy of a cloud's module, with a provider that is its schema alone.

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
ROOT = HERE.parents[1]
MODULES = {cloud: ROOT / "infra/terraform" / cloud for cloud in ("aws", "cloudflare")}
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
    if not all(_bindings(cloud).exists() for cloud in MODULES) or not READY.exists():
        pytest.skip("the providers' bindings are not installed: make test")
    home = tmp_path_factory.mktemp("terraform")
    for cloud in MODULES:
        _install(cloud, home)
    settings, mirror = home / "terraformrc", home / "mirror"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return quiet | {"TF_CLI_CONFIG_FILE": str(settings), "HOME": str(home)}


def _bindings(cloud: str) -> Path:
    return HERE / "node_modules/@cdktf" / f"provider-{cloud}"


def _install(cloud: str, home: Path) -> None:
    """A folder in the mirror, laid out as Terraform wants it, with our provider under the real one's name."""
    text = "\n".join(path.read_text() for path in MODULES[cloud].glob("*.tf"))
    schema = home / f"{cloud}.json"
    schema.write_text(json.dumps(schema_of(_bindings(cloud), re.findall(r'^(resource|data) "(\w+)"', text, re.M))))
    name, version = provider_of(_bindings(cloud))
    program = home / "mirror" / name / version / _platform() / f"terraform-provider-{cloud}_v{version}"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nexec '{TOOLS / 'python'}' '{HERE / 'provider.py'}' '{schema}'\n")
    program.chmod(0o755)


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return f"{sys.platform}_{machine}"


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a cloud's module that a test may spoil."""

    def copy(cloud: str) -> Path:
        ignored = shutil.ignore_patterns(".terraform*")
        return Path(shutil.copytree(MODULES[cloud], tmp_path / "module", ignore=ignored))

    return copy


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What the Worker's module reads: the real definition, and a file of each kind."""
    folder = tmp_path / "package"
    for name in ("src/main.py", "src/adapters/data.graphql", "python_modules/pydantic/__init__.py",
                 "python_modules/pydantic/core.so", "python_modules/pydantic/core.pyc"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    shutil.copy(ROOT / "adapters/cloudflare/wrangler.jsonc", folder)
    return folder


@pytest.fixture
def terraform(environment: dict[str, str]) -> Terraform:
    def run(folder: Path, *words: str) -> Ran:
        line = ["terraform", f"-chdir={folder}", *words, "-no-color"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=900)

    return run
