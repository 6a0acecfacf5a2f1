"""What `wrangler deploy` would upload: the same from the same sources, small, and nothing that no Worker needs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from infra import cloudflare_package

from .deployed import CRON, settings_of
from .runtime import PACKAGES, QUIET, node

LIMIT = 3_000_000  # bytes, compressed: of a free plan, https://developers.cloudflare.com/workers/platform/limits/
NEVER = ("adapters/aws", "adapters/local", "factory_sandbox", "factory_simulator", "factory_cli")


def test_the_same_sources_give_the_same_files(package: Path, tmp_path: Path) -> None:
    cloudflare_package.main(tmp_path / "again")
    assert _files(tmp_path / "again") == _files(package)
    assert not [name for name in _files(package) if name.removeprefix("src/").startswith(NEVER)]


def test_wrangler_takes_it(package: Path, tmp_path: Path) -> None:
    """Every environment, without an account; and it fits into the smallest plan."""
    deploy = [str(node()), str(PACKAGES / "wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", tmp_path]
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **QUIET}
    for more in ([], ["--env", "staging"]):
        done = subprocess.run([*deploy, *more], cwd=package, env=environment, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "env.FACTORY (FactoryObject)" in said, said
        size = re.search(r"gzip: ([\d.]+) KiB", said)
        assert size and float(size[1]) * 1024 < LIMIT, said


def test_the_settings_of_each_environment_are_whole() -> None:
    """What an environment does not inherit stands in it again: its objects, their birth, the clock."""
    settings = settings_of(cloudflare_package.ROOT / "adapters/cloudflare/wrangler.jsonc")
    for environment in (settings, *settings["env"].values()):
        assert environment["durable_objects"]["bindings"] == [{"name": "FACTORY", "class_name": "FactoryObject"}]
        assert environment["migrations"] == [{"tag": "v1", "new_sqlite_classes": ["FactoryObject"]}]
        assert environment["triggers"] == {"crons": [CRON]}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
