"""The stored operations: each is what its file says, and valid against Linear's own schema where that is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate

OPERATIONS = sorted((Path(__file__).parents[3] / "adapters/providers/linear/operations").glob("*.graphql"))
SCHEMAS = Path(os.environ.get("FACTORY_SCHEMAS", Path(__file__).parents[3].parent / "shared" / "data"))


@pytest.mark.pure
@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_an_operation_has_the_name_of_its_file(path: Path) -> None:
    """The client sends the file's name as operationName."""
    (definition,) = parse(path.read_text()).definitions
    assert isinstance(definition, OperationDefinitionNode)
    assert definition.name is not None
    assert definition.name.value == path.stem


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    file = SCHEMAS / "linear" / "schema.graphql"
    if not file.is_file():
        pytest.skip("schema not present")
    return build_schema(file.read_text(), assume_valid=True)


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_an_operation_is_valid_against_the_vendors_schema(path: Path, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(path.read_text())) == []
