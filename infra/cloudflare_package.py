"""`make cloudflare-package`: the folder that `wrangler deploy` takes, dist/cloudflare.

In it is what the Worker imports, by the import graph; the wheels that infra/cloudflare-requirements.lock names, by
their hashes, for the interpreter of the Workers runtime; and wrangler.jsonc.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

try:
    from .own_files import ROOT, own_files, own_graph
except ImportError:  # run as a program
    from own_files import ROOT, own_files, own_graph

ENTRY = "adapters.cloudflare.entry"
LOCK = ROOT / "infra/cloudflare-requirements.lock"
WANTED = ROOT / "infra/cloudflare-requirements.in"
RUNTIME = [
    "--only-binary", ":all:", "--platform", "pyemscripten_2026_0_wasm32", "--platform", "any",
    "--python-version", "314", "--implementation", "cp", "--abi", "cp314", "--abi", "none", "--no-deps",
]  # fmt: skip
CLASSES = f"from {ENTRY} import Default, FactoryObject\n"


def main(folder: Path) -> None:
    """Into `folder`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    own = copy(own_files(own_graph(), [ENTRY]), folder / "src")
    (folder / "src/main.py").write_text("".join(map(_import, own)) + CLASSES)
    shutil.copyfile(ROOT / "adapters/cloudflare/wrangler.jsonc", folder / "wrangler.jsonc")
    _install(folder / "python_modules")


def copy(files: Iterable[Path], folder: Path) -> list[Path]:
    """To the same places under `folder`, which are returned."""
    places = sorted(path.relative_to(ROOT) for path in files)
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / place, folder / place)
    return places


def _import(path: Path) -> str:
    """Also of what is only imported when it is used: so it is in the snapshot with which the platform starts."""
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return f"import {name}\n" if path.suffix == ".py" else ""


def _install(modules: Path) -> None:
    _pip("--no-compile", "--require-hashes", "--requirement", str(LOCK), *RUNTIME, "--target", str(modules))
    shutil.rmtree(modules / "bin", ignore_errors=True)


def lock() -> None:
    """Write the lock anew: of each package the one wheel that this interpreter takes, and its hash."""
    report = _pip("--dry-run", "--ignore-installed", "--report", "-", "--requirement", str(WANTED), *RUNTIME)
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version']} \\\n"
        f"    --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}\n"
        for one in json.loads(report)["install"]
    ]
    LOCK.write_text("".join(sorted(lines, key=str.lower)))


def _pip(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1:] == ["--lock"]:
        lock()
    else:
        main(ROOT / "dist/cloudflare")
