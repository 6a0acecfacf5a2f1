"""Every failure on the page of reliability is held by a test or a law that exists."""

from __future__ import annotations

import re

import pytest

from factory_simulator.laws import every_law

from .tree import ROOT, holds

pytestmark = pytest.mark.pure
SECTION = "## Failures that others met"
GROUPS = {"State, leases, restarts", "Events and duplicates", "Agents", "Clarification", "Pull requests"}


def rows() -> list[str]:
    """The lines of the section's tables."""
    section = (ROOT / "docs/reliability.md").read_text().partition(f"{SECTION}\n")[2].partition("\n## ")[0]
    assert set(re.findall("^### (.+)$", section, re.MULTILINE)) > GROUPS
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith("| failure |")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[2:60])
def test_a_failure_that_others_met_is_held_by_what_exists(row: str) -> None:
    """In the last column: tests by path and name, laws by theirs, and nothing else."""
    failure, lesson, held = (cell.strip() for cell in row.strip("|").split("|"))
    assert failure and lesson and held
    assert not [holder for holder in held.split("<br>") if not holds(holder, every_law())]


def test_no_failure_is_told_twice() -> None:
    """Each line is a failure of its own."""
    told = [row.split("|")[1] for row in rows()]
    assert len(set(told)) == len(told)
