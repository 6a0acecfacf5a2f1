"""docs/reliability.md says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.simulator.laws import every_law

from .mutations import MUTATIONS

pytestmark = pytest.mark.pure
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()


@pytest.mark.parametrize("law", every_law())
def test_every_law_is_on_the_page(law: str) -> None:
    """By its name, with its sentence."""
    assert f"| `{law}` | {every_law()[law]} |" in PAGE


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mistake_is_on_the_page(mutation: object) -> None:
    """With the law that finds it."""
    name = getattr(mutation, "name", "")
    row = next((line for line in PAGE.splitlines() if line.startswith(f"| {name} |")), "")
    assert set(re.findall("`([a-z-]+)`", row)) & set(every_law())


def test_every_law_that_can_break_has_a_sentence() -> None:
    """No law is broken under a name that the page does not explain."""
    code = "\n".join(path.read_text() for path in (ROOT / "adapters" / "simulator").glob("*.py"))
    assert set(re.findall(r'broken\(\s*"([a-z-]+)"', code)) <= set(every_law())
