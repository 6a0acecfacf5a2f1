"""`make aws-package`: the zips that Lambda runs, the same bytes from the same sources on every machine.

In it is what the handlers import, by the import graph; the wheels that infra/aws-requirements.lock names, by their
hashes; and all of it compiled by the Python that will run it, for Lambda's folder cannot be written to.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import grimp

ROOT = Path(__file__).parents[1]
PYTHON = "3.14"  # Lambda's newest whose interpreter can be had as a package, as Pyodide; functions.tf names it too
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")  # Amazon Linux 2023 has 2.34
HANDLERS = "adapters.aws.handlers"
SERVICES = (
    "dynamodb",
    "ssm",
    "secretsmanager",
    "sqs",
    "ecs",
    "cloudwatch",
)  # what botocore knows of the other 400 stays out: 20 MB
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def main(folder: Path) -> None:
    """Both architectures, into `folder`."""
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory() as made:
        unpacked = {architecture: Path(made) / architecture for architecture in MACHINES}
        for architecture, package in unpacked.items():
            _install(package, MACHINES[architecture])
            _copy_own(package)
        _compile(*unpacked.values())
        for architecture, package in unpacked.items():
            target = folder / f"factory-aws-{architecture}.zip"
            _zip(package, target)
            print(f"{target}  {target.stat().st_size / 1e6:.1f} MB")


def _install(package: Path, machine: str) -> None:
    """The wheels; and nothing of botocore's data but what its client for our services reads."""
    platforms = [word for glibc in GLIBC for word in ("--platform", f"{glibc}_{machine}")]
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps",
         "--require-hashes", "--requirement", ROOT / "infra/aws-requirements.lock", "--only-binary", ":all:",
         *platforms, "--python-version", PYTHON, "--implementation", "cp", "--target", package],
        check=True,
    )  # fmt: skip
    shutil.rmtree(package / "bin", ignore_errors=True)
    for service in (package / "botocore/data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)


def _copy_own(package: Path) -> None:
    for path in sorted(own_files()):
        target = package / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def own_files() -> set[Path]:
    """The handlers, what they import, the packages around it, and the data that lies beside it."""
    graph = grimp.build_graph("adapters", "factory_core", exclude_type_checking_imports=True, cache_dir=None)
    handlers = graph.find_children(HANDLERS)
    wanted = set(handlers).union(*(graph.find_upstream_modules(handler) for handler in handlers))
    around = {".".join(name.split(".")[:depth]) for name in wanted for depth in range(1, name.count(".") + 2)}
    modules = {_file(name) for name in around}
    return modules | {data for module in modules for data in module.parent.glob("operations/*")}


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _compile(first: Path, *others: Path) -> None:
    """Once: the architectures differ in what C and Rust became, not in their Python."""
    subprocess.run(  # noqa: S603
        ["node", ROOT / "infra/lambda_python/compile.mjs", first],  # noqa: S607
        check=True,
    )
    for path in first.rglob("*.pyc"):
        for other in others:
            target = other / path.relative_to(first)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)


def _zip(package: Path, target: Path) -> None:
    """Sorted, with one time and one mode for all."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr, entry.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, (package / name).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist")
