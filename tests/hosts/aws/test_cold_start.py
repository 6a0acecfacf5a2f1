"""What a cold start may import, and what that costs beside what every function of this kind pays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT
from tests.cli.costs import seconds_of

NEVER = {
    "starlette", "uvicorn", "graphql", "sqlite3", "yaml", "typer", "rich",
    "adapters.local", "factory_sandbox", "factory_simulator", "adapters.stores.memory",
    "adapters.fleets.local_engines", "factory_cli",
}  # fmt: skip
LATER = {"httpx2", "boto3", "botocore.session", "adapters.web.status_page", "factory_core.overview", "adapters.fleets"}
"""What the first webhook may need, or a page, and no import of a module does."""

MODELS = "import factory_core.config, factory_core.dispatch.records"
CLIENT = "import boto3; boto3.client('dynamodb', region_name='us-east-1')"
GOAL = 0.60


@pytest.mark.parametrize(
    ("function", "never"),
    [("ingress", NEVER | LATER), ("performer", NEVER | LATER), ("check_in", NEVER | LATER - {"factory_core.overview"}),
     ("fleet", NEVER | LATER - {"adapters.fleets"}), ("task_ended", NEVER | LATER)],
)  # fmt: skip
def test_a_cold_start_imports_nothing_that_it_may_not_need(function: str, never: set[str]) -> None:
    program = f"import sys, adapters.aws.handlers.{function}; print(*sorted(sys.modules))"
    loaded = set(_run(program).split())
    allowed = {"factory_core.status"} if function == "check_in" else set()
    assert never & loaded - allowed == set()


def test_the_door_is_open_in_less_than_models_and_a_client_take() -> None:
    """The best of interleaved rounds, so that a busy machine slows all of them, and half more than the goal."""
    programs = {"bare": "pass", "door": "import adapters.aws.handlers.ingress", "floor": f"{MODELS}; {CLIENT}"}
    best = dict.fromkeys(programs, float("inf"))
    lambdas = {**os.environ, "LAMBDA_TASK_ROOT": str(ROOT)}
    for _ in range(10):
        for name, program in programs.items():
            best[name] = min(best[name], seconds_of([sys.executable, "-c", program], lambdas))
        ratio = (best["door"] - best["bare"]) / (best["floor"] - best["bare"])
        if ratio < GOAL * 1.5:
            return
    raise AssertionError(f"ingress {ratio:.2f} of (models + boto3 DynamoDB client); goal {GOAL:.2f}")


def _run(program: str) -> str:
    command = [sys.executable, "-c", program]
    lambdas = {**os.environ, "LAMBDA_TASK_ROOT": str(ROOT)}  # elsewhere X-Ray's SDK loads botocore to ask for its rules
    return subprocess.run(command, cwd=ROOT, env=lambdas, capture_output=True, text=True, check=True).stdout
