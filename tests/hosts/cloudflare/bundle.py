"""Packs what workerd asks its CDN for, out of the npm package `pyodide`: the interpreter as one Cap'n Proto message.

Its development slot takes a bundle without a checksum. The interpreter's JavaScript is changed where workerd forbids
what it does: it compiles, tells the time and draws chance through what `pyodide-internal:builtin_wrappers` offers.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import capnp

SCHEMA = """@0xcb6cdd9b0e5a4ad1;
struct Bundle { modules @0 :List(Module); }
struct Module {
  name @0 :Text;
  union { src @1 :Data; wasm @4 :Data; data @5 :Data; json @6 :Text; }
  type @2 :Type;
  tsDeclaration @3 :Text;
  compileCache @7 :Data;
}
enum Type { bundle @0; builtin @1; internal @2; }
"""
WRAPPERS = ("newWasmModule", "wasmInstantiate", "monotonicDateNow", "getRandomValues", "patchedLoadLibData")
REPLACED = {
    "new WebAssembly.Module(": "newWasmModule(",
    "WebAssembly.instantiate(": "wasmInstantiate(",
    "Date.now": "monotonicDateNow",
    "crypto.getRandomValues(": "getRandomValues(Module,",
    "getMemory(metadata.memorySize": "Module.getMemoryPatched(Module,libName,metadata.memorySize",
    "function loadLibData(){": "function loadLibData(){var lib=patchedLoadLibData(Module,libName,flags.rpath);"
    "return flags.loadAsync?Promise.resolve(lib):lib;",
    "export default _createPyodideModule;": "export default _createPyodideModule;export{_createPyodideModule};",
}
NO_EVAL = "(()=>{throw new Error('workerd forbids eval')})("


def pack(pyodide: Path, directory: Path) -> None:
    """Write the bundle of the unpacked npm package where workerd's `--pyodide-bundle-disk-cache-dir` looks for it."""
    directory.mkdir(parents=True, exist_ok=True)
    message = _shape().Bundle.new_message()
    parts = (
        ("pyodide.asm", "src", _adapted((pyodide / "pyodide.asm.mjs").read_text()).encode()),
        ("pyodide.asm.wasm", "wasm", (pyodide / "pyodide.asm.wasm").read_bytes()),
        ("python_stdlib.zip", "data", (pyodide / "python_stdlib.zip").read_bytes()),
    )
    for module, (name, kind, content) in zip(message.init("modules", len(parts)), parts, strict=True):
        module.name, module.type = f"pyodideRuntime-internal:{name}", "internal"
        setattr(module, kind, content)
    (directory / "pyodide_dev.capnp.bin").write_bytes(message.to_bytes())


@cache
def _shape() -> Any:
    """Cap'n Proto reads it from a file, and knows each for as long as the process lives."""
    with TemporaryDirectory() as folder:
        schema = Path(folder) / "bundle.capnp"
        schema.write_text(SCHEMA)
        return capnp.load(str(schema))


def _adapted(script: str) -> str:
    for found, instead in REPLACED.items():
        assert found in script, f"this release of pyodide has no {found!r}"
        script = script.replace(found, instead)
    script = re.sub(r"\beval\(", NO_EVAL, script)
    return f'import {{{",".join(WRAPPERS)}}} from "pyodide-internal:builtin_wrappers";\n{script}'
