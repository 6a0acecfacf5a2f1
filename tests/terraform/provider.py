"""A provider that knows its schema and nothing else: enough for Terraform to validate, and to test with mocks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.runner import run_provider
from tf.schema import Attribute, NestedBlock, Schema

NESTING = {"list": "LIST", "set": "SET", "struct": "SINGLE", "map": "MAP"}
WITHOUT_BLOCKS = {"cloudflare"}  # providers on Terraform's newer framework


class Typed:
    """A type by Terraform's own notation; values pass as they are."""

    def __init__(self, notation: Any) -> None:
        self.notation = notation

    def tf_type(self) -> bytes:
        return json.dumps(self.notation).encode()

    def decode(self, value: Any) -> Any:
        return value


class Nested(NestedBlock):
    """A block in all the ways that blocks nest."""

    def __init__(self, name: str, told: dict[str, Any]) -> None:
        self.type_name, self.told, self.block = name, told, blocks(told["block"])

    def to_pb(self) -> pb.Schema.NestedBlock:
        kind = NESTING[self.told["kind"]]
        counted = kind != "SINGLE"
        return pb.Schema.NestedBlock(
            type_name=self.type_name,
            block=self.block.to_pb().block,
            nesting=pb.Schema.NestedBlock.NestingMode.Value(kind),
            min_items=int(counted and self.told["flags"][2]),
            max_items=int(counted and not self.told["many"]),
        )

    def decode(self, value: Any) -> Any:
        return value


class NestedAttribute(Attribute):
    """What the bindings call a block, where the provider has attributes with attributes: `name = { … }`."""

    def __init__(self, name: str, told: dict[str, Any]) -> None:
        computed, optional, required = told["flags"]
        super().__init__(name, Typed("dynamic"), computed=computed, optional=optional, required=required)
        self.told = told

    def to_pb(self) -> pb.Schema.Attribute:
        inner = [one.to_pb() for one in attributes(self.told["block"], nested=True)]
        nesting = pb.Schema.Object.NestingMode.Value(NESTING[self.told["kind"]])
        found: pb.Schema.Attribute = super().to_pb()
        found.type = b""
        found.nested_type.CopyFrom(pb.Schema.Object(attributes=inner, nesting=nesting))
        return found


def attributes(told: dict[str, Any], *, nested: bool) -> list[Attribute]:
    plain = [
        Attribute(name, Typed(notation), computed=computed, optional=optional, required=required)
        for name, (notation, computed, optional, required) in told["attributes"].items()
    ]
    return [*plain, *(NestedAttribute(*one) for one in told["blocks"].items() if nested)]


def blocks(told: dict[str, Any], *, nested: bool = False) -> Schema:
    found = [] if nested else [Nested(*block) for block in told["blocks"].items()]
    return Schema(attributes=attributes(told, nested=nested), block_types=found)


class SchemaOnly:
    """What `tf` asks a provider; the calls that would do something are not there."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told, self.nested = told, told["name"] in WITHOUT_BLOCKS

    def get_model_prefix(self) -> str:
        return ""

    def full_name(self) -> str:
        name: str = self.told["name"]
        return name

    def get_provider_schema(self, diags: Any) -> Schema:
        return self._schema(self.told["provider"])

    def validate_config(self, diags: Any, config: Any) -> None:
        """Nothing is known beyond the schema."""

    def get_resources(self) -> list[type]:
        return [self._kind(*one) for one in self.told["resource"].items()]

    def get_data_sources(self) -> list[type]:
        return [self._kind(*one) for one in self.told["data"].items()]

    def get_functions(self) -> list[type]:
        return []

    def new_resource(self, kind: type) -> Any:
        return kind()

    new_data_source = new_resource

    def _schema(self, told: dict[str, Any]) -> Schema:
        return blocks(told, nested=self.nested)

    def _kind(self, name: str, told: dict[str, Any]) -> type:
        return type(name, (), {
            "get_name": staticmethod(lambda: name),
            "get_schema": staticmethod(lambda: self._schema(told)),
            "validate": lambda self, diags, type_name, config: None,
        })  # fmt: skip


if __name__ == "__main__":
    run_provider(SchemaOnly(json.loads(Path(sys.argv[1]).read_text())))
