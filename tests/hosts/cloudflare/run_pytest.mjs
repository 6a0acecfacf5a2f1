// `node run_pytest.mjs <root> <packages>… -- <arguments>`: pytest inside Pyodide, its exit code as ours.
import { loadPyodide } from "pyodide";

const split = process.argv.indexOf("--");
const [root, ...packages] = process.argv.slice(2, split);
const python = await loadPyodide();
const mounted = [root, ...packages].map((folder, n) => {
  python.FS.mkdirTree(`/mounted/${n}`);
  python.mountNodeFS(`/mounted/${n}`, folder);
  return `/mounted/${n}`;
});
python.globals.set("paths", mounted);
python.globals.set("arguments", process.argv.slice(split + 1));
process.exitCode = python.runPython(`
import os, sys
sys.path[:0] = list(paths)[::-1]
sys.dont_write_bytecode = True
os.chdir(paths[0])
import pytest
from tests.hosts.cloudflare.loop_without_io import be_the_loop
be_the_loop()
int(pytest.main(list(arguments)))
`);
