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
LOCKS = [ROOT / "infra/cloudflare-requirements.lock", ROOT / "tests/hosts/cloudflare/pyodide-requirements.lock"]
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
    install(LOCKS[0], folder / "python_modules")


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


def install(lock: Path, modules: Path) -> None:
    """The wheels that the lock names, unpacked."""
    _pip("--no-compile", "--require-hashes", "--requirement", str(lock), *RUNTIME, "--target", str(modules))
    shutil.rmtree(modules / "bin", ignore_errors=True)


def write(lock: Path) -> None:
    """The lock anew: of each package the one wheel that this interpreter takes, and its hash."""
    wanted = str(lock.with_suffix(".in"))
    report = _pip("--dry-run", "--ignore-installed", "--report", "-", "--requirement", wanted, *RUNTIME)
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version']} \\\n"
        f"    --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}\n"
        for one in json.loads(report)["install"]
    ]
    lock.write_text("".join(sorted(lines, key=str.lower)))


def _pip(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1:] == ["--lock"]:
        for one in LOCKS:
            write(one)
    else:
        main(ROOT / "dist/cloudflare")
