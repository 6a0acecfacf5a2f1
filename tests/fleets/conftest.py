"""Supervisors that start at once, for the tests that do not ask how they start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.fleets.local_engines import fleet, watchdog
from adapters.simulator.hostile.fast_start import FastStart


@pytest.fixture(scope="session")
def fast_start() -> Iterator[FastStart]:
    """With the product's own times."""
    started = FastStart(watchdog.AFTER_CLOSING, apart=True)
    yield started
    started.close()


@pytest.fixture
def quick_supervisors(fast_start: FastStart, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `supervise.spawn` starts them, without the time that Python and its imports take; with a credential, by it.

    How the product starts them is played by test_fleet_survival.py, by what tests credentials, and by the scenarios.
    """
    spawn = fleet.spawn

    def start(run: Any, held: int, errand: Any, clone_url: str, credential: Any) -> None:
        (spawn if credential else fast_start.start)(run, held, errand, clone_url, credential)

    monkeypatch.setattr(fleet, "spawn", start)
