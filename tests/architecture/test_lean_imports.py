"""Whoever uses the core alone pays for nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .tree import ROOT

HEAVY = {"starlette", "uvicorn", "httpx2", "sqlite3", "graphql", "yaml", "typer", "click", "rich", "boto3"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("factory_core.intake.intake", HEAVY),
        ("factory_core.overview", HEAVY),
        ("adapters.web.status_page", HEAVY),
        ("adapters.providers.linear.webhook", HEAVY | {"asyncio"}),
        ("adapters.providers.relayfile.webhook", HEAVY | {"asyncio"}),
        ("adapters.local.server", {"prometheus_client"}),
        ("factory_cli.main", HEAVY | {"asyncio", "pydantic", "argparse", "typing"}),
    ],
)
def test_importing_it_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    program = f"import sys; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert heavy & set(said.stdout.split()) == set()
