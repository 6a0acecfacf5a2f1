"""docs/reliability.md explains every law; that its tables are current is a matter of tests/core/test_diagram.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from factory_simulator.final_laws import REST_LAWS
from factory_simulator.laws import OUTSIDE_LAWS, every_law
from factory_simulator.write_laws import WRITE_LAWS

from .mutations import MUTATIONS

pytestmark = pytest.mark.pure
ROOT = Path(__file__).resolve().parents[2]


def test_every_law_that_can_break_has_a_sentence() -> None:
    """No law is broken under a name that the page does not explain."""
    code = "\n".join(path.read_text() for path in (ROOT / "factory_simulator").glob("*.py"))
    assert set(re.findall(r'broken\(\s*"([a-z-]+)"', code)) <= set(every_law())


def test_every_law_has_a_name_of_its_own() -> None:
    assert len(every_law()) == len(OUTSIDE_LAWS) + len(WRITE_LAWS) + len(REST_LAWS)


def test_every_mistake_names_a_law() -> None:
    assert {mutation.law for mutation in MUTATIONS} <= set(every_law())
