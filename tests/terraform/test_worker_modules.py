"""The Worker that Terraform uploads is file for file the one that `wrangler deploy` would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import cloudflare_package
from tests.hosts.cloudflare.runtime import PACKAGES, QUIET, node

from .conftest import Terraform

NOT_A_MODULE = "README.md"  # wrangler's own words about the folder
RUN = """
mock_provider "cloudflare" {{}}

variables {{
  account_id = "0123456789abcdef0123456789abcdef"
  tenants    = {{ acme = "intentProvider: linear" }}
  secrets    = []
}}

run "the_files_are_those_of_wrangler" {{
  assert {{
    condition     = sort([for module in cloudflare_worker_version.factory.modules : module.name]) == sort({names})
    error_message = "a file too many, or one too few"
  }}
}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    node()
    folder = tmp_path_factory.mktemp("cloudflare") / "package"
    cloudflare_package.main(folder)
    return folder


def test_terraform_uploads_what_wrangler_would(
    terraform: Terraform, copied: Callable[[str], Path], built: Path, tmp_path: Path
) -> None:
    packed, module = tmp_path / "packed", copied("cloudflare")
    line = [node(), PACKAGES / "wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", packed]
    subprocess.run(
        line,
        cwd=built,
        env={**os.environ, **QUIET, "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=600,
    )
    names = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()} - {NOT_A_MODULE}
    assert len(names) > 300
    (module / "tests/names.tftest.hcl").write_text(RUN.format(names=json.dumps(sorted(names))))
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    ran = terraform(module, "test", "-var", f"package={built}", "-filter=tests/names.tftest.hcl")
    assert ran.returncode == 0, ran.stdout + ran.stderr
