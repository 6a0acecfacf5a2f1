"""On a build server (CI=true) a skipped test is a failed one, except where a vendor's schema may not be copied."""

from __future__ import annotations

import os
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples each time; and how long one takes is the machine's, which may be busy.
settings.register_profile("busy", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("busy")

ALLOWED = "schema not present"
TESTS = Path(__file__).parent
MADE_ONCE = (
    "hosts/aws/test_functions.py", "hosts/aws/test_package.py", "hosts/cloudflare",
    "fleets/test_real_engines.py", "hosts/test_pages.py",
    "scenarios/test_hostile_tickets.py",
)  # fmt: skip
LONGEST = (
    "hosts/cloudflare", "simulator/test_hostile.py", "simulator/test_simulation.py",
    "hosts/aws/test_simulated_dynamodb.py",
    "fleets/test_real_engines.py", "scenarios/test_hostile_tickets.py",
)  # fmt: skip


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of the pure tests alone, a file that has none is not imported: importing takes longer than they do."""
    if not (collection_path.name.startswith("test_") and str(config.option.markexpr).startswith("pure")):
        return None
    return "mark.pure" not in collection_path.read_text() or None


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where what all tests share is costly to make, one process runs them all; what takes longest begins first."""
    items.sort(key=lambda item: _order(item.path))
    for item in items:
        if group := _group(item.path):
            item.add_marker(pytest.mark.xdist_group(group))


@cache
def _order(path: Path) -> int:
    return next((n for n, place in enumerate(LONGEST) if path.is_relative_to(TESTS / place)), len(LONGEST))


@cache
def _group(path: Path) -> str:
    return next((place for place in MADE_ONCE if path.is_relative_to(TESTS / place)), "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    return _refused(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    return _refused(report)


def _refused(report: Any) -> Any:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        why = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if ALLOWED not in why:
            report.outcome, report.longrepr = "failed", f"skipped where nothing may be skipped: {why}"
    return report
