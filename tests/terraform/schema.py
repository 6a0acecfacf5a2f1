"""A provider's schema, read from its published bindings for TypeScript, where the provider itself cannot be had.

The bindings are generated from the provider's own schema, and their source maps carry the generated source: for every
argument whether it is computed, optional or required, its type, and how blocks nest. Value rules are not in there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FLAGS = re.compile(r"^  // (\w+) - computed: (\w+), optional: (\w+), required: (\w+)$", re.MULTILINE)
CLASS = re.compile(r"^export class (\w+) extends cdktf\.\w+ \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
SHAPES = re.compile(
    r"^export function (\w+)ToHclTerraform\(.*?^\}$|synthesizeHclAttributes\(\).*?^  \}$", re.MULTILINE | re.DOTALL
)
SHAPE = re.compile(r'^ +(\w+): \{\n.*\n +isBlock: (\w+),\n +type: "(\w+)",\n +storageClassType: "(\w+)"', re.MULTILINE)
GETTER = re.compile(r"this\.(interpolationForAttribute|get\w+Attribute)\('(\w+)'\)")
GETS = {
    "getStringAttribute": "string", "getNumberAttribute": "number", "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"], "getStringMapAttribute": ["map", "string"],
}  # fmt: skip
SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}

Schema = dict[str, Any]


def provider_of(bindings: Path) -> tuple[str, str]:
    """The provider's full address and version."""
    described = json.loads((bindings / "package.json").read_text())["cdktf"]["provider"]
    return described["name"], described["version"]


def schema_of(bindings: Path, used: Iterable[tuple[str, str]]) -> Schema:
    """`used`: ("resource" or "data", type) pairs, as configuration files name them."""
    cloud = provider_of(bindings)[0].rpartition("/")[2]
    provider = _block(bindings / "lib/provider", f"{cloud.title()}Provider")
    found: Schema = {"name": cloud, "provider": provider, "resource": {}, "data": {}}
    for kind, name in set(used):
        folder = name.removeprefix(f"{cloud}_").replace("_", "-")
        folder = f"data-{cloud}-{folder}" if kind == "data" else folder
        if (bindings / "lib" / folder).is_dir():  # what is not there Terraform itself refuses
            found[kind][name] = _block(bindings / "lib" / folder)
    return found


def _block(folder: Path, name: str = "") -> Schema:
    code = _source(folder / "index.js")
    classes = {found[1]: found[2] for found in CLASS.finditer(code)}
    shapes = {(found[1] or "").lower(): SHAPE.findall(found[0]) for found in SHAPES.finditer(code)}
    root = name or next(key for key, body in classes.items() if "tfResourceType" in body)
    return _described(classes, shapes, root, "")


def _source(path: Path) -> str:
    encoded = path.read_text().rpartition("base64,")[2]
    return str(json.loads(base64.b64decode(encoded))["sourcesContent"][0])


def _described(classes: dict[str, str], shapes: dict[str, Any], owner: str, struct: str) -> Schema:
    body, block = classes.get(owner, ""), {"attributes": {}, "blocks": {}}
    flags = {name: _flags(*rest) for name, *rest in FLAGS.findall(body)}
    for name, is_block, kind, storage in shapes[struct.lower()]:
        if is_block == "true":
            inner = storage.removesuffix("List") if kind in {"list", "set"} else storage
            many = f'List(this, "{name}"' in body
            nested = _described(classes, shapes, f"{inner}OutputReference", inner)
            asked = flags.get(name, [False, True, False])
            block["blocks"][name] = {"kind": kind, "many": many, "flags": asked, "block": nested}
        else:
            block["attributes"][name] = [_type(kind, storage), *flags.get(name, (False, True, False))]
    for getter, name in GETTER.findall(body):
        if getter in GETS and name in flags and name not in block["attributes"]:
            block["attributes"][name] = [GETS[getter], *flags[name]]
    return block


def _flags(computed: str, optional: str, required: str) -> list[bool]:
    """Inside of what is computed as a whole, the bindings call what must be given computed as well."""
    return [computed == "true" != required, optional == "true", required == "true"]


def _type(kind: str, storage: str) -> Any:
    inner = re.sub("(List|Map)$", "", storage)
    return SIMPLE[storage] if kind == "simple" else [kind, SIMPLE.get(inner, "string")]
