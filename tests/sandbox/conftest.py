from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def schemas() -> Path:
    """Where the vendors' own schemas lie, if they do."""
    return Path(os.environ.get("FACTORY_SCHEMAS", Path(__file__).parents[3] / "shared" / "data"))
