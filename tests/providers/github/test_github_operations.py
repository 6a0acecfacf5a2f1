"""The stored GraphQL operations against GitHub's own schema."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

ROOT = Path(__file__).parents[3]
SCHEMAS = Path(os.environ.get("FACTORY_SCHEMAS", ROOT.parent / "shared/data"))
OPERATIONS = sorted((ROOT / "adapters/providers/github/operations").glob("*.graphql"))


def test_every_stored_operation_is_one_that_github_takes() -> None:
    """Each operation is valid against the vendor's full schema."""
    schema = SCHEMAS / "github/schema.graphql"
    if not schema.exists():
        pytest.skip("schema not present")
    built = build_schema(schema.read_text("utf-8"), assume_valid=True)
    wrong = {path.name: validate(built, parse(path.read_text("utf-8"))) for path in OPERATIONS}
    assert not any(wrong.values()), wrong
    assert len(wrong) >= 6
