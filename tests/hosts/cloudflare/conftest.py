"""One Worker in the real runtime for all tests here: the package as it is deployed, with the probe beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import cloudflare_package
from tests.scenarios.sandbox_thread import world

from .deployed import Deployed
from .runtime import node


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make cloudflare-package` makes."""
    node()
    folder = tmp_path_factory.mktemp("cloudflare") / "package"
    cloudflare_package.main(folder)
    return folder


@pytest.fixture(scope="session")
def deployed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Running; the vendors send to acme."""
    with world() as vendors:
        made = Deployed(package, tmp_path_factory.mktemp("deployed"), vendors)
        try:
            made.runtime.start()
            made.subscribe("acme")
            yield made
            assert made.logged_secrets() == []
        finally:
            made.runtime.kill()
