"""The zips that Lambda runs: the same bytes each time, small, compiled for their Python, with all that is imported."""

from __future__ import annotations

import _imp
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import hcl2
import pytest

from infra import aws_package
from infra.aws_package import MACHINES, PYTHON, ROOT, SERVICES

MAGIC = 3627  # of 3.14: https://github.com/python/cpython/blob/3.14/Include/internal/pycore_magic_number.h
UNCHECKED = 1
LIMIT = 20_000_000


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None or not (ROOT / "infra/lambda_python/node_modules/.ready").exists():
        pytest.skip("no Pyodide to compile with: make test")
    folder = tmp_path_factory.mktemp("dist")
    aws_package.main(folder)
    return folder


@pytest.fixture(params=MACHINES)
def package(dist: Path, request: pytest.FixtureRequest) -> zipfile.ZipFile:
    return zipfile.ZipFile(dist / f"factory-aws-{request.param}.zip")


def test_the_same_sources_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    aws_package.main(tmp_path)
    assert _digests(tmp_path) == _digests(dist)


def test_a_package_is_small_and_says_nothing_of_where_and_when_it_was_made(package: zipfile.ZipFile) -> None:
    assert Path(package.filename or "").stat().st_size < LIMIT
    entries = package.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr) for entry in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644 << 16)}


def test_every_module_is_compiled_by_the_runtime_that_runs_it(package: zipfile.ZipFile) -> None:
    """And from the source beside it: an unchecked file that is out of date would be believed."""
    names = set(package.namelist())
    for name in (name for name in names if name.endswith(".py")):
        folder, _, module = name.rpartition("/")
        compiled = package.read(f"{folder}/__pycache__/{module[:-3]}.cpython-314.pyc".lstrip("/"))
        magic = int.from_bytes(compiled[:2], "little")
        assert (magic, int.from_bytes(compiled[4:8], "little")) == (MAGIC, UNCHECKED)
        assert compiled[8:16] == _imp.source_hash(int.from_bytes(compiled[:4], "little"), package.read(name)), name


def test_terraform_runs_it_with_the_python_that_it_was_made_for() -> None:
    plain = hcl2.SerializationOptions(strip_string_quotes=True)
    [resource] = hcl2.loads((ROOT / "infra/terraform/aws/functions.tf").read_text(), serialization_options=plain)[
        "resource"
    ]
    assert resource["aws_lambda_function"]["factory"]["runtime"] == f"python{PYTHON}"


def test_what_was_compiled_by_c_or_rust_is_for_the_machine(dist: Path) -> None:
    for architecture, machine in MACHINES.items():
        names = zipfile.ZipFile(dist / f"factory-aws-{architecture}.zip").namelist()
        libraries = [name for name in names if name.endswith(".so")]
        assert libraries
        assert all(re.search(rf"cpython-314-{machine}-linux-gnu\.so$", name) for name in libraries), libraries


def test_nothing_is_in_it_that_no_function_needs(package: zipfile.ZipFile) -> None:
    own = {name for name in package.namelist() if name.startswith(("adapters/", "factory_"))}
    for part in ("adapters/local", "factory_sandbox", "factory_simulator", "adapters/stores/memory",
                 "adapters/fleets/local_engines", "adapters/cloudflare", "factory_cli"):  # fmt: skip
        assert not {name for name in own if name.startswith(part)}, part
    assert not {name for name in package.namelist() if "/tests/" in name or name.startswith("tests/")}
    services = {
        name.split("/")[2] for name in package.namelist() if name.startswith("botocore/data/") and name.count("/") > 2
    }
    assert services == set(SERVICES)


ALONE = """
import importlib, json, sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path and path] + [sys.argv[1], sys.argv[2]]
for name in ("ingress", "performer", "check_in", "fleet"):
    assert callable(importlib.import_module(f"adapters.aws.handlers.{name}").handler)
from adapters.registry import VENDORS
import adapters.providers.linear.client, adapters.providers.github.client
from botocore.session import get_session
for service in json.loads(sys.argv[3]):
    get_session().create_client(service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
print(sorted({module.split(".")[0] for module in sys.modules if getattr(sys.modules[module], "__file__", None)
              and "site-packages" in str(sys.modules[module].__file__)}))
"""


def test_the_handlers_start_with_nothing_but_the_package(package: zipfile.ZipFile, tmp_path: Path) -> None:
    """On this machine's Python, with this machine's compiled pydantic-core, as the one thing that is not portable."""
    package.extractall(tmp_path / "task")
    for foreign in tmp_path.glob("task/**/*.so"):
        foreign.unlink()
    import pydantic_core

    borrowed = tmp_path / "borrowed"
    shutil.copytree(Path(pydantic_core.__file__).parent, borrowed / "pydantic_core")
    shutil.rmtree(tmp_path / "task/pydantic_core")
    line = [sys.executable, "-I", "-S", "-c", ALONE, str(tmp_path / "task"), str(borrowed), json.dumps(SERVICES)]
    lambdas = {"LAMBDA_TASK_ROOT": str(tmp_path / "task")}  # elsewhere X-Ray's SDK asks X-Ray itself for its rules
    ran = subprocess.run(line, env=lambdas, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
