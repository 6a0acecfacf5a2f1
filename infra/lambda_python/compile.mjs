// node compile.mjs FOLDER: compile every module in the folder, beside its source, for the Python that Pyodide is.
import { loadPyodide } from "pyodide";

const python = await loadPyodide();
python.FS.mkdir("/package");
python.FS.mount(python.FS.filesystems.NODEFS, { root: process.argv[2] }, "/package");
python.runPython(`
import compileall, py_compile, sys

never_checked = py_compile.PycInvalidationMode.UNCHECKED_HASH
if not compileall.compile_dir(
    "/package", quiet=1, maxlevels=20, stripdir="/package", prependdir="/var/task", invalidation_mode=never_checked
):
    sys.exit(1)
`);
