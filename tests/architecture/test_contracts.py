"""The import contracts of pyproject.toml hold, and each of them can be broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .tree import PACKAGES, ROOT

VIOLATIONS = {
    "The command line stands on simulator and sandbox, they stand on the adapters, the adapters stand on the core": (
        "factory_core/overview.py",
        "adapters",
    ),
    "The core is layered in the order in which the work flows": (
        "factory_core/http.py",
        "factory_core.performing.effect_performer",
    ),
    "The core knows no vendor, no store, no host and no terminal": ("factory_core/overview.py", "httpx2"),
    "The machine that decides has no clock, no chance, no loop and no log": ("factory_core/dispatch/triage.py", "time"),
    "Hosts stand on the site, the site on the registry, the registry on fleets and providers": (
        "adapters/providers/http_call.py",
        "adapters.registry",
    ),
    "Only the AWS host knows its SDK": ("adapters/registry.py", "boto3"),
    "Only the Cloudflare host knows the Workers runtime": ("adapters/registry.py", "workers"),
    "Providers do not know each other": ("adapters/providers/slack/text.py", "adapters.providers.linear.marks"),
    "A webhook is verified and parsed without I/O and without a clock": ("adapters/providers/slack/text.py", "httpx2"),
    "The sandbox speaks for the vendors, and so knows nothing of our clients": (
        "factory_sandbox/clock.py",
        "adapters.providers.http_call",
    ),
}
"""Contract → a module, and an import that the contract forbids it."""

NAMES = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]


def lint(root: Path) -> str:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the tree with one violation of each contract."""
    copy = tmp_path_factory.mktemp("spoilt")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, wanted in VIOLATIONS.values():
        with (copy / path).open("a") as file:
            file.write(f"\nimport {wanted}\n")
    return lint(copy)


def test_the_contracts_hold() -> None:
    said = lint(ROOT)
    assert f"Contracts: {len(NAMES)} kept, 0 broken." in said, said


@pytest.mark.parametrize("contract", NAMES)
def test_each_contract_can_be_broken(contract: str, spoilt: str) -> None:
    path, wanted = VIOLATIONS[contract]
    importer = path.removesuffix(".py").replace("/", ".")
    assert f"{contract} BROKEN" in spoilt
    assert f"{importer} -> {wanted}" in spoilt
